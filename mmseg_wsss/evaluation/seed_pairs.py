"""Which seeds differ, which complement each other, and what they give together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..seeds import IGNORE_INDEX


def union_of_seeds(seeds: np.ndarray, truth: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Take the true label wherever at least one seed has it, elsewhere the aggregate's.

    No choice among the seeds can be right at more pixels. It is made with the truth: an oracle.

    Args:
        seeds (np.ndarray): uint8 (S, ...).
        truth (np.ndarray): uint8, the shape of one seed.
        label (np.ndarray): The aggregate, the same shape.

    Returns:
        np.ndarray: uint8, the same shape.
    """
    return np.where((seeds == truth).any(axis=0), truth, label)


def intersection_of_seeds(seeds: np.ndarray) -> np.ndarray:
    """Take the label on which all seeds agree, elsewhere 255.

    It needs no truth. The share of its right pixels is the share of pixels at which every seed is
    right.

    Args:
        seeds (np.ndarray): uint8 (S, ...).

    Returns:
        np.ndarray: uint8, the shape of one seed.

    >>> intersection_of_seeds(np.array([[[1, 2, 255]], [[1, 1, 255]]], np.uint8))
    array([[  1, 255, 255]], dtype=uint8)
    """
    return np.where((seeds == seeds[0]).all(axis=0), seeds[0], np.uint8(IGNORE_INDEX))


@dataclass(frozen=True)
class SeedPairs:
    """Pixels counted for every pair of seeds.

    Attributes:
        differ (np.ndarray): int64 (S, S), pixels whose labels differ; 255 is a label here.
        rescued (np.ndarray, optional): int64 (S, S), pixels at which the seed of the row is right
            and that of the column wrong; None without a truth.
        pixels (int): All pixels of ``differ``.
        scored (int): Those with a truth, the pixels of ``rescued``.
    """

    differ: np.ndarray
    rescued: np.ndarray | None
    pixels: int
    scored: int

    @property
    def disagreement(self) -> np.ndarray:
        """Share of the pixels whose labels differ, float64 (S, S), symmetric; NaN without any."""
        return self.differ / self.pixels if self.pixels else np.full(self.differ.shape, np.nan)

    @property
    def complement(self) -> np.ndarray:
        """Share of the pixels with a truth at which the seed of the row is right and that of the
        column wrong, float64 (S, S); NaN without any. High both ways: the seeds complement each
        other.

        Raises:
            ValueError: If the pairs were counted without a truth.
        """
        if self.rescued is None:
            raise ValueError('the pairs were counted without a truth')
        return self.rescued / self.scored if self.scored else np.full(self.differ.shape, np.nan)


def compare_seeds(
    seeds: np.ndarray, truth: np.ndarray | None = None, weights: np.ndarray | None = None
) -> SeedPairs:
    """Compare every seed of an image with every other.

    Args:
        seeds (np.ndarray): uint8 (S, ...).
        truth (np.ndarray, optional): uint8, the shape of one seed; pixels of 255 are not scored.
        weights (np.ndarray, optional): Integers of the same shape, how often each pixel counts.

    Returns:
        SeedPairs: Of this image; counts of several images may be added.

    >>> seeds = np.array([[[1, 2, 0]], [[1, 1, 255]]], np.uint8)
    >>> pairs = compare_seeds(seeds, truth=np.array([[1, 1, 255]], np.uint8))
    >>> pairs.differ.tolist(), pairs.rescued.tolist()
    ([[0, 2], [2, 0]], [[0, 0], [1, 0]])
    """
    columns = seeds.reshape(len(seeds), -1)
    size = columns.shape[1]
    weight = np.ones(size, np.int64) if weights is None else weights.reshape(-1).astype(np.int64)
    differ = np.zeros((len(seeds), len(seeds)), np.int64)
    for first in range(len(seeds)):
        for second in range(first):
            number = int(weight[columns[first] != columns[second]].sum())
            differ[first, second] = differ[second, first] = number
    if truth is None:
        return SeedPairs(differ, None, int(weight.sum()), 0)
    scored = truth.reshape(-1) != IGNORE_INDEX
    right = (columns == truth.reshape(-1))[:, scored].astype(np.int64)
    rescued = (right * weight[scored]) @ (1 - right).T
    return SeedPairs(differ, rescued, int(weight.sum()), int(weight[scored].sum()))
