"""From the activation maps of one image to its files."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

from mmseg_wsss.seeds import Seed, SeedStore, aggregate_seeds
from mmseg_wsss.seeds.background import Background
from mmseg_wsss.seeds.crf import DenseCRF
from mmseg_wsss.seeds.refine import refine_seed_batch
from mmseg_wsss.utils.image import resize_image
from mmseg_wsss.utils.memory import LEAST_SIDE, is_out_of_memory

from .seed_image_dataset import SeedSample

KEEP_KINDS = ('all', 'aggregate')


class SeedWriter:
    """Refines the maps of an image, lets the seeds vote and writes the masks.

    Args:
        store (SeedStore): Where the masks go.
        seeds (Sequence[Seed]): The seeds.
        num_classes (int): Number of labels K, background included.
        palette (Sequence): Colours of the labels.
        background (Mapping | Sequence[Mapping], optional): See
            :func:`mmseg_wsss.seeds.refine.refine_seeds`.
        refine (str, optional): See :func:`mmseg_wsss.seeds.refine.refine_seeds`.
        crf (DenseCRF, optional): The dense CRF.
        aggregate (dict, optional): Arguments of :func:`mmseg_wsss.seeds.aggregate_seeds`.
        keep (str): ``'all'``: the seeds, the aggregate and the agreement. ``'aggregate'``: the
            latter two only.
    """

    def __init__(
        self,
        store: SeedStore,
        seeds: Sequence[Seed],
        num_classes: int,
        palette: Sequence,
        background: Background | None = None,
        refine: str | None = 'irn',
        crf: DenseCRF | None = None,
        aggregate: dict | None = None,
        keep: str = 'all',
    ) -> None:
        self.store = store
        self.seeds = list(seeds)
        self.num_classes = num_classes
        self.palette = palette
        self.background = background
        self.refinement = refine
        self.crf = crf
        self.aggregate = dict(aggregate or {})
        self.keep = keep

    @torch.inference_mode()
    def refine(self, samples: Sequence[SeedSample], maps: Tensor) -> np.ndarray:
        """Label masks of images with one size and one number of tags.

        Args:
            samples (Sequence[SeedSample]): B images.
            maps (Tensor): (B, S, P, H, W) normalised activation maps, on any device.

        Returns:
            np.ndarray: (B, S, H, W) uint8; less than H, W where memory does not suffice.
        """
        try:
            return self._refine(samples, maps)
        except torch.cuda.OutOfMemoryError:
            maps = maps.cpu()
        torch.cuda.empty_cache()
        print_log(
            f'GPU memory does not suffice to refine {samples[0].info.image_id} and '
            f'{len(samples) - 1} more images of {samples[0].image.shape[:2]}: it is done on the '
            'CPU.',
            'current',
            level=logging.WARNING,
        )
        return self._refine(samples, maps)

    def _refine(self, samples: Sequence[SeedSample], maps: Tensor) -> np.ndarray:
        height, width = maps.shape[-2:]
        images = [resize_image(sample.image, (height, width), 'area') for sample in samples]
        tags = [sample.info.tags for sample in samples]
        try:
            labels = refine_seed_batch(
                maps, images, tags, self.background, self.refinement, self.crf
            )
            return labels.cpu().numpy()
        except (MemoryError, RuntimeError) as error:
            if maps.is_cuda or not is_out_of_memory(error) or min(height, width) <= LEAST_SIDE:
                raise
        size = (height // 2, width // 2)
        print_log(
            f'Memory does not suffice to refine {samples[0].info.image_id} {(height, width)}: it '
            f'is done at {size} and enlarged.',
            'current',
            level=logging.WARNING,
        )
        smaller = F.interpolate(maps.flatten(0, 1), size, mode='area')
        return self._refine(samples, smaller.unflatten(0, maps.shape[:2]))

    def write(self, sample: SeedSample, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Aggregate the seeds of an image and write everything.

        Args:
            sample (SeedSample): The image.
            masks (np.ndarray): (S, H, W) uint8; those of a shrunk image are enlarged.

        Returns:
            tuple: Pixels of each aggregated label (K,), pixels by agreement (S + 1,) and the number
            of bytes written.
        """
        label, agreement = aggregate_seeds(masks, self.num_classes, **self.aggregate)
        image_id = sample.info.image_id
        kept = {}
        if self.keep == 'all':
            kept = {
                seed.name: resize_image(mask, sample.size, 'nearest')
                for seed, mask in zip(self.seeds, masks, strict=True)
            }
        # The vote of enlarged masks is the enlarged vote.
        label = resize_image(label, sample.size, 'nearest')
        agreement = resize_image(agreement, sample.size, 'nearest')
        num_bytes = self.store.write(image_id, kept, label, agreement, self.palette)
        return (
            np.bincount(label.ravel(), minlength=256)[: self.num_classes],
            np.bincount(agreement.ravel(), minlength=len(self.seeds) + 1),
            num_bytes,
        )
