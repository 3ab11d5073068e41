"""Runs the network, the reading of images and the writing of masks side by side."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.utils.data import DataLoader

from ..seeds import Seed, aggregate_seeds, find_losing_votes
from ..seeds.background import Background
from ..seeds.refine import RefinerInput, SeedRefiner, refine_seed_batch
from ..store import ImageRecord, SeedStore
from ..utils.image import resize_image
from ..utils.parallel import prepare_process
from ..utils.progress import Progress
from .images import SeedImage, SeedSample
from .out_of_memory import refine_within_memory
from .sources import SeedSource, check_features


@dataclass
class SeedSummary:
    """Counts of a run, of one process or of all.

    Attributes:
        made (int): Images made in this run.
        skipped (int): Images found complete.
        empty (list[str]): Ids of images without any tag, all background.
        seconds (float): Wall time.
        labels (np.ndarray): (K,) int64, pixels of each aggregated label.
        agreement (np.ndarray): (S + 1,) int64, pixels by the number of agreeing seeds.
        num_bytes (int): Bytes of the masks written.
        dropped (int): Images whose masks were dropped, as the data set no longer has them.
    """

    made: int = 0
    skipped: int = 0
    empty: list[str] = field(default_factory=list)
    seconds: float = 0.0
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    agreement: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    num_bytes: int = 0
    dropped: int = 0

    @classmethod
    def merge(cls, parts: Sequence[SeedSummary]) -> SeedSummary:
        """Sum of the processes' counts; the wall time is the longest."""
        return cls(
            made=sum(part.made for part in parts),
            skipped=sum(part.skipped for part in parts),
            empty=sorted(image_id for part in parts for image_id in part.empty),
            seconds=max(part.seconds for part in parts),
            labels=sum(part.labels for part in parts),
            agreement=sum(part.agreement for part in parts),
            num_bytes=sum(part.num_bytes for part in parts),
            dropped=sum(part.dropped for part in parts),
        )

    @property
    def noisy_share(self) -> float:
        """Share of the voted pixels on which not all seeds agree; 0 if nothing was made."""
        voted = self.agreement[1:].sum()
        return float(self.agreement[1:-1].sum() / voted) if voted else 0.0

    def report(self, classes: Sequence[str]) -> str:
        """The summary in words and figures, several lines."""
        rate = f'{self.seconds / self.made:.3f} s an image' if self.made else 'nothing to do'
        size = f', {self.num_bytes / self.made / 1e3:.1f} kB an image' if self.made else ''
        dropped = f', {self.dropped} dropped' if self.dropped else ''
        lines = [
            f'Seeds: {self.made} images made, {self.skipped} found complete{dropped}, '
            f'{self.seconds:.1f} s ({rate}{size})'
        ]
        total = self.labels.sum()
        if total:
            lines.append(
                'Share of the aggregated pixels: '
                + ', '.join(
                    f'{name} {count / total:.2%}'
                    for name, count in zip(classes, self.labels, strict=True)
                    if count
                )
            )
            lines.append(f'Pixels on which not all seeds agree: {self.noisy_share:.2%}')
        if self.empty:
            shown = ', '.join(self.empty[:10]) + (', ...' if len(self.empty) > 10 else '')
            lines.append(f'Images without any tag, all background: {len(self.empty)} ({shown})')
        return '\n'.join(lines)


KEEP_KINDS = ('all', 'aggregate')
# Maps (S, P, H, W) and, if a refiner needs them, features (C, h, w) of an image.
_Maps = tuple[Tensor, Tensor | None]


