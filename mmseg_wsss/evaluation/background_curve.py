"""Scores of activation maps at every background threshold, from one pass over the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..seeds import IGNORE_INDEX
from .scores import SeedScore

NUM_THRESHOLDS = 99


@dataclass(frozen=True)
class BackgroundCurve:
    """Pixels by true class, class of the highest activation map, and the height of that map.

    A pixel is given the class of its highest map if the map exceeds the threshold, else background.
    So its label at every threshold follows from the number of thresholds that the map exceeds.

    Attributes:
        counts (np.ndarray): int64 (K, K, 100), pixels by true label, by label of the highest map
            and by the number of thresholds that it exceeds. Counts of several images are added.
    """

    counts: np.ndarray

    @property
    def thresholds(self) -> np.ndarray:
        """The thresholds 0.01, 0.02 to 0.99, float64 (99,)."""
        return np.arange(1, NUM_THRESHOLDS + 1) / 100

    @property
    def matrices(self) -> np.ndarray:
        """The confusion matrix at each threshold, int64 (99, K, K + 1); see
        :class:`~mmseg_wsss.evaluation.SeedScore`."""
        num_classes = len(self.counts)
        exceeded = self.counts[..., ::-1].cumsum(axis=2)[..., ::-1]
        matrices = np.zeros((NUM_THRESHOLDS, num_classes, num_classes + 1), np.int64)
        matrices[..., :num_classes] = np.moveaxis(exceeded[..., 1:], 2, 0)
        # What does not exceed the threshold is background.
        pixels = self.counts.sum(axis=(1, 2))
        matrices[..., 0] = pixels - matrices[..., 1:].sum(axis=2)
        return matrices

    @property
    def scores(self) -> list[SeedScore]:
        """The scores at each threshold."""
        return [SeedScore(matrix) for matrix in self.matrices]

    @property
    def best(self) -> int:
        """Index of the threshold with the highest mIoU, the lowest such.

        Raises:
            ValueError: If no pixel was counted.
        """
        if not self.counts.any():
            raise ValueError('no pixel was counted, so no threshold is best')
        return int(np.argmax([score.miou for score in self.scores]))


def rank_activation(activation: np.ndarray, tags: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Find the highest map of each pixel, and how many of the thresholds it exceeds.

    Args:
        activation (np.ndarray): float32 (P, H, W) in [0, 1], the normalised maps of the tags.
        tags (Sequence[int]): Their P labels, ascending, 1 to K-1; may be empty.

    Returns:
        tuple[np.ndarray, np.ndarray]: Label of the highest map, of equal ones the lowest, and
        number of thresholds below it, 0 to 99; both uint8 (H, W). Without tags both are 0.

    Raises:
        ValueError: If the number of tags is not that of the maps.
    """
    if len(activation) != len(tags):
        raise ValueError(f'{len(activation)} activation maps of {len(tags)} tags')
    if not len(tags):
        nothing = np.zeros(activation.shape[1:], np.uint8)
        return nothing, nothing.copy()
    index = activation.argmax(axis=0)
    highest = np.take_along_axis(activation, index[None], axis=0)[0]
    # In float32, as the seeds are made: a map that equals the threshold is background.
    thresholds = (np.arange(1, NUM_THRESHOLDS + 1) / 100).astype(np.float32)
    exceeded = np.searchsorted(thresholds, highest, side='left')
    return np.asarray(tags, np.uint8)[index], exceeded.astype(np.uint8)


def count_background(
    truth: np.ndarray, label: np.ndarray, exceeded: np.ndarray, num_classes: int
) -> BackgroundCurve:
    """Count the pixels of one image.

    Args:
        truth (np.ndarray): uint8 (H, W), labels below K; pixels of 255 do not count.
        label (np.ndarray): uint8 (H, W), from :func:`rank_activation`.
        exceeded (np.ndarray): The same.
        num_classes (int): K, background included.

    Returns:
        BackgroundCurve: Of this image.

    Raises:
        ValueError: If the shapes differ or a label is out of range.
    """
    shapes = (truth.shape, label.shape, exceeded.shape)
    if len(set(shapes)) != 1:
        raise ValueError(f'truth, labels and heights have the shapes {shapes}')
    counted = truth != IGNORE_INDEX
    for name, labels in (('truth', truth[counted]), ('highest map', label)):
        if labels.size and labels.max() >= num_classes:
            raise ValueError(
                f'the {name} has label {labels.max()}, expected 0 to {num_classes - 1}'
            )
    shape = (num_classes, num_classes, NUM_THRESHOLDS + 1)
    cells = np.ravel_multi_index((truth[counted], label[counted], exceeded[counted]), shape)
    counts = np.bincount(cells, minlength=int(np.prod(shape)))
    return BackgroundCurve(counts.astype(np.int64).reshape(shape))
