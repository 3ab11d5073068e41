"""How good masks are, measured on ground truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..datasets.class_names import read_class_list
from ..seeds import IGNORE_INDEX
from ..store import read_mask


@dataclass(frozen=True)
class SeedScore:
    """Scores of masks against the truth, from one confusion matrix over all images.

    Attributes:
        matrix (np.ndarray): int64 (K, K + 1), pixels by true label and by given label; the last
            column counts pixels that the mask leaves open (255), which are misses of their class.
    """

    matrix: np.ndarray

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union of each class, float64 (K,) in [0, 1]; NaN where a class is
        neither in the truth nor in the masks."""
        return _ratio(self._hits, self._union)

    @property
    def miou(self) -> float:
        """Mean of :attr:`iou` over the classes that occur; NaN if none does."""
        return mean_of_classes(self.iou)

    @property
    def precision(self) -> np.ndarray:
        """Share of the pixels given a class that are of it, float64 (K,) in [0, 1]; NaN where the
        masks do not give it."""
        return _ratio(self._hits, self._given)

    @property
    def recall(self) -> np.ndarray:
        """Share of the pixels of a class that are given it, float64 (K,) in [0, 1]; NaN where the
        truth has none."""
        return _ratio(self._hits, self._true)

    @property
    def false_positive_rate(self) -> np.ndarray:
        """Pixels wrongly given a class over its union, float64 (K,) in [0, 1]; NaN as :attr:`iou`.

        This is the field's measure of how far seeds spill over: with the rate of false negatives
        and the IoU it adds up to 1.
        """
        return _ratio(self._given - self._hits, self._union)

    @property
    def false_negative_rate(self) -> np.ndarray:
        """Missed pixels of a class over its union, float64 (K,) in [0, 1]; NaN as :attr:`iou`."""
        return _ratio(self._true - self._hits, self._union)

    @property
    def accuracy(self) -> float:
        """Share of the pixels that have their true label; NaN without pixels."""
        total = int(self.matrix.sum())
        return float(self._hits.sum() / total) if total else float('nan')

    @property
    def coverage(self) -> float:
        """Share of the pixels that the masks do not leave open (255); NaN without pixels."""
        total = int(self.matrix.sum())
        return float(self._given.sum() / total) if total else float('nan')

    @property
    def _hits(self) -> np.ndarray:
        return self.matrix.diagonal()

    @property
    def _given(self) -> np.ndarray:
        return self.matrix[:, : len(self.matrix)].sum(axis=0)

    @property
    def _true(self) -> np.ndarray:
        return self.matrix.sum(axis=1)

    @property
    def _union(self) -> np.ndarray:
        return self._true + self._given - self._hits


def mean_of_classes(values: np.ndarray) -> float:
    """Mean over the classes that have a value.

    Args:
        values (np.ndarray): float (K,), NaN for classes without a value.

    Returns:
        float: NaN if no class has one.

    >>> mean_of_classes(np.array([0.5, np.nan, 1.0]))
    0.75
    """
    return float(np.nanmean(values)) if np.isfinite(values).any() else float('nan')


