"""Whether scores rank the images that have a tag above those without it better than chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# An observed ranking that so many of the shuffled ones reach is taken for chance.
CHANCE = 0.05
PERMUTATIONS = 400
FOLDS = 5


@dataclass(frozen=True)
class TagRanking:
    """How well images are ranked by their scores.

    Attributes:
        auc (np.ndarray): float64 (K,), area under the ROC curve of each class, 0.5 by chance; NaN
            for a class that all images have, or none.
        p_value (float): Share of random assignments of the images' tags that reach the mean; NaN
            where no class can be ranked.
        images (int): Number of images.
    """

    auc: np.ndarray
    p_value: float
    images: int

    @property
    def mean(self) -> float:
        """Mean of :attr:`auc` over the classes that can be ranked; NaN if none can."""
        return float(np.nanmean(self.auc)) if np.isfinite(self.auc).any() else float('nan')

    @property
    def is_evidence(self) -> bool:
        """Whether chance alone would hardly rank so well; False where nothing can be ranked."""
        return self.p_value <= CHANCE


def rank_by_tags(scores: np.ndarray, tagged: np.ndarray) -> TagRanking:
    """Compare scores with tags.

    Args:
        scores (np.ndarray): (N, K) of any scale, a higher one speaks for the class.
        tagged (np.ndarray): bool (N, K), whether the image has the tag.

    Returns:
        TagRanking: With a permutation test of the mean: the tags of an image stay together, so
        that classes which often come together are no evidence. It is the same in every run.

    Raises:
        ValueError: If the shapes differ.

    >>> tagged = np.array([[True], [False], [False]])
    >>> rank_by_tags(np.array([[0.9], [0.8], [0.1]]), tagged).mean
    1.0
    """
    if scores.shape != tagged.shape or scores.ndim != 2:
        raise ValueError(f'scores {scores.shape} and tags {tagged.shape}, expected both (N, K)')
    ranks = np.stack([_mean_ranks(column) for column in scores.T], axis=1)
    auc = _auc(ranks, tagged)
    if not np.isfinite(auc).any():
        return TagRanking(auc, float('nan'), len(scores))
    rng = np.random.default_rng(0)
    mean = np.nanmean(auc)
    reached = sum(
        np.nanmean(_auc(ranks, tagged[rng.permutation(len(tagged))])) >= mean - 1e-12
        for _ in range(PERMUTATIONS)
    )
    return TagRanking(auc, float(1 + reached) / (1 + PERMUTATIONS), len(scores))


def _mean_ranks(values: np.ndarray) -> np.ndarray:
    """Give ranks from 1, equal values their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse.reshape(-1)]


def _auc(ranks: np.ndarray, tagged: np.ndarray) -> np.ndarray:
    """Mann-Whitney's statistic of each class."""
    having = tagged.sum(axis=0).astype(np.float64)
    pairs = having * (len(tagged) - having)
    wins = (ranks * tagged).sum(axis=0) - having * (having + 1) / 2
    return np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def cross_validated_scores(features: np.ndarray, tagged: np.ndarray) -> np.ndarray:
    """Predict each image's tags from the features of the others, by ridge regression.

    Args:
        features (np.ndarray): (N, D), one row an image.
        tagged (np.ndarray): bool (N, K).

    Returns:
        np.ndarray: float64 (N, K), of each image the scores of a regression on the four fifths of
        the images that it is not among, without their mean: that is the higher the fewer of the
        left-out images have the tag, which would rank them worse than chance.
    """
    features = np.asarray(features, np.float64)
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-8)
    targets = tagged.astype(np.float64)
    scores = np.zeros_like(targets)
    fold = np.random.default_rng(0).permutation(len(features)) % min(FOLDS, len(features))
    for number in np.unique(fold):
        own, others = fold == number, fold != number
        mean = targets[others].mean(axis=0)
        # The dual form: there are fewer images than features as a rule.
        kernel = features[others] @ features[others].T
        kernel += features.shape[1] * np.eye(len(kernel))
        weights = np.linalg.solve(kernel, targets[others] - mean)
        scores[own] = features[own] @ features[others].T @ weights
    return scores
