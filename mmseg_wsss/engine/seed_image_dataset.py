"""Reads images at all scales the seeds need, in DataLoader workers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.utils.data import Dataset

from mmseg_wsss.seeds import Seed
from mmseg_wsss.seeds.dropout import draw_channel_weights
from mmseg_wsss.utils.image import read_image, resize_image, shrunk_size

from .seed_image import SeedImage
from .seed_view import SeedView


@dataclass
class SeedSample:
    """What the network and the refinement need of one image.

    Attributes:
        info (SeedImage): Id, path and tags.
        image (np.ndarray): (H, W, 3) uint8 RGB, at its own size unless that is too large.
        size (tuple[int, int]): Height and width of the image's file, the size of its masks.
        views (list[Tensor]): The image at the scale of each view, (h, w, 3) uint8 RGB each. Empty
            if the image has no tags: there is nothing to activate.
        channels (list[Tensor]): The channel weights of each view, (1 or 2, seeds of the view, C)
            float32, the mirror image's second. Empty without dropout at seed time.
    """

    info: SeedImage
    image: np.ndarray
    size: tuple[int, int]
    views: list[Tensor]
    channels: list[Tensor]

    def halved(self) -> SeedSample:
        """The same sample with half the sides, for want of memory; the masks' size stays."""
        return SeedSample(
            self.info,
            _halve(self.image),
            self.size,
            [torch.from_numpy(_halve(view.numpy())) for view in self.views],
            self.channels,
        )


class SeedImageDataset(Dataset):
    """Images with their views and the dropout of each.

    Args:
        images (Sequence[SeedImage]): The images.
        views (Sequence[SeedView]): See :func:`mmseg_wsss.engine.seed_view.plan_views`.
        seeds (Sequence[Seed]): The seeds.
        num_channels (int, optional): Channels of the feature map. None: no dropout at seed time.
        num_draws (int): Draws of Dropout2d per seed and view.
        random_seed (int): What all draws start from.
        flip (bool): Whether each view is used together with its mirror image.
    """

    def __init__(
        self,
        images: Sequence[SeedImage],
        views: Sequence[SeedView],
        seeds: Sequence[Seed],
        num_channels: int | None,
        num_draws: int = 1,
        random_seed: int = 0,
        flip: bool = True,
    ) -> None:
        self.images = list(images)
        self.views = list(views)
        self.seeds = list(seeds)
        self.num_channels = num_channels
        self.num_draws = num_draws
        self.random_seed = random_seed
        self.flip = flip

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> SeedSample:
        info = self.images[index]
        image = self.read(info.path)
        size = image.shape[:2]
        height, width = shrunk_size(*size)
        if (height, width) != size:
            print_log(
                f'Image {info.image_id} has {size[0]} x {size[1]} pixels (height x width): its '
                f'seeds are made at {height} x {width} and enlarged.',
                'current',
                level=logging.WARNING,
            )
            image = resize_image(image, (height, width), 'area')
        if not info.tags:
            return SeedSample(info, image, size, [], [])
        views = [
            torch.from_numpy(resize_image(image, view.size(height, width))) for view in self.views
        ]
        channels = []
        if self.num_channels is not None:
            channels = [self._channels(info.image_id, view) for view in self.views]
        return SeedSample(info, image, size, views, channels)

    def read(self, path: str) -> np.ndarray:
        """Read an image, uint8 (H, W, 3) RGB."""
        return read_image(path)

    def _channels(self, image_id: str, view: SeedView) -> Tensor:
        weights = [
            [
                draw_channel_weights(
                    self.num_channels,
                    self.seeds[index].dropout,
                    self.num_draws,
                    self.random_seed,
                    image_id,
                    self.seeds[index].name,
                    f'{view.scale:.6f}',
                    mirrored,
                )
                for index in view.seeds
            ]
            for mirrored in ((False, True) if self.flip else (False,))
        ]
        return torch.from_numpy(np.array(weights))


def _halve(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return resize_image(image, (max(1, height // 2), max(1, width // 2)), 'area')
