"""From the activation maps of one image to its files."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor

from mmseg_wsss.seeds import Seed, SeedStore, aggregate_seeds
from mmseg_wsss.seeds.crf import DenseCRF
from mmseg_wsss.seeds.refine import refine_seed_batch

from .seed_image_dataset import SeedSample

KEEP_KINDS = ('all', 'aggregate')


class SeedWriter:
    """Refines the maps of an image, lets the seeds vote and writes the masks.

    Args:
        store (SeedStore): Where the masks go.
        seeds (Sequence[Seed]): The seeds.
        num_classes (int): Number of labels K, background included.
        palette (Sequence): Colours of the labels.
        background (dict, optional): See :func:`mmseg_wsss.seeds.background.background_score`.
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
        background: dict | None = None,
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
            np.ndarray: (B, S, H, W) uint8.
        """
        arguments = (
            [sample.image for sample in samples],
            [sample.info.tags for sample in samples],
            self.background,
            self.refinement,
            self.crf,
        )
        try:
            return refine_seed_batch(maps, *arguments).cpu().numpy()
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
        return refine_seed_batch(maps, *arguments).numpy()

    def write(self, sample: SeedSample, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Aggregate the seeds of an image and write everything.

        Args:
            sample (SeedSample): The image.
            masks (np.ndarray): (S, H, W) uint8.

        Returns:
            tuple: Pixels of each aggregated label (K,), pixels by agreement (S + 1,) and the number
            of bytes written.
        """
        label, agreement = aggregate_seeds(masks, self.num_classes, **self.aggregate)
        image_id = sample.info.image_id
        kept = {}
        if self.keep == 'all':
            kept = {seed.name: mask for seed, mask in zip(self.seeds, masks, strict=True)}
        num_bytes = self.store.write(image_id, kept, label, agreement, self.palette)
        return (
            np.bincount(label.ravel(), minlength=256)[: self.num_classes],
            np.bincount(agreement.ravel(), minlength=len(self.seeds) + 1),
            num_bytes,
        )
