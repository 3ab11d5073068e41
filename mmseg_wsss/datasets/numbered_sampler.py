"""A sampler that numbers what it draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import Sampler


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
