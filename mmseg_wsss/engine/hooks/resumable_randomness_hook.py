"""Makes a resumed training draw the random numbers that it would have drawn without a stop."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset, Sampler

from ...registry import HOOKS


def seed_by(*key: int) -> None:
    """Start Python's, NumPy's and torch's global random numbers from a key.

    Args:
        *key (int): Non-negative numbers, e.g. random seed, rank and iteration.

    >>> seed_by(0, 3)
    >>> first = np.random.rand()
    >>> seed_by(0, 3)
    >>> np.random.rand() == first
    True
    """
    for_python, for_numpy, for_torch = np.random.SeedSequence(key).generate_state(3).tolist()
    random.seed(for_python)
    np.random.seed(for_numpy)
    torch.manual_seed(for_torch)


class PositionIndex(int):
    """An index of a data set that also tells its position in the training.

    Args:
        index (int): The index.
        position (int): Number of images drawn before it since training began.
    """

    position: int

    def __new__(cls, index: int, position: int) -> PositionIndex:
        self = super().__new__(cls, index)
        self.position = position
        return self

    def __reduce__(self) -> tuple:
        return PositionIndex, (int(self), self.position)


class PositionSampler(Sampler):
    """Gives the indices of another sampler as :class:`PositionIndex`.

    Args:
        sampler (Sampler): The sampler; all of its attributes are this one's too.
        start (Callable): Gives the position of the first index whenever iteration begins.
    """

    def __init__(self, sampler: Sampler, start: Callable[[], int]) -> None:
        self.sampler = sampler
        self.start = start

    def __iter__(self) -> Iterator[PositionIndex]:
        for position, index in enumerate(self.sampler, start=self.start()):
            yield PositionIndex(index, position)

    def __len__(self) -> int:
        return len(self.sampler)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') or name == 'sampler':
            raise AttributeError(name)
        return getattr(self.sampler, name)


class PositionRandomDataset(Dataset):
    """Wraps a data set whose transforms draw random numbers by the image's position in training.

    With a :class:`PositionIndex` all random number generators are set before the image is read.
    Which process reads it, and what it has read before, then makes no difference.

    Args:
        dataset (Dataset): The data set; all of its attributes are this one's too.
        key (tuple[int, ...]): What the random numbers start from besides the position.
    """

    def __init__(self, dataset: Dataset, key: tuple[int, ...]) -> None:
        self.dataset = dataset
        self.key = key

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        if isinstance(index, PositionIndex):
            seed_by(*self.key, index.position)
        return self.dataset[index]

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') or name == 'dataset':  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.dataset, name)


class _SkippingIterator:
    """Wraps a data iterator and gives nothing for the first batches, which are not read.

    Args:
        batches (Iterator): An iterator that starts behind them.
        skipped (int): Their number.
    """

    def __init__(self, batches: Iterator, skipped: int) -> None:
        self.batches = batches
        self.skipped = skipped

    def __iter__(self) -> _SkippingIterator:
        return self

    def __next__(self) -> Any:
        if self.skipped > 0:
            self.skipped -= 1
            return None
        return next(self.batches)


_DATA, _MODEL = 0, 1


@HOOKS.register_module()
class ResumableRandomnessHook(Hook):
    """Sets all random numbers of training by random seed, rank, and image or iteration.

    Checkpoints keep no state of random generators, so a resumed training augments other crops and
    drops other channels than one that was never stopped. With this hook the transforms of each
    image draw by its position in the training, and the model by the number of the iteration: on one
    machine a resumed training ends with the same bits, whatever the number of reading processes.
    The random seed has to be the same, see ``randomness``.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Number the images that the data loader draws and let their transforms draw by it.

        Args:
            runner (Runner): The runner, resumed already.

        Raises:
            ValueError: If the data loader has no batch sampler.
        """
        loader = runner.train_dataloader
        batches = getattr(loader, 'batch_sampler', None)
        sampler = getattr(batches, 'sampler', None)
        if sampler is None:
            raise ValueError('ResumableRandomnessHook needs a data loader with a batch sampler.')
        if isinstance(loader.dataset, PositionRandomDataset):
            return
        iterator = getattr(runner.train_loop, 'dataloader_iterator', None)
        if iterator is None or isinstance(sampler, InfiniteSampler):
            start = lambda: runner.iter * batches.batch_size  # noqa: E731
        else:
            # A resumed training by iterations goes through all passes from the first one on.
            passes = count()
            start = lambda: next(passes) * len(batches) * batches.batch_size  # noqa: E731
        batches.sampler = PositionSampler(sampler, start)
        dataset = PositionRandomDataset(loader.dataset, (runner.seed, get_rank(), _DATA))
        # torch refuses a plain assignment; here nothing that it has derived from it changes.
        object.__setattr__(loader, 'dataset', dataset)
        # mmengine 0.10.7 has made the iterator by now, without all this, and would read all batches
        # that a resumed training has seen, only to drop them.
        if getattr(iterator, '_iterator', None) is not None:
            loader._iterator = None  # processes that stay have the data set as it was
            skipped = 0
            if isinstance(sampler, InfiniteSampler):
                skipped = runner.iter
                read = skipped * batches.batch_size
                sampler.indices = islice(sampler._indices_of_rank(), read, None)
            runner.train_loop.dataloader_iterator = _SkippingIterator(
                type(iterator)(loader), skipped
            )

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Set what the model draws in this iteration."""
        seed_by(runner.seed, get_rank(), _MODEL, runner.iter)
