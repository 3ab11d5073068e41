"""Makes a resumed training draw the random numbers that it would have drawn without a stop."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
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


class NumberedIndex(int):
    """An index of a data set that knows the how manyth of a training it is.

    Args:
        index (int): The index.
        number (int): Images drawn before it, since training began.
    """

    number: int

    def __new__(cls, index: int, number: int) -> NumberedIndex:
        self = super().__new__(cls, index)
        self.number = number
        return self

    def __reduce__(self) -> tuple:
        return NumberedIndex, (int(self), self.number)


class NumberedSampler(Sampler):
    """Gives the indices of another sampler as :class:`NumberedIndex`.

    Args:
        sampler (Sampler): The sampler; all of its attributes are this one's too.
        start (Callable): Gives the number of the first index whenever iteration begins.
    """

    def __init__(self, sampler: Sampler, start: Callable[[], int]) -> None:
        self.sampler = sampler
        self.start = start

    def __iter__(self) -> Iterator[NumberedIndex]:
        for number, index in enumerate(self.sampler, start=self.start()):
            yield NumberedIndex(index, number)

    def __len__(self) -> int:
        return len(self.sampler)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') or name == 'sampler':
            raise AttributeError(name)
        return getattr(self.sampler, name)


class KeyedDataset(Dataset):
    """Wraps a data set; with a :class:`NumberedIndex` it seeds all random numbers beforehand.

    Which process reads an image, and what it has read before, then makes no difference.

    Args:
        dataset (Dataset): The data set; all of its attributes are this one's too.
        key (tuple[int, ...]): What the random numbers start from besides the index's number.
    """

    def __init__(self, dataset: Dataset, key: tuple[int, ...]) -> None:
        self.dataset = dataset
        self.key = key

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        if isinstance(index, NumberedIndex):
            seed_by(*self.key, index.number)
        return self.dataset[index]

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') or name == 'dataset':  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.dataset, name)


_DATA, _MODEL = 0, 1


@HOOKS.register_module()
class ResumableRandomnessHook(Hook):
    """Keys all random numbers of training by random seed, rank, and image or iteration.

    Checkpoints keep no state of random generators, so a resumed training augments other crops and
    drops other channels than one that was never stopped. With this hook each image's transforms
    are seeded by its place in the training and each iteration by its number: on one machine a
    resumed training ends with the same bits, whatever the number of reading processes. The random
    seed has to be the same, see ``randomness``.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Number the images that the data loader draws and key their transforms.

        Args:
            runner (Runner): The runner, resumed already.

        Raises:
            ValueError: If the data loader has no batch sampler to number.
        """
        loader = runner.train_dataloader
        batches = getattr(loader, 'batch_sampler', None)
        if getattr(batches, 'sampler', None) is None:
            raise ValueError('ResumableRandomnessHook needs a data loader with a batch sampler.')
        if isinstance(loader.dataset, KeyedDataset):
            return
        batches.sampler = NumberedSampler(batches.sampler, lambda: runner.iter * batches.batch_size)
        dataset = KeyedDataset(loader.dataset, (runner.seed, get_rank(), _DATA))
        # torch refuses a plain assignment; here nothing that it has derived from it changes.
        object.__setattr__(loader, 'dataset', dataset)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed what the model draws in this iteration."""
        seed_by(runner.seed, get_rank(), _MODEL, runner.iter)
