"""Runs the network, the reading of images and the writing of masks side by side."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import cv2
import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.utils.data import DataLoader

from mmseg_wsss.utils.parallel import prepare_process
from mmseg_wsss.utils.progress import Progress

from .activation_extractor import ActivationExtractor
from .seed_image import SeedImage
from .seed_image_dataset import SeedImageDataset, SeedSample
from .seed_summary import SeedSummary
from .seed_writer import SeedWriter


class SeedPipeline:
    """Makes and writes the seeds of batches of images; memory is bounded whatever their number.

    Args:
        extractor (ActivationExtractor): Gives the activation maps.
        writer (SeedWriter): Refines, votes and writes.
        num_draws (int): Draws of the dropout for each seed and view.
        random_seed (int): What all draws start from.
        num_workers (int): Processes that read images; 0 reads in this one.
        num_writers (int): Threads that vote and write, on a CPU refine as well; 0 does it in turn.
    """

    def __init__(
        self,
        extractor: ActivationExtractor,
        writer: SeedWriter,
        num_draws: int,
        random_seed: int,
        num_workers: int,
        num_writers: int,
    ) -> None:
        self.extractor, self.writer = extractor, writer
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
                for group, ready in self._masks_or_maps(samples, wanted):
                    for sample, item in zip(group, ready, strict=True):
                        if pool is None:
                            _count(summary, self._refine_and_write(sample, item))
                            continue
                        pending.append(pool.submit(self._refine_and_write, sample, item))
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
    ) -> Iterator[tuple[list[SeedSample], Tensor | np.ndarray]]:
        """Maps of a batch where the writers refine, masks where the GPU does, in its own order."""
        groups: dict[tuple, list[tuple[SeedSample, Tensor]]] = {}
        for sample, maps in zip(samples, self.extractor(samples), strict=True):
            if sample.info.image_id not in wanted:
                continue
            if maps.is_cuda:
                groups.setdefault(maps.shape, []).append((sample, maps))
            else:
                yield [sample], maps[None]
        for pairs in groups.values():
            group, maps = zip(*pairs, strict=True)
            yield list(group), self.writer.refine(group, torch.stack(maps))

    def _refine_and_write(
        self, sample: SeedSample, ready: Tensor | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, int]:
        masks = ready
        if not isinstance(ready, np.ndarray):
            masks = self.writer.refine([sample], ready[None])[0]
        return self.writer.write(sample, masks)

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
        dataset = SeedImageDataset(
            images,
            self.extractor.views,
            self.extractor.seeds,
            self.extractor.num_channels,
            self.num_draws,
            self.random_seed,
            self.extractor.flip,
        )
        yield from DataLoader(
            dataset,
            batch_sampler=batches,
            num_workers=self.num_workers,
            collate_fn=list,
            worker_init_fn=partial(_start_reader, os.getpid()),
        )


def _count(summary: SeedSummary, result: tuple[np.ndarray, np.ndarray, int]) -> None:
    labels, agreement, num_bytes = result
    summary.labels += labels
    summary.agreement += agreement
    summary.num_bytes += num_bytes
    summary.made += 1


def _start_reader(parent: int, worker: int) -> None:
    prepare_process(parent)
    cv2.setNumThreads(0)