class SeedWriter:
    """Refines the maps of an image, lets the seeds vote and writes the masks.

    Args:
        store (SeedStore): Where the masks go.
        seeds (Sequence[Seed]): The seeds.
        classes (Sequence[str]): K class names, background first.
        palette (Sequence): Colours of the labels.
        background (Mapping | Callable | Sequence, optional): See
            :func:`mmseg_wsss.seeds.refine.refine_seeds`.
        refiners (Sequence[SeedRefiner]): The chain of refiners.
        aggregate (dict, optional): Arguments of :func:`mmseg_wsss.seeds.aggregate_seeds`.
        keep (str): ``'all'``: the seeds, the aggregate, the agreement and the losing votes.
            ``'aggregate'``: without the seeds.
    """

    def __init__(
        self,
        store: SeedStore,
        seeds: Sequence[Seed],
        classes: Sequence[str],
        palette: Sequence,
        background: Background | None = None,
        refiners: Sequence[SeedRefiner] = (),
        aggregate: dict | None = None,
        keep: str = 'all',
    ) -> None:
        self.store = store
        self.seeds = list(seeds)
        self.classes = list(classes)
        self.num_classes = len(self.classes)
        self.palette = palette
        self.background = background
        self.refiners = list(refiners)
        self.aggregate = dict(aggregate or {})
        self.keep = keep

    @torch.inference_mode()
    def refine(
        self, samples: Sequence[SeedSample], maps: Tensor, features: Tensor | None = None
    ) -> np.ndarray:
        """Label masks of images with one size and one number of tags.

        Args:
            samples (Sequence[SeedSample]): B images.
            maps (Tensor): (B, S, P, H, W) normalised activation maps, on any device.
            features (Tensor, optional): (B, C, h, w) feature maps, for refiners that need them.

        Returns:
            np.ndarray: (B, S, H, W) uint8; less than H, W where memory does not suffice.
        """
        image_ids = [sample.info.image_id for sample in samples]
        tags = [sample.info.tags for sample in samples]

        def label(maps: Tensor) -> np.ndarray:
            size = tuple(maps.shape[-2:])
            images = [resize_image(sample.image, size, 'area') for sample in samples]
            # Where memory of the GPU does not suffice the maps are the CPU's.
            near = None if features is None else features.to(maps.device)
            inputs = RefinerInput(images, tags, image_ids, near)
            return refine_seed_batch(maps, inputs, self.background, self.refiners).cpu().numpy()

        name = image_ids[0]
        if len(image_ids) > 1:
            name += f' and {len(image_ids) - 1} more images'
        return refine_within_memory(label, maps, name)

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
        losing_votes = find_losing_votes(masks, self.num_classes, **self.aggregate)
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
        enlarged = [resize_image(one, sample.size, 'nearest') for one in losing_votes]
        losing_votes = np.array(enlarged, np.uint8).reshape(-1, *sample.size)
        tags = tuple(self.classes[tag] for tag in sample.info.tags)
        record = ImageRecord(tags, sample.fingerprint) if sample.fingerprint else None
        num_bytes = self.store.write(
            image_id, kept, label, agreement, self.palette, record, losing_votes
        )
        return (
            np.bincount(label.ravel(), minlength=256)[: self.num_classes],
            np.bincount(agreement.ravel(), minlength=len(self.seeds) + 1),
            num_bytes,
        )


