"""Makes the seeds of a data set: activation maps, dense CRF, vote, masks on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmengine import dist
from mmengine.logging import print_log
from torch import nn

from ..checks.images import DataItem
from ..seeds import IGNORE_INDEX, PAPER_SEEDS, Seed
from ..seeds.background import Background, list_backgrounds
from ..seeds.crf.dense_crf import DenseCRF
from ..seeds.refine import REFINE_KINDS
from ..store import SeedManifest, SeedStore
from ..utils.digest import weights_sha256
from ..utils.palette import label_palette
from .extractor import ActivationExtractor
from .images import SeedImage, check_seed_images, plan_batches
from .pipeline import KEEP_KINDS, SeedPipeline, SeedSummary, SeedWriter
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
    call: images whose masks are complete are not made again.

    Args:
        model (nn.Module | Mapping[float, nn.Module]): One classifier with a
            :class:`mmseg_wsss.models.heads.ClassActivationHead` (dropout at seed time), or one per
            dropout rate (dropout at training time only).
        classes (Sequence[str]): All class names, background first.
        palette (Sequence, optional): RGB colour of each class. By default PASCAL VOC's.
        seeds (Sequence): Seeds, or (dropout, scale) pairs. By default the paper's six.
        scales (Sequence[float]): The multi-scale set that each seed's scale multiplies; (1.0,)
            gives single-scale maps.
        flip (bool): Whether to use the mirror images as well.
        num_draws (int): Draws of Dropout2d per seed and view, averaged.
        random_seed (int): What all draws start from.
        background (Mapping | Sequence[Mapping], optional): Arguments of
            :func:`mmseg_wsss.seeds.background.background_score`; of several, each seed takes the
            next in turn.
        refine (str, optional): None, ``'irn'``, ``'psa'`` or ``'deeplab'``.
        crf (dict, optional): Arguments of :class:`mmseg_wsss.seeds.DenseCRF` besides the preset.
        aggregate (dict, optional): ``tie`` of
            :func:`mmseg_wsss.seeds.aggregate_seeds` and ``seed_order``, the names of all seeds,
            best first.
        keep (str): ``'all'`` or ``'aggregate'`` (two small files per image, no seeds).
        device (str | torch.device): Where the network and the CRF run.
        batch_size (int, optional): Images of one size per batch. By default 1 on a CPU, 8 on a GPU.
        num_workers (int, optional): Processes that read images; 0 reads in this one. By default 1
            on a CPU, 8 on a GPU.
        num_writers (int, optional): Threads that vote and write, on a CPU refine as well; 0 does
            it in turn. By default 1 on a CPU, 4 on a GPU.
        amp (str, optional): ``'bfloat16'`` or ``'float16'`` for the backbone.
        channels_last (bool): Whether the backbone runs in channels-last memory format.
        compile_backend (str, optional): Backend of torch.compile for the backbone, ``'inductor'``
            as a rule; pays for many images on a GPU.

    Raises:
        ValueError: If an argument is invalid or the model does not fit the classes.
    """

    def __init__(
        self,
        model: nn.Module | Mapping[float, nn.Module],
        classes: Sequence[str],
        palette: Sequence | None = None,
        seeds: Sequence = PAPER_SEEDS,
        scales: Sequence[float] = (0.5, 1.0, 1.5, 2.0),
        flip: bool = True,
        num_draws: int = 1,
        random_seed: int = 0,
        background: Background | None = None,
        refine: str | None = 'irn',
        crf: dict | None = None,
        aggregate: dict | None = None,
        keep: str = 'all',
        device: str | torch.device = 'cpu',
        batch_size: int | None = None,
        num_workers: int | None = None,
        num_writers: int | None = None,
        amp: str | None = None,
        channels_last: bool = True,
        compile_backend: str | None = None,
    ) -> None:
        if keep not in KEEP_KINDS:
            raise ValueError(f'keep must be one of {", ".join(KEEP_KINDS)}, got {keep!r}.')
        if refine is not None and refine not in REFINE_KINDS:
            raise ValueError(
                f'refine must be None or one of {", ".join(REFINE_KINDS)}, got {refine!r}.'
            )
        backgrounds = list_backgrounds(background)
        self.classes = list(classes)
        self.palette = [list(map(int, color)) for color in palette or label_palette(len(classes))]
        self.seeds = [seed if isinstance(seed, Seed) else Seed(*seed) for seed in seeds]
        self.device = torch.device(device)
        self.extractor = ActivationExtractor(
            model, self.seeds, scales, flip, self.device, amp, channels_last, compile_backend
        )
        if self.extractor.num_classes != len(self.classes) - 1:
            raise ValueError(
                f'The classifier has {self.extractor.num_classes} foreground classes, the data set '
                f'{len(self.classes) - 1}: num_classes of the head must be the number of classes '
                'without the background.'
            )
        self.num_draws, self.random_seed = num_draws, random_seed
        # A single one as a dict, as manifests of seed roots have it.
        self.background = backgrounds if len(backgrounds) > 1 else backgrounds[0]
        self.refine = refine
        self.crf_options = dict(crf or {})
        self.aggregate = {'tie': 'lowest', **(aggregate or {})}
        self.seed_order = self.aggregate.pop('seed_order', None)
        if self.seed_order is not None:
            self.aggregate['seed_order'] = _positions(self.seed_order, self.seeds)
        self.keep = keep
        defaults = _GPU_DEFAULTS if self.device.type == 'cuda' else _CPU_DEFAULTS
        self.batch_size, self.num_workers, self.num_writers = (
            default if given is None else given
            for given, default in zip((batch_size, num_workers, num_writers), defaults, strict=True)
        )
        self.model = model
        # Everything that changes a mask, nothing that does not.
        self.parameters = dict(
            mode='inference' if self.extractor.shared else 'training',
            scales=list(scales),
            flip=flip,
            num_draws=num_draws,
            random_seed=random_seed,
            background=self.background,
            refine=refine,
            crf=self.crf_options,
            keep=keep,
            amp=amp,
            compile_backend=compile_backend,
        )

    def run(
        self,
        images: Sequence[SeedImage],
        out: str | os.PathLike,
        overwrite: bool = False,
        config_sha256: str | None = None,
    ) -> SeedSummary:
        """Make the seeds of all images that have none yet.

        Args:
            images (Sequence[SeedImage]): The images, with different ids.
            out (str | os.PathLike): The seed root.
            overwrite (bool): Whether to replace a seed root made otherwise, instead of refusing.
            config_sha256 (str, optional): Hash of the config, for the manifest.

        Returns:
            SeedSummary: Of all processes together.

        Raises:
            ValueError: If there are no images, an id comes twice, an image cannot be read, or the
                seed root was made with other settings.
        """
        check_seed_images(images, len(self.classes))
        store = SeedStore(out)
        manifest = self._manifest(images, config_sha256)
        if dist.is_main_process():
            store.open(manifest, overwrite=overwrite)
        dist.barrier()
        started = time.monotonic()
        names = [seed.name for seed in self.seeds] if self.keep == 'all' else []
        work = share_work(
            plan_batches(images, self.batch_size),
            lambda index: store.is_complete(
                images[index].image_id, names, len(self.seeds), len(self.classes)
            ),
        )
        check_images(
            [
                DataItem(images[index].image_id, images[index].path, tags=images[index].tags)
                for batch in work.todo
                for index in batch
            ],
            self.classes,
            parallel=self.num_workers > 0,
        )
        summary = SeedSummary(
            skipped=work.done,
            empty=[images[i].image_id for i in work.looked_at if not images[i].tags],
            labels=np.zeros(len(self.classes), np.int64),
            agreement=np.zeros(len(self.seeds) + 1, np.int64),
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

    def _manifest(self, images: Sequence[SeedImage], config_sha256: str | None) -> SeedManifest:
        return SeedManifest(
            classes=self.classes,
            palette=self.palette,
            seeds=[seed.as_dict() for seed in self.seeds],
            ignore_index=IGNORE_INDEX,
            tie=self.aggregate['tie'],
            seed_order=self.seed_order,
            parameters=self.parameters,
            config_sha256=config_sha256,
            checkpoint_sha256=weights_sha256(self.model),
            images=[image.image_id for image in images],
        )

    def _pipeline(self, store: SeedStore) -> SeedPipeline:
        writer = SeedWriter(
            store,
            self.seeds,
            len(self.classes),
            self.palette,
            self.background,
            self.refine,
            DenseCRF(self.refine, **self.crf_options) if self.refine else None,
            self.aggregate,
            self.keep,
        )
        return SeedPipeline(
            self.extractor,
            writer,
            self.num_draws,
            self.random_seed,
            self.num_workers,
            self.num_writers,
        )


def _positions(order: Sequence[str], seeds: Sequence[Seed]) -> list[int]:
    names = [seed.name for seed in seeds]
    if sorted(order) != sorted(names):
        raise ValueError(
            f'aggregate.seed_order must name every seed once, best first: {names}, got '
            f'{list(order)}.'
        )
    return [names.index(name) for name in order]
