"""A background threshold without masks: where two kinds of pixels part.

The highest activation of a pixel comes from one of two populations, background and object. A
mixture of two normal distributions is fitted to the pixels with a positive activation; the
threshold is where the two are equally likely (reading, see METHOD).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NUM_BINS = 200
_MAX_ITERATIONS = 2000
# Below this a component has collapsed onto a bin.
_LEAST_DEVIATION = 0.5 / NUM_BINS
# Labels leave out the pixels that are hard to tell, so that many thresholds tell the others apart
# nearly as well as the best one, which is chance: among those within the tolerance all pixels
# choose.
_TOLERANCE = 0.01


@dataclass(frozen=True)
class MixtureFit:
    """Two normal distributions fitted to a histogram.

    Attributes:
        weights (tuple[float, float]): Shares of background and object, summing to 1.
        means (tuple[float, float]): Ascending.
        deviations (tuple[float, float]): Standard deviations.
        threshold (float): Where the weighted densities cross between the means; rounded to 3
            decimals.
    """

    weights: tuple[float, float]
    means: tuple[float, float]
    deviations: tuple[float, float]
    threshold: float

    def density(self, values: np.ndarray) -> np.ndarray:
        """Weighted densities (2, N) at some values (N,)."""
        means, deviations, weights = (
            np.array(one)[:, None] for one in (self.means, self.deviations, self.weights)
        )
        squares = ((values - means) / deviations) ** 2
        return weights * np.exp(-0.5 * squares) / (deviations * np.sqrt(2 * np.pi))


def activation_histogram(maps: np.ndarray) -> np.ndarray:
    """Count the highest activations of pixels.

    Args:
        maps (np.ndarray): (..., P, H, W) float, values in [0, 1].

    Returns:
        np.ndarray: (NUM_BINS,) int64; bin i counts values in (i, i + 1] / NUM_BINS. Pixels without
        a positive activation do not count.

    Examples:
        >>> counts = activation_histogram(np.array([[[0.0, 0.004]], [[0.0, 1.0]]]))
        >>> int(counts.sum()), int(counts[-1])
        (1, 1)
    """
    if maps.shape[-3] == 0:
        return np.zeros(NUM_BINS, np.int64)
    highest = maps.max(axis=-3).ravel()
    highest = highest[highest > 0]
    bins = np.ceil(highest * NUM_BINS).astype(np.int64) - 1
    return np.bincount(bins.clip(0, NUM_BINS - 1), minlength=NUM_BINS)


def otsu_threshold(counts: np.ndarray) -> float:
    """Find the threshold on whose two sides values differ least from their means.

    Source: Otsu, "A Threshold Selection Method from Gray-Level Histograms", IEEE Transactions on
    Systems, Man, and Cybernetics 9 (1979).

    Args:
        counts (np.ndarray): (N,) counts of activations in N equal bins of [0, 1].

    Returns:
        float: The upper limit of a bin, the lowest one where several are as good.

    Examples:
        >>> otsu_threshold(np.array([5, 1, 0, 4]))
        0.5
    """
    shares = counts / counts.sum()
    below = np.cumsum(shares)[:-1]
    sums = np.cumsum(shares * np.arange(len(shares)))
    product = below * (1 - below)
    square = (sums[-1] * below - sums[:-1]) ** 2
    between = np.divide(square, product, out=np.zeros_like(square), where=product > 1e-12)
    return float((between.argmax() + 1) / len(counts))


def separating_threshold(
    background: np.ndarray, foreground: np.ndarray, every: np.ndarray
) -> float:
    """Find a threshold that tells two known kinds of pixels apart well, and all pixels.

    What counts is the sum of the share of the background at or below it and the share of the
    foreground above it, so that neither kind counts more for being larger. Of the thresholds within
    0.01 of the largest sum the nearest to that of :func:`otsu_threshold` for all pixels is taken.
    This is a reading of this project; the rule was chosen with masks (docs/results.md).

    Args:
        background (np.ndarray): (N,) counts of activations of pixels known as background, in N
            equal bins of [0, 1].
        foreground (np.ndarray): (N,) those of pixels known as foreground.
        every (np.ndarray): (N,) those of all pixels, see :func:`activation_histogram`.

    Returns:
        float: The upper limit of a bin, the lower one where two are as near.

    Raises:
        ValueError: If one kind has no pixels, or no threshold is better than chance.

    Examples:
        >>> background, foreground = np.array([5, 0, 0, 0]), np.array([0, 0, 0, 3])
        >>> separating_threshold(background, foreground, np.array([5, 1, 0, 4]))
        0.5
    """
    if not background.sum() or not foreground.sum():
        raise ValueError('the labels have no background or no foreground')
    below = np.cumsum(background) / background.sum()
    above = 1 - np.cumsum(foreground) / foreground.sum()
    score = (below + above)[:-1]
    if score.max() <= 1 + 1e-9:
        raise ValueError('activations are no higher on the foreground of the labels')
    good = (np.flatnonzero(score >= score.max() - _TOLERANCE - 1e-9) + 1) / len(background)
    return float(good[np.abs(good - otsu_threshold(every)).argmin()])


def fit_mixture(counts: np.ndarray) -> MixtureFit:
    """Fit two normal distributions by expectation maximisation.

    Args:
        counts (np.ndarray): (NUM_BINS,), see :func:`activation_histogram`.

    Returns:
        MixtureFit: The same for the same counts, always.

    Raises:
        ValueError: If there are too few different values for two components, or these do not cross
            between their means.
    """
    values = (np.arange(NUM_BINS) + 0.5) / NUM_BINS
    counts = np.asarray(counts, np.float64)
    if np.count_nonzero(counts) < 2:
        raise ValueError(
            'there are too few different activations to tell two kinds of pixels apart'
        )
    shares = counts / counts.sum()
    middle = shares @ values
    low = values <= middle
    member = np.stack([low, ~low]).astype(np.float64)
    previous = -np.inf
    for _ in range(_MAX_ITERATIONS):
        mass = member * shares
        weights = mass.sum(axis=1)
        means = mass @ values / weights
        spread = (mass * (values - means[:, None]) ** 2).sum(axis=1) / weights
        deviations = np.sqrt(spread).clip(_LEAST_DEVIATION)
        fit = MixtureFit(tuple(weights), tuple(means), tuple(deviations), 0.0)
        density = fit.density(values)
        total = density.sum(axis=0).clip(np.finfo(np.float64).tiny)
        member = density / total
        likelihood = shares @ np.log(total)
        if likelihood - previous < 1e-9:
            break
        previous = likelihood
    order = np.argsort(means)
    weights, means, deviations = (
        tuple(float(one[place]) for place in order) for one in (weights, means, deviations)
    )
    fit = MixtureFit(weights, means, deviations, 0.0)
    return MixtureFit(weights, means, deviations, _crossing(fit))


def _crossing(fit: MixtureFit) -> float:
    grid = np.arange(1, 1000) / 1000
    inside = grid[(grid > fit.means[0]) & (grid < fit.means[1])]
    background, foreground = fit.density(inside)
    crossed = inside[foreground >= background]
    if not len(crossed) or crossed[0] == inside[0]:
        raise ValueError(
            'the two kinds of pixels do not part: background '
            f'{fit.means[0]:.2f} ± {fit.deviations[0]:.2f}, object {fit.means[1]:.2f} ± '
            f'{fit.deviations[1]:.2f}; give a threshold'
        )
    return float(crossed[0])
