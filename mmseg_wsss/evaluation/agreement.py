"""How well the agreement of seeds tells right labels from wrong ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..seeds import IGNORE_INDEX


@dataclass(frozen=True)
class AgreementScore:
    """Right and wrong labels by the number of seeds that agree on them.

    Attributes:
        votes (np.ndarray): int64 (2, S + 1), pixels with a wrong (0) and a right (1) label by their
            agreement, 0 to S.
    """

    votes: np.ndarray

    def split(self, threshold: int) -> dict[str, float]:
        """Give the shares of all pixels with a threshold t, clean meaning at least t votes.

        Pixels without any vote belong to none of the four.

        Args:
            threshold (int): 1 to S.

        Returns:
            dict[str, float]: ``right_clean``, ``right_noisy``, ``wrong_noisy``, ``wrong_clean``,
            each in [0, 1].

        Raises:
            ValueError: If the threshold is out of range or no pixel was counted.
        """
        if not 1 <= threshold < self.votes.shape[1]:
            raise ValueError(f'threshold {threshold}, expected 1 to {self.votes.shape[1] - 1}')
        total = self.votes.sum()
        if not total:
            raise ValueError('no pixel was counted')
        noisy = self.votes[:, 1:threshold].sum(axis=1) / total
        clean = self.votes[:, threshold:].sum(axis=1) / total
        return dict(
            right_clean=float(clean[1]),
            right_noisy=float(noisy[1]),
            wrong_noisy=float(noisy[0]),
            wrong_clean=float(clean[0]),
        )


def score_agreement(
    triples: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], num_seeds: int
) -> AgreementScore:
    """Count right and wrong labels of the aggregate by agreement.

    Args:
        triples (Iterable): Truth, aggregate and agreement of each image, uint8 (H, W) each. Pixels
            whose truth is 255 do not count.
        num_seeds (int): S.

    Returns:
        AgreementScore: Of all images together.

    Raises:
        ValueError: If shapes differ or an agreement exceeds S.
    """
    votes = np.zeros((2, num_seeds + 1), np.int64)
    for truth, label, agreement in triples:
        shapes = (truth.shape, label.shape, agreement.shape)
        if len(set(shapes)) != 1:
            raise ValueError(f'truth, aggregate and agreement have the shapes {shapes}')
        if agreement.size and agreement.max() > num_seeds:
            raise ValueError(f'an agreement of {agreement.max()}, expected 0 to {num_seeds}')
        counted = truth != IGNORE_INDEX
        right = (label == truth)[counted]
        cells = right.astype(np.int64) * (num_seeds + 1) + agreement[counted]
        votes += np.bincount(cells, minlength=votes.size).reshape(votes.shape)
    return AgreementScore(votes)


@dataclass(frozen=True)
class Calibration:
    """Wrong and right labels by label and by the number of seeds that agree on it.

    Attributes:
        counts (np.ndarray): int64 (2, K + 1, S + 1), pixels with a wrong (0) and a right (1) label,
            by the label given (the last is 255, no vote) and by agreement, 0 to S.
    """

    counts: np.ndarray

    @property
    def score(self) -> AgreementScore:
        """The same counts without the classes, for thresholds."""
        return AgreementScore(self.counts.sum(axis=1))

    @property
    def accuracy(self) -> np.ndarray:
        """Share of right labels at each agreement, float64 (S + 1,) in [0, 1]; NaN where there is
        no pixel. Where no seed votes there is no label, which is never right."""
        return _accuracy(self.counts.sum(axis=1))

    @property
    def accuracy_by_class(self) -> np.ndarray:
        """The same for the pixels given each class, float64 (K, S + 1)."""
        return _accuracy(self.counts[:, :-1])

    @property
    def share(self) -> np.ndarray:
        """Share of the pixels at each agreement, float64 (S + 1,); NaN without pixels."""
        votes = self.counts.sum(axis=(0, 1))
        return votes / votes.sum() if votes.sum() else np.full(len(votes), np.nan)

    @property
    def error(self) -> float:
        """Mean distance of the accuracy from the share of seeds that agree, weighted by pixels
        (the expected calibration error of the share as a probability); NaN without pixels."""
        share, num_seeds = self.share, self.counts.shape[2] - 1
        distance = np.abs(self.accuracy - np.arange(num_seeds + 1) / num_seeds)
        return float((share[share != 0] * distance[share != 0]).sum())


def count_agreement(
    truth: np.ndarray,
    label: np.ndarray,
    agreement: np.ndarray,
    num_classes: int,
    num_seeds: int,
    weights: np.ndarray | None = None,
) -> Calibration:
    """Count right and wrong labels of the aggregate by label and agreement, in one image.

    Args:
        truth (np.ndarray): uint8, any shape; pixels of 255 do not count.
        label (np.ndarray): The aggregate, the same shape, labels below K or 255.
        agreement (np.ndarray): Votes for it, the same shape, 0 to S.
        num_classes (int): K, background included.
        num_seeds (int): S.
        weights (np.ndarray, optional): Integers of the same shape, how often each pixel counts.

    Returns:
        Calibration: Of this image; those of several images are added by their ``counts``.

    Raises:
        ValueError: If shapes differ, or a label or an agreement is out of range.
    """
    shapes = (truth.shape, label.shape, agreement.shape)
    if len(set(shapes)) != 1:
        raise ValueError(f'truth, aggregate and agreement have the shapes {shapes}')
    if agreement.size and agreement.max() > num_seeds:
        raise ValueError(f'an agreement of {agreement.max()}, expected 0 to {num_seeds}')
    outside = label[(label >= num_classes) & (label != IGNORE_INDEX)]
    if outside.size:
        raise ValueError(
            f'the aggregate has label {outside.max()}, expected 0 to {num_classes - 1}'
        )
    counted = truth != IGNORE_INDEX
    right = (label == truth)[counted].astype(np.int64)
    given = np.minimum(label[counted], num_classes)
    shape = (2, num_classes + 1, num_seeds + 1)
    cells = np.ravel_multi_index((right, given, agreement[counted]), shape)
    chosen = None if weights is None else weights[counted]
    counts = np.bincount(cells, chosen, minlength=int(np.prod(shape)))
    return Calibration(counts.astype(np.int64).reshape(shape))


def _accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of the right among wrong (0) and right (1)."""
    total = counts.sum(axis=0)
    return np.divide(counts[1], total, out=np.full(total.shape, np.nan), where=total > 0)
