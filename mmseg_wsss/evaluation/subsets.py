"""The vote of every subset of the seeds against the ground truth, from one pass over the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..seeds import IGNORE_INDEX, aggregate_seeds

# Maps joined to one integer at a time: four bytes above the number of a pattern, which is below
# the number of pixels.
STEP = 4


@dataclass(frozen=True)
class LabelPatterns:
    """The different columns of several label maps of one image, and how many pixels have each.

    Masks are flat: an image with eight maps and 187,500 pixels has some hundred patterns. Whatever
    does not ask where a pixel lies is counted on the patterns, with their numbers as weights.

    Attributes:
        labels (np.ndarray): uint8 (R, P), one pattern a column, in ascending order.
        counts (np.ndarray): int64 (P,), pixels with each pattern, at least 1.
    """

    labels: np.ndarray
    counts: np.ndarray

    def select(self, chosen: np.ndarray) -> LabelPatterns:
        """Keep some of the patterns.

        Args:
            chosen (np.ndarray): bool (P,).
        """
        return LabelPatterns(self.labels[:, chosen], self.counts[chosen])


def count_patterns(maps: Sequence[np.ndarray]) -> LabelPatterns:
    """Count the combinations of labels of several maps.

    Args:
        maps (Sequence[np.ndarray]): R maps, uint8 (H, W) each, at least one.

    Returns:
        LabelPatterns: Its row r is map r.

    Raises:
        ValueError: If there is no map or the shapes differ.

    >>> count_patterns([np.array([[3, 3, 0]], np.uint8), np.array([[7, 7, 1]], np.uint8)])
    LabelPatterns(labels=array([[0, 3],
           [1, 7]], dtype=uint8), counts=array([1, 2]))
    """
    shapes = {one.shape for one in maps}
    if len(shapes) != 1:
        raise ValueError(f'maps of the shapes {sorted(shapes)}, expected one shape')
    rows = np.stack([one.reshape(-1) for one in maps])
    if not rows.shape[1]:
        return LabelPatterns(rows, np.zeros(0, np.int64))
    # Runs of equal columns first: they are few, and all that is to be sorted.
    starts = np.ones(rows.shape[1], bool)
    starts[1:] = False
    for row in rows:
        starts[1:] |= row[1:] != row[:-1]
    first = np.flatnonzero(starts)
    lengths = np.diff(first, append=rows.shape[1])
    runs = rows[:, first]
    number = np.zeros(len(first), np.int64)
    for start in range(0, len(runs), STEP):
        for row in runs[start : start + STEP]:
            number = number << 8 | row
        _, where, number = np.unique(number, return_index=True, return_inverse=True)
    counts = np.bincount(number, lengths).astype(np.int64)
    return LabelPatterns(np.ascontiguousarray(runs[:, where]), counts)


# 255 subsets; every further seed doubles the work.
MAX_SEEDS = 8


@dataclass(frozen=True)
class SubsetStudy:
    """Scores of the aggregates of N subsets of the seeds. A choice by them is tuned on the truth.

    Attributes:
        subsets (tuple[tuple[int, ...], ...]): Indices of the seeds of each subset, in the order of
            :func:`all_subsets`.
        hits (np.ndarray): int64 (N, K), pixels of each class that the aggregate gives it.
        given (np.ndarray): int64 (N, K), pixels the aggregate gives each class.
        true (np.ndarray): int64 (K,), pixels of each class.
    """

    subsets: tuple[tuple[int, ...], ...]
    hits: np.ndarray
    given: np.ndarray
    true: np.ndarray

    @property
    def miou(self) -> np.ndarray:
        """Mean IoU over the classes that occur in the truth or in the aggregate, float64 (N,) in
        [0, 1]; NaN without pixels."""
        union = self.true + self.given - self.hits
        occurs = union > 0
        iou = np.divide(self.hits, union, out=np.zeros(union.shape), where=occurs)
        number = occurs.sum(axis=1)
        nothing = np.full(len(self.subsets), np.nan)
        return np.divide(iou.sum(axis=1), number, out=nothing, where=number > 0)

    @property
    def accuracy(self) -> np.ndarray:
        """Share of right pixels, float64 (N,) in [0, 1]; NaN without pixels."""
        total = int(self.true.sum())
        return self.hits.sum(axis=1) / total if total else np.full(len(self.subsets), np.nan)

    def ranking(self, size: int | None = None) -> list[int]:
        """List the subsets, best mIoU first.

        Args:
            size (int, optional): Only subsets of so many seeds.

        Returns:
            list[int]: Indices into ``subsets``; equal ones in their order there.
        """
        numbers = [
            number
            for number, subset in enumerate(self.subsets)
            if size is None or len(subset) == size
        ]
        miou = np.nan_to_num(self.miou, nan=-1.0)
        return sorted(numbers, key=lambda number: (-miou[number], number))


def all_subsets(num_seeds: int) -> tuple[tuple[int, ...], ...]:
    """List all subsets but the empty one, by size and then by their seeds.

    Args:
        num_seeds (int): S, 1 to 8.

    Raises:
        ValueError: If there are more than 8 seeds.

    >>> all_subsets(3)
    ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))
    """
    if not 1 <= num_seeds <= MAX_SEEDS:
        raise ValueError(
            f'{num_seeds} seeds, expected 1 to {MAX_SEEDS}: the subsets of more are too many'
        )
    sizes = range(1, num_seeds + 1)
    return tuple(subset for size in sizes for subset in combinations(range(num_seeds), size))


def study_subsets(
    seeds: np.ndarray,
    truth: np.ndarray,
    num_classes: int,
    tie: str = 'lowest',
    seed_order: Sequence[int] | None = None,
    weights: np.ndarray | None = None,
) -> SubsetStudy:
    """Aggregate every subset of the seeds of an image and count its right pixels.

    Args:
        seeds (np.ndarray): uint8 (S, ...), S at most 8, labels below K or 255.
        truth (np.ndarray): uint8, the shape of one seed, labels below K; 255 does not count.
        num_classes (int): K, background included.
        tie, seed_order: As of :func:`~mmseg_wsss.seeds.aggregate_seeds`; a subset keeps the order
            of its seeds.
        weights (np.ndarray, optional): Integers of the shape of one seed, how often each pixel
            counts.

    Returns:
        SubsetStudy: Of this image; ``hits``, ``given`` and ``true`` of several may be added.

    Raises:
        ValueError: If there are more than 8 seeds or a label is out of range.
    """
    subsets = all_subsets(len(seeds))
    counted = truth.reshape(-1) != IGNORE_INDEX
    flat = truth.reshape(-1)[counted]
    columns = np.ascontiguousarray(seeds.reshape(len(seeds), -1)[:, counted])
    weight = None if weights is None else weights.reshape(-1)[counted]
    if flat.size and flat.max() >= num_classes:
        raise ValueError(f'the truth has label {flat.max()}, expected 0 to {num_classes - 1}')

    def count(labels: np.ndarray, chosen: np.ndarray | slice) -> np.ndarray:
        weighed = None if weight is None else weight[chosen]
        # 255, no vote, is given to no class.
        return np.bincount(labels[chosen], weighed, 256)[:num_classes].astype(np.int64)

    hits = np.zeros((len(subsets), num_classes), np.int64)
    given = np.zeros_like(hits)
    for number, subset in enumerate(subsets):
        order = None
        if seed_order is not None:
            order = [subset.index(seed) for seed in seed_order if seed in subset]
        label, _ = aggregate_seeds(
            columns[list(subset), None], num_classes, tie=tie, seed_order=order
        )
        hits[number] = count(label[0], label[0] == flat)
        given[number] = count(label[0], slice(None))
    return SubsetStudy(subsets, hits, given, count(flat, slice(None)))
