"""The images that seeds are made of: which scales they need, how they are read and batched."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine import fileio
from mmengine.logging import print_log
from torch import Tensor
from torch.utils.data import Dataset

from ..datasets.tags_dataset import without_saliency
from ..registry import DATASETS
from ..seeds import Seed
from ..seeds.dropout import draw_channel_weights
from ..store import Fingerprint
from ..utils.image import decode_image, resize_image, shrunk_size
from ..utils.image_info import describe_image


@dataclass(frozen=True)
class SeedImage:
    """An image and its tags.

    Attributes:
        image_id (str): Id, the name of its masks in the seed root.
        path (str): Path of the image.
        tags (tuple[int, ...]): Label indices of its tags, ascending, 1 to K-1; may be empty.
    """

    image_id: str
    path: str
    tags: tuple[int, ...]


def read_images(dataset: Mapping[str, Any]) -> tuple[list[SeedImage], list[str], list | None]:
    """List the images of a :class:`mmseg_wsss.datasets.TagsDataset` and their tags.

    Args:
        dataset (Mapping): Config of the data set; its pipeline is not used.

    Returns:
        tuple: The images, all class names (background first), the palette or None.

    Raises:
        ValueError: If the data set is no ``TagsDataset``; what the data set itself refuses, such as
            an image without a tags entry, is raised as it is.
    """
    config = {**without_saliency(dataset), 'pipeline': [], 'lazy_init': False}
    expected = 'expected a TagsDataset, which knows ids and tags of the images.'
    try:
        built = DATASETS.build(config)
    except TypeError as error:
        # Wrappers such as ConcatDataset have no pipeline of their own.
        raise ValueError(
            f'seed_generation.dataset, a {dataset.get("type")}, cannot be built ({error}); '
            f'{expected}'
        ) from None
    if not hasattr(built, 'all_classes'):
        raise ValueError(f'seed_generation.dataset is a {type(built).__name__}; {expected}')
    images = []
    for index in range(len(built)):
        info = built.get_data_info(index)
        tags = tuple(sorted(label + 1 for label in info['gt_label']))
        images.append(SeedImage(info['image_id'], info['img_path'], tags))
    return images, list(built.all_classes), built.metainfo.get('palette')


def check_seed_images(images: Sequence[SeedImage], num_classes: int) -> None:
    """Make sure that there are images, with different ids and valid tags.

    Args:
        images (Sequence[SeedImage]): The images.
        num_classes (int): K, background included.

    Raises:
        ValueError: If there is no image, an id comes twice, or a tag is not 1 to K-1.
    """
    if not images:
        raise ValueError('There are no images to make seeds of: the data set is empty.')
    seen: set[str] = set()
    for image in images:
        if image.image_id in seen:
            raise ValueError(f'Image id {image.image_id} comes twice in the data set.')
        seen.add(image.image_id)
        outside = [tag for tag in image.tags if not 1 <= tag < num_classes]
        if outside:
            raise ValueError(
                f'Image {image.image_id} has the tags {outside}; labels of foreground classes '
                f'are 1 to {num_classes - 1}.'
            )


@dataclass(frozen=True)
class SeedView:
    """One scale of the image and the seeds that use it.

    Attributes:
        scale (float): Scale of the image, a seed's own times one of the multi-scale set.
        seeds (tuple[int, ...]): Indices of the seeds.
    """

    scale: float
    seeds: tuple[int, ...]

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(h, w) of an image of ``height`` x ``width`` at this scale, at least 1 x 1."""
        return max(1, round(height * self.scale)), max(1, round(width * self.scale))


def plan_views(seeds: Sequence[Seed], scales: Sequence[float]) -> list[SeedView]:
    """The scales needed for all seeds, ascending, shared between seeds where they coincide.

    Args:
        seeds (Sequence[Seed]): The seeds.
        scales (Sequence[float]): The multi-scale set; a single 1.0 gives single-scale maps.

    Returns:
        list[SeedView]: One per different product of a seed's scale and a scale of the set.

    Raises:
        ValueError: If there is no seed or no scale, a scale is not positive or given twice.
    """
    if not seeds or not scales:
        raise ValueError('At least one seed and one scale are needed.')
    if min(scales) <= 0 or len(set(scales)) != len(scales):
        raise ValueError(f'scales must be positive and differ, got {tuple(scales)}.')
    users: dict[float, list[int]] = {}
    for index, seed in enumerate(seeds):
        for scale in scales:
            users.setdefault(round(seed.scale * scale, 6), []).append(index)
    return [SeedView(scale, tuple(users[scale])) for scale in sorted(users)]


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
        fingerprint (Fingerprint, optional): Of the image's file as it was read.
    """

    info: SeedImage
    image: np.ndarray
    size: tuple[int, int]
    views: list[Tensor]
    channels: list[Tensor]
    fingerprint: Fingerprint | None = None

    def halved(self) -> SeedSample:
        """The same sample with half the sides, for want of memory; the masks' size stays."""
        return SeedSample(
            self.info,
            _halve(self.image),
            self.size,
            [torch.from_numpy(_halve(view.numpy())) for view in self.views],
            self.channels,
            self.fingerprint,
        )


class SeedImageDataset(Dataset):
    """Images with their views and the dropout of each.

    Args:
        images (Sequence[SeedImage]): The images.
        views (Sequence[SeedView]): See :func:`mmseg_wsss.generation.images.plan_views`.
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
        image, fingerprint = self.read(info.path)
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
            return SeedSample(info, image, size, [], [], fingerprint)
        views = [
            torch.from_numpy(resize_image(image, view.size(height, width))) for view in self.views
        ]
        channels = []
        if self.num_channels is not None:
            channels = [self._channels(info.image_id, view) for view in self.views]
        return SeedSample(info, image, size, views, channels, fingerprint)

    def read(self, path: str) -> tuple[np.ndarray, Fingerprint | None]:
        """Read an image once: uint8 (H, W, 3) RGB, and the fingerprint of its file."""
        content = fileio.get(path)
        return decode_image(content, path), Fingerprint.of_content(content)

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


def plan_batches(images: Sequence[SeedImage], batch_size: int) -> list[list[int]]:
    """Group images of equal size.

    The plan is made over all images, whatever is done already and whoever does the rest: the last
    bits of a convolution may depend on the size of its batch, so a batch must be the same in every
    run. Only the files' headers are read, and nothing for single images.

    Args:
        images (Sequence[SeedImage]): All images.
        batch_size (int): Images per batch at most.

    Returns:
        list[list[int]]: Indices of the images of each batch, ordered by their first.

    Raises:
        ValueError: If ``batch_size`` is below 1 or a file is no image.
    """
    if batch_size < 1:
        raise ValueError(f'batch_size must be at least 1, got {batch_size}.')
    if batch_size == 1:
        return [[index] for index in range(len(images))]
    open_batches: dict[tuple[int, int], list[int]] = {}
    batches = []
    for index, image in enumerate(images):
        size = _stored_size(image.path)
        batch = open_batches.setdefault(size, [])
        if not batch:
            batches.append(batch)
        batch.append(index)
        if len(batch) == batch_size:
            del open_batches[size]
    return batches


def _stored_size(path: str) -> tuple[int, int]:
    with fileio.get_local_path(path) as local:
        info = describe_image(local)
    return info.width, info.height
