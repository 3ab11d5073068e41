"""Makes the seeds of a data set: activation maps, dense CRF, vote, masks on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine import dist
from mmengine.logging import print_log
from torch import nn

from ..checks.images import DataItem
from ..checks.report import examples
from ..seeds import IGNORE_INDEX
from ..seeds.crf.dense_crf import DenseCRF
from ..store import AGGREGATED_FOLDER, SeedManifest, SeedStore
from ..utils.digest import json_sha256, weights_sha256
from ..utils.palette import label_palette
from .extractor import ActivationExtractor
from .images import SeedImage, check_seed_images, plan_batches
from .pipeline import SeedPipeline, SeedSummary, SeedWriter
from .settings import SeedSettings
from .sharing import check_images, share_work

# Batch size, reading processes, writing threads.
_CPU_DEFAULTS = (1, 1, 1)
_GPU_DEFAULTS = (8, 8, 4)


class SeedGenerator:
    """Makes and writes the seeds of images.

    The network, the reading of images and the writing of masks run side by side; memory is bounded
    whatever the number of images. Several processes share the images by torch.distributed. Neither
    their number nor the order of the images changes a mask: the draws of the dropout are keyed by
    names, and batches are planned over all images. A run that was stopped is resumed by the same
    call: images whose masks are complete, and made of the tags and the photograph of today, are
    not made again. Masks of images that are no longer listed are dropped.

    Args:
        model (nn.Module | Mapping[float, nn.Module]): One classifier with a
            :class:`mmseg_wsss.models.heads.ClassActivationHead` (dropout at seed time), or one per
            dropout rate (dropout at training time only).
        classes (Sequence[str]): All class names, background first.
        palette (Sequence, optional): RGB colour of each class. By default PASCAL VOC's.
        settings (SeedSettings, optional): How; by default as ``options`` say.
        **options: Attributes of :class:`SeedSettings`, in place of ``settings``.

    Raises:
        ValueError: If a setting is invalid or the model does not fit the classes.
    """

    def __init__(
        self,
        model: nn.Module | Mapping[float, nn.Module],
        classes: Sequence[str],
        palette: Sequence | None = None,
        settings: SeedSettings | None = None,
        **options: Any,
    ) -> None:
        self.settings = SeedSettings(**options) if settings is None else settings
        self.classes = list(classes)
        self.palette = [list(map(int, color)) for color in palette or label_palette(len(classes))]
        self.seeds = list(self.settings.seeds)
        self.device = torch.device(self.settings.device)
        self.extractor = ActivationExtractor(
            model,
            self.seeds,
            self.settings.scales,
            self.settings.flip,
            self.device,
            self.settings.amp,
            self.settings.channels_last,
            self.settings.compile_backend,
        )
        if self.extractor.num_classes != len(self.classes) - 1:
            raise ValueError(
                f'The classifier has {self.extractor.num_classes} foreground classes, the data set '
                f'{len(self.classes) - 1}: num_classes of the head must be the number of classes '
                'without the background.'
            )
        self.aggregate = dict(self.settings.aggregate)
        self.seed_order = self.aggregate.pop('seed_order', None)
        if self.seed_order is not None:
            names = self.settings.seed_names
            self.aggregate['seed_order'] = [names.index(name) for name in self.seed_order]
        defaults = _GPU_DEFAULTS if self.device.type == 'cuda' else _CPU_DEFAULTS
        given = (
            self.settings.batch_size,
            self.settings.num_workers,
            self.settings.num_writers,
        )
        self.batch_size, self.num_workers, self.num_writers = (
            default if value is None else value
            for value, default in zip(given, defaults, strict=True)
        )
        self.model = model

    def run(
        self,
        images: Sequence[SeedImage],
        out: str | os.PathLike,
        overwrite: bool = False,
        config: Mapping[str, Any] | None = None,
    ) -> SeedSummary:
        """Make the seeds of all images that have none yet, or those of other tags or photographs.

        Args:
            images (Sequence[SeedImage]): The images, with different ids.
            out (str | os.PathLike): The seed root.
            overwrite (bool): Whether to replace a seed root made otherwise, or to drop more than
                half of its images, instead of refusing.
            config (Mapping, optional): What of the config decides what the seeds are, for the
                manifest; see :func:`~mmseg_wsss.generation.settings.config_content`.

        Returns:
            SeedSummary: Of all processes together.

        Raises:
            ValueError: If there are no images, an id comes twice, an image cannot be read, or the
                seed root was made with other settings or has more than twice as many images.
        """
        check_seed_images(images, len(self.classes))
        store = SeedStore(out)
        manifest = self._manifest(images, config)
        dropped: list[str] = []
        if dist.is_main_process():
            dropped = store.open(manifest, overwrite=overwrite)
        dist.barrier()
        started = time.monotonic()
        changes: dict[str, str] = {}
        work = share_work(
            plan_batches(images, self.batch_size),
            lambda index: self._is_done(images[index], store, changes),
        )
        _log_changes(changes, dropped)
        check_images(
            [
                DataItem(images[index].image_id, images[index].path, tags=images[index].tags)
                for batch in work.todo
                for index in batch
            ],
            # A table of a few images would say that classes are missing.
            self.classes if len(work.left) == len(images) else None,
            parallel=self.num_workers > 0,
        )
        summary = SeedSummary(
            skipped=work.done,
            empty=[images[i].image_id for i in work.looked_at if not images[i].tags],
            labels=np.zeros(len(self.classes), np.int64),
            agreement=np.zeros(len(self.seeds) + 1, np.int64),
            dropped=len(dropped),
        )
        wanted = {images[index].image_id for index in work.left}
        if work.todo:
            self._pipeline(store).run(images, work.todo, wanted, summary)
        summary.seconds = time.monotonic() - started
        dist.barrier()
        parts = dist.all_gather_object(summary)
        total = SeedSummary.merge(parts)
        print_log(total.report(self.classes), 'current')
        return total

    def _is_done(self, image: SeedImage, store: SeedStore, changes: dict[str, str]) -> bool:
        """Tell whether an image has all its masks, made of what it is today; note what changed."""
        names = self.settings.seed_names if self.settings.keep == 'all' else []
        change = store.records.change(
            image.image_id, image.path, [self.classes[tag] for tag in image.tags]
        )
        if change is not None:
            if store.mask_path(AGGREGATED_FOLDER, image.image_id).exists():
                changes[image.image_id] = change
            return False
        return store.is_complete(image.image_id, names, len(self.seeds), len(self.classes))

    def _manifest(
        self, images: Sequence[SeedImage], config: Mapping[str, Any] | None
    ) -> SeedManifest:
        parameters = self.settings.parameters(self.extractor.shared)
        if config is not None:
            parameters['config'] = config
        return SeedManifest(
            classes=self.classes,
            palette=self.palette,
            seeds=[seed.as_dict() for seed in self.seeds],
            ignore_index=IGNORE_INDEX,
            tie=self.aggregate['tie'],
            seed_order=self.seed_order,
            parameters=parameters,
            config_sha256=None if config is None else json_sha256(config),
            checkpoint_sha256=weights_sha256(self.model),
            images=[image.image_id for image in images],
        )

    def _pipeline(self, store: SeedStore) -> SeedPipeline:
        writer = SeedWriter(
            store,
            self.seeds,
            self.classes,
            self.palette,
            self.settings.backgrounds,
            self.settings.refine,
            DenseCRF(self.settings.refine, **self.settings.crf) if self.settings.refine else None,
            self.aggregate,
            self.settings.keep,
        )
        return SeedPipeline(
            self.extractor,
            writer,
            self.settings.num_draws,
            self.settings.random_seed,
            self.num_workers,
            self.num_writers,
        )


def _log_changes(changes: dict[str, str], dropped: list[str]) -> None:
    """Log which masks of an earlier run are made anew or were dropped, and why."""
    everyones = sorted(
        f'those of {image_id} {change}'
        for part in dist.all_gather_object(changes)
        for image_id, change in part.items()
    )
    if everyones:
        print_log(
            f'The masks of {len(everyones)} images are made anew; {"; ".join(everyones[:5])}'
            f'{"; ..." * (len(everyones) > 5)}',
            'current',
        )
    if dropped:
        print_log(
            f'{len(dropped)} images are no longer in the data set, their masks were dropped: '
            f'{examples(dropped)}',
            'current',
        )