def confusion_matrix(
    truth: np.ndarray, mask: np.ndarray, num_classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Count the pixels of one image by true and by given label.

    Pixels whose truth is 255 do not count. Where only the mask is 255 the pixel does count, in the
    last column: leaving pixels open must not raise a score.

    Args:
        truth (np.ndarray): uint8 (H, W), labels below K or 255.
        mask (np.ndarray): uint8 (H, W), the same.
        num_classes (int): K, background included, 1 to 255.
        weights (np.ndarray, optional): Integers (H, W), how often each pixel counts.

    Returns:
        np.ndarray: int64 (K, K + 1).

    Raises:
        ValueError: If the shapes differ or a label is out of range.

    >>> truth = np.array([[0, 1, 1, 255]], np.uint8)
    >>> confusion_matrix(truth, np.array([[0, 1, 255, 1]], np.uint8), 2).tolist()
    [[1, 0, 0], [0, 1, 1]]
    """
    if truth.shape != mask.shape:
        raise ValueError(f'the mask has shape {mask.shape}, the truth {truth.shape}')
    for name, labels in (('truth', truth), ('mask', mask)):
        outside = labels[(labels >= num_classes) & (labels != IGNORE_INDEX)]
        if outside.size:
            raise ValueError(
                f'the {name} has label {outside.max()}, expected 0 to {num_classes - 1} or '
                f'{IGNORE_INDEX}'
            )
    counted = truth != IGNORE_INDEX
    given = np.minimum(mask[counted], num_classes).astype(np.int64)
    pairs = truth[counted].astype(np.int64) * (num_classes + 1) + given
    # Weighted counts are floats, exact up to 2^53 pixels.
    counts = np.bincount(
        pairs,
        None if weights is None else weights[counted],
        minlength=num_classes * (num_classes + 1),
    )
    return counts.astype(np.int64).reshape(num_classes, num_classes + 1)


def score_masks(pairs: Iterable[tuple[np.ndarray, np.ndarray]], num_classes: int) -> SeedScore:
    """Score masks against the truth, all images in one confusion matrix.

    Args:
        pairs (Iterable): Truth and mask of each image, see :func:`confusion_matrix`.
        num_classes (int): K, background included.

    Returns:
        SeedScore: mIoU as mmseg's IoUMetric defines it, in exact integers.

    >>> truth = np.array([[0, 1, 1, 1]], np.uint8)
    >>> score = score_masks([(truth, np.array([[0, 0, 1, 1]], np.uint8))], num_classes=2)
    >>> score.iou.tolist(), score.accuracy
    ([0.5, 0.6666666666666666], 0.75)
    """
    matrix = np.zeros((num_classes, num_classes + 1), np.int64)
    for truth, mask in pairs:
        matrix += confusion_matrix(truth, mask, num_classes)
    return SeedScore(matrix)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    nothing = np.full(len(part), np.nan)
    return np.divide(part, whole, out=nothing, where=whole > 0)


def boundary_band(truth: np.ndarray, width: int) -> np.ndarray:
    """Tell the pixels near an outline: another label lies within ``width`` rows and columns.

    Void (255) counts as a label of its own, so that PASCAL VOC's void outlines have a band too;
    their own pixels are in it as well and are left out with all void pixels when scores are
    counted. The border of the image is no outline.

    Args:
        truth (np.ndarray): uint8 (H, W).
        width (int): In pixels, at least 1.

    Returns:
        np.ndarray: bool (H, W).

    Raises:
        ValueError: If the width is below 1.

    >>> boundary_band(np.array([[0, 0, 0, 2, 2, 2]], np.uint8), 1).astype(int)
    array([[0, 0, 1, 1, 0, 0]])
    """
    if width < 1:
        raise ValueError(f'width={width}, expected at least 1')
    window = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    return cv2.dilate(truth, window) != cv2.erode(truth, window)


@dataclass(frozen=True)
class GroundTruthFolder:
    """Where the ground truth are, and what their labels mean.

    Attributes:
        folder (Path): Has ``<image id>.png`` of every image.
        classes (tuple[str, ...] | None): Class names of the masks, background first, where they
            are others than the seeds'. They are matched by name; a class that the seeds do not
            know becomes 255.
    """

    folder: Path
    classes: tuple[str, ...] | None = None

    @classmethod
    def of(cls, folder: Path, class_list: str | None) -> GroundTruthFolder:
        """The folder of a command whose masks have the seeds' classes or those of a list.

        Args:
            folder (Path): Has the masks.
            class_list (str, optional): What
                :func:`mmseg_wsss.datasets.class_names.read_class_list` reads.
        """
        return cls(folder, tuple(read_class_list(class_list)) if class_list else None)

    def path(self, image_id: str) -> Path:
        """Path of the ground truth of an image."""
        return self.folder / f'{image_id}.png'

    def read(self, image_id: str, shape: tuple[int, int], classes: Sequence[str]) -> np.ndarray:
        """Read the ground truth of an image, uint8 (H, W) with the labels of ``classes``.

        Raises:
            FileNotFoundError, ValueError: As :func:`~mmseg_wsss.store.read_mask`.
        """
        own = self.classes or classes
        truth = read_mask(self.path(image_id), shape, len(own))
        table = np.full(256, IGNORE_INDEX, np.uint8)
        for label, name in enumerate(own):
            if name in classes:
                table[label] = list(classes).index(name)
        return table[truth]
