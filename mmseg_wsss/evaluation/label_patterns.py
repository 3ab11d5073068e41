"""How often each combination of labels occurs at the pixels of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
