"""A data set whose random transforms depend on how many images were drawn before, and no more."""

from __future__ import annotations

from typing import Any

from torch.utils.data import Dataset

from mmseg_wsss.utils.keyed_randomness import seed_by

from .numbered_sampler import NumberedIndex


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
