"""The mixture against scikit-learn's, the threshold against the closed form."""

import math

import cv2
import numpy as np
import pytest

from mmseg_wsss.seeds.threshold import (
    NUM_BINS,
    activation_histogram,
    fit_mixture,
    otsu_threshold,
    separating_threshold,
)


def histogram(values):
    return activation_histogram(np.asarray(values, np.float64).reshape(1, 1, -1))


@pytest.mark.parametrize('share', [0.3, 0.7])
def test_against_scikit_learn(share):
    mixture = pytest.importorskip('sklearn.mixture')
    random = np.random.default_rng(0)
    number = 20000
    low = random.normal(0.15, 0.06, int(number * share))
    high = random.normal(0.65, 0.15, number - len(low))
    values = np.concatenate([low, high])
    values = values[(values > 0) & (values <= 1)]
    fit = fit_mixture(histogram(values))
    theirs = mixture.GaussianMixture(2, tol=1e-6, max_iter=1000, random_state=0)
    theirs.fit(values[:, None])
    order = theirs.means_[:, 0].argsort()
    assert np.allclose(fit.means, theirs.means_[order, 0], atol=5e-3)
    assert np.allclose(fit.deviations, np.sqrt(theirs.covariances_[order, 0, 0]), atol=5e-3)
    assert np.allclose(fit.weights, theirs.weights_[order], atol=0.01)
    # Where the weighted densities are equal: a quadratic equation.
    (w, v), (m, n), (s, t) = fit.weights, fit.means, fit.deviations
    square = 1 / (2 * t * t) - 1 / (2 * s * s)
    linear = m / s**2 - n / t**2
    constant = n * n / (2 * t * t) - m * m / (2 * s * s) + math.log(w * t / (v * s))
    roots = np.roots([square, linear, constant])
    (between,) = [root.real for root in roots if m < root.real < n]
    assert abs(fit.threshold - between) <= 1e-3
    assert fit == fit_mixture(histogram(values[::-1]))


def test_histogram_counts_the_highest_positive_activation_of_a_pixel():
    maps = np.zeros((2, 3, 2, 2))
    maps[0, 1, 0, 0] = 1 / NUM_BINS  # the upper limit of the first bin
    maps[0, 2, 0, 1], maps[0, 0, 0, 1] = 0.5, 0.1
    maps[1, 0, 1, 1] = 1.0
    counts = activation_histogram(maps)
    expected = np.zeros(NUM_BINS, int)
    expected[[0, NUM_BINS // 2 - 1, NUM_BINS - 1]] = 1
    assert np.array_equal(counts, expected)
    assert not activation_histogram(np.zeros((1, 0, 2, 2))).any()


def test_one_kind_of_pixels_is_refused():
    with pytest.raises(ValueError, match='too few different activations'):
        fit_mixture(histogram([0.3] * 50))
    with pytest.raises(ValueError, match='too few different activations'):
        fit_mixture(np.zeros(NUM_BINS))


@pytest.mark.parametrize('share', [0.1, 0.5, 0.95])
def test_otsu_against_opencv(share):
    random = np.random.default_rng(0)
    low, high = random.normal(40, 15, 4000), random.normal(160, 40, 4000)
    values = np.where(random.random(4000) < share, low, high).round().clip(0, 255).astype(np.uint8)
    theirs, _ = cv2.threshold(values[None], 0, 255, cv2.THRESH_OTSU)
    assert round(256 * otsu_threshold(np.bincount(values, minlength=256))) == theirs + 1


def test_otsu_of_one_value():
    assert otsu_threshold(np.array([0, 7, 0, 0])) == 0.25


@pytest.mark.parametrize(('low', 'high'), [(0.3, 0.5), (0.1, 0.9), (0.02, 0.2), (0.5, 0.9)])
@pytest.mark.parametrize('middle', [0.05, 0.35, 0.8])
def test_separating_threshold_against_all_thresholds(low, high, middle):
    random = np.random.default_rng(0)
    background = random.binomial(99, low, 4000)
    foreground = random.binomial(99, high, 300)
    counts = [np.bincount(values, minlength=100) for values in (background, foreground)]
    every = np.bincount(random.binomial(99, middle, 3000), minlength=100)
    found = separating_threshold(*counts, every)
    scores = {
        limit: (background < limit).mean() + (foreground >= limit).mean() for limit in range(1, 100)
    }
    good = [limit for limit, score in scores.items() if score > max(scores.values()) - 0.01]
    wanted = 100 * otsu_threshold(every)
    assert round(100 * found) == min(good, key=lambda limit: abs(limit - wanted))
    # The kinds weigh the same, whatever their numbers.
    assert separating_threshold(counts[0] * 7, counts[1], every) == found


def test_labels_that_tell_nothing_are_refused():
    some, none = np.array([1, 2, 0]), np.zeros(3, int)
    for background, foreground in ((some, none), (none, some)):
        with pytest.raises(ValueError, match='no background or no foreground'):
            separating_threshold(background, foreground, some)
    with pytest.raises(ValueError, match='no higher on the foreground'):
        separating_threshold(np.array([0, 0, 5]), np.array([5, 0, 0]), some)