class SeedPipeline:
    """Makes and writes the seeds of batches of images; memory is bounded whatever their number.

    Args:
        source (SeedSource): Gives the activation maps.
        writer (SeedWriter): Refines, votes and writes.
        num_draws (int): Draws of the dropout for each seed and view.
        random_seed (int): What all draws start from.
        num_workers (int): Processes that read images; 0 reads in this one.
        num_writers (int): Threads that vote and write, on a CPU refine as well; 0 does it in turn.
    """

    def __init__(
        self,
        source: SeedSource,
        writer: SeedWriter,
        num_draws: int,
        random_seed: int,
        num_workers: int,
        num_writers: int,
    ) -> None:
        self.source, self.writer = source, writer
        self.with_features = check_features(source, writer.refiners)
        self.num_draws, self.random_seed = num_draws, random_seed
        self.num_workers, self.num_writers = num_workers, num_writers

    def run(
        self,
        images: Sequence[SeedImage],
        batches: list[list[int]],
        wanted: set[str],
        summary: SeedSummary,
    ) -> None:
        """Make the seeds of some images.

        Args:
            images (Sequence[SeedImage]): All images.
            batches (list[list[int]]): Indices of those that go through the network together.
            wanted (set[str]): Ids of the images whose seeds are written.
            summary (SeedSummary): Counts what was written.
        """
        progress = Progress(sum(map(len, batches)), 'seeds', partial(print_log, logger='current'))
        pending: deque[Future] = deque()
        # The writers' number of threads is their own, yet torch gives it to later threads as well.
        num_threads = torch.get_num_threads()
        pool = self._writers()
        try:
            for samples in self._samples(images, batches):
                for sample, ready in self._masks_or_maps(samples, wanted):
                    if pool is None:
                        _count(summary, self._refine_and_write(sample, ready))
                        continue
                    pending.append(pool.submit(self._refine_and_write, sample, ready))
                    # Bounded: the network waits rather than pile up maps.
                    while len(pending) > 2 * self.num_writers:
                        _count(summary, pending.popleft().result())
                progress.step(len(samples))
            while pending:
                _count(summary, pending.popleft().result())
        finally:
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
                torch.set_num_threads(num_threads)

    def _masks_or_maps(
        self, samples: list[SeedSample], wanted: set[str]
    ) -> Iterator[tuple[SeedSample, np.ndarray | _Maps]]:
        """Maps of a batch where the writers refine, masks where the GPU does, in its own order."""
        groups: dict[tuple, list[tuple[SeedSample, _Maps]]] = {}
        made = self.source.maps_and_features(samples, self.with_features)
        for sample, (maps, features) in zip(samples, made, strict=True):
            if sample.info.image_id not in wanted:
                continue
            if maps.is_cuda:
                groups.setdefault(maps.shape, []).append((sample, (maps, features)))
            else:
                yield sample, (maps, features)
        for pairs in groups.values():
            group, made = zip(*pairs, strict=True)
            maps, features = zip(*made, strict=True)
            together = None if features[0] is None else torch.stack(features)
            masks = self.writer.refine(group, torch.stack(maps), together)
            yield from zip(group, masks, strict=True)

    def _refine_and_write(
        self, sample: SeedSample, ready: np.ndarray | _Maps
    ) -> tuple[np.ndarray, np.ndarray, int]:
        if not isinstance(ready, np.ndarray):
            maps, features = (None if one is None else one[None] for one in ready)
            ready = self.writer.refine([sample], maps, features)[0]
        return self.writer.write(sample, ready)

    def _writers(self) -> ThreadPoolExecutor | None:
        if self.num_writers == 0:
            return None
        # One intra-op thread each: more would fight with the network's.
        return ThreadPoolExecutor(
            self.num_writers, 'seed-writer', initializer=torch.set_num_threads, initargs=(1,)
        )

    def _samples(
        self, images: Sequence[SeedImage], batches: list[list[int]]
    ) -> Iterator[list[SeedSample]]:
        seeds = self.writer.seeds
        dataset = self.source.dataset(images, seeds, self.num_draws, self.random_seed)
        loader = DataLoader(
            dataset,
            batch_sampler=batches,
            num_workers=self.num_workers,
            collate_fn=list,
            worker_init_fn=partial(_start_reader, os.getpid()),
        )
        try:
            yield from loader
        except (ConnectionError, EOFError) as error:
            # A sample was on its way when its reader died; torch sees only the broken pipe.
            raise RuntimeError(
                'A DataLoader worker, which reads images, was killed, perhaps for want of memory; '
                'the same command resumes.'
            ) from error


def _count(summary: SeedSummary, result: tuple[np.ndarray, np.ndarray, int]) -> None:
    labels, agreement, num_bytes = result
    summary.labels += labels
    summary.agreement += agreement
    summary.num_bytes += num_bytes
    summary.made += 1


def _start_reader(parent: int, worker: int) -> None:
    prepare_process(parent)
    cv2.setNumThreads(0)
