"""What the seeds could give at best together, and what they give where all agree."""

from __future__ import annotations

import numpy as np

from mmseg_wsss.seeds import IGNORE_INDEX


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
