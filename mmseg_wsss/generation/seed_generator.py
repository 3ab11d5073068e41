"""Makes the seeds of a data set: activation maps, dense CRF, vote, masks on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from mmengine import dist
from mmengine.logging import print_log
from torch import nn

from ..checks.images import DataItem
from ..checks.report import examples
from ..seeds import IGNORE_INDEX, find_losing_votes
from ..seeds.background import Background
from ..store import AGGREGATED_FOLDER, SUPERVISIONS, SeedManifest, SeedStore
from ..utils.digest import json_sha256, weights_sha256
from ..utils.palette import label_palette
from .background_fit import fit_background
from .images import SeedImage, check_seed_images, plan_batches
from .pipeline import SeedPipeline, SeedSummary, SeedWriter
from .settings import SeedSettings
from .sharing import check_images, share_work
from .sources import build_source, check_features

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
    not made again. Masks of images that are no longer listed are dropped. Aggregates that a person
    corrected stay as they are.

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
        self.source = build_source(model, self.settings)
        self.refiners = self.settings.build_refiners()
        check_features(self.source, self.refiners)
        if self.source.num_classes != len(self.classes) - 1:
            raise ValueError(
                f'The classifier has {self.source.num_classes} foreground classes, the data set '
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
                manifest; see :func:`~mmseg_wsss.generation.config_content.config_content`.

        Returns:
            SeedSummary: Of all processes together.

        Raises:
            ValueError: If there are no images, an id comes twice, an image cannot be read, or the
                seed root was made with other settings, has more than twice as many images, or has
                corrected masks of photographs that were replaced or are no longer listed.
        """
        check_seed_images(images, len(self.classes))
        store = SeedStore(out)
        manifest = self._manifest(images, config)
        background = self.settings.build_backgrounds()
        if self.settings.fits_background:
            fit = self._background_fit(store, manifest, images, overwrite)
            manifest.parameters['background_fit'] = fit
            background = self.settings.build_backgrounds(fit['threshold'])
        dropped: list[str] = []
        if dist.is_main_process():
            dropped = store.open(manifest, overwrite=overwrite)
        dist.barrier()
        started = time.monotonic()
        changes: dict[str, str] = {}
        replaced: dict[str, str] = {}
        work = share_work(
            plan_batches(images, self.batch_size),
            lambda index: self._is_done(images[index], store, changes, replaced),
        )
        _refuse_replaced(replaced, store)
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
        self._check_refiners([images[index] for batch in work.todo for index in batch])
        summary = SeedSummary(
            skipped=work.done,
            empty=[images[i].image_id for i in work.looked_at if not images[i].tags],
            labels=np.zeros(len(self.classes), np.int64),
            agreement=np.zeros(len(self.seeds) + 1, np.int64),
            dropped=len(dropped),
        )
        wanted = {images[index].image_id for index in work.left}
        if work.todo:
            self._pipeline(store, background).run(images, work.todo, wanted, summary)
        summary.seconds = time.monotonic() - started
        dist.barrier()
        parts = dist.all_gather_object(summary)
        total = SeedSummary.merge(parts)
        print_log(total.report(self.classes), 'current')
        manifest = SeedManifest.load(store.manifest_path)
        if manifest.supervision != SUPERVISIONS['I']:
            print_log(f'Supervision: {manifest.supervision}', 'current')
        return total

    def _is_done(
        self,
        image: SeedImage,
        store: SeedStore,
        changes: dict[str, str],
        replaced: dict[str, str],
    ) -> bool:
        """Tell whether an image has all its masks, made of what it is today; note what changed.

        Of the changes, those of photographs whose masks a person corrected are in ``replaced``.
        """
        names = self.settings.seed_names if self.settings.keep == 'all' else []
        change = store.records.change(
            image.image_id, image.path, [self.classes[tag] for tag in image.tags]
        )
        corrected = store.corrections.has(image.image_id)
        if corrected and (record := store.records.read(image.image_id)) is not None:
            other = record.change_of_photograph(image.path)
            if other is not None:
                replaced[image.image_id] = other
                return False
        if change is not None:
            if store.mask_path(AGGREGATED_FOLDER, image.image_id).exists():
                changes[image.image_id] = change
            return False
        numbers = len(self.seeds), len(self.classes)
        if corrected and not store.corrections.is_applied(image.image_id):
            return False
        if store.is_complete(image.image_id, names, *numbers, losing_votes=True):
            return True
        if not store.is_complete(image.image_id, names, *numbers):
            return False
        if not names:
            changes[image.image_id] = 'have no losing votes (made by an earlier version)'
            return False
        # Made by an earlier version as well; the seeds, which are kept, need no network.
        seeds = store.read_seeds(image.image_id, names)
        losing_votes = find_losing_votes(seeds, len(self.classes), **self.aggregate)
        store.write_losing_votes(image.image_id, losing_votes)
        return True

    def _manifest(
        self, images: Sequence[SeedImage], config: Mapping[str, Any] | None
    ) -> SeedManifest:
        parameters = self.settings.parameters(self.source, self.refiners)
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

    def _check_refiners(self, images: Sequence[SeedImage]) -> None:
        """Let refiners look at this process's images; all processes stop where one does."""
        ids, paths = [one.image_id for one in images], [one.path for one in images]
        problems = []
        for refiner in self.refiners:
            try:
                refiner.check(ids, paths)
            except ValueError as error:
                problems.append(str(error))
        found = sum(dist.all_gather_object(problems), [])
        if found:
            raise ValueError(found[0])

    def _background_fit(
        self,
        store: SeedStore,
        manifest: SeedManifest,
        images: Sequence[SeedImage],
        overwrite: bool,
    ) -> dict[str, Any]:
        """Of the root's manifest where it was made in the same way, else found anew.

        A root that :meth:`SeedStore.open` would refuse is refused before minutes are spent on
        looking for one. More images or fewer do not change the threshold of a root, nor where
        they lie.
        """
        fit = None
        with suppress(FileNotFoundError, ValueError):
            fit = SeedManifest.load(store.manifest_path).parameters.get('background_fit')
        if fit is not None:
            manifest.parameters['background_fit'] = fit
        if store.check(manifest, overwrite) and fit is not None:
            return fit
        manifest.parameters.pop('background_fit', None)
        fit = fit_background(self.source, self.refiners, self.settings, images)
        print_log(
            f'Background threshold, found from {fit["images"]} images without any mask: '
            f'{fit["threshold"]:.3f}',
            'current',
        )
        return fit

    def _pipeline(self, store: SeedStore, background: Background) -> SeedPipeline:
        writer = SeedWriter(
            store,
            self.seeds,
            self.classes,
            self.palette,
            background,
            self.refiners,
            self.aggregate,
            self.settings.keep,
        )
        return SeedPipeline(
            self.source,
            writer,
            self.settings.num_draws,
            self.settings.random_seed,
            self.num_workers,
            self.num_writers,
        )


def _refuse_replaced(replaced: dict[str, str], store: SeedStore) -> None:
    """Stop all processes where a photograph is not the one that a person corrected the mask of."""
    everyones: dict[str, str] = {}
    for part in dist.all_gather_object(replaced):
        everyones.update(part)
    if everyones:
        lines = [f'the corrected mask of {one}: {everyones[one]}' for one in sorted(everyones)]
        raise ValueError(
            f'{store.root}: the photographs of {len(lines)} images whose masks are corrected by '
            'hand were replaced:\n  '
            + '\n  '.join(lines[:10] + ['...'] * (len(lines) > 10))
            + '\nPut the photographs back, or give these corrections up: '
            f'tools/import_annotations.py {store.root} --discard ID ...'
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
