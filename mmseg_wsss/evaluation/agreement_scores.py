"""How well the agreement of seeds tells right labels from wrong ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mmseg_wsss.seeds import IGNORE_INDEX


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
