"""Seeds compared with each other, against plain comparisons."""

import numpy as np
import pytest

from mmseg_wsss.evaluation import compare_seeds

S = 4


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    seeds = rng.integers(0, 3, (S, 15, 22), np.uint8)
    seeds[rng.random(seeds.shape) < 0.1] = 255
    truth = rng.integers(0, 3, seeds.shape[1:], np.uint8)
    truth[:3] = 255
    return seeds, truth


def test_shares_are_those_of_plain_comparisons(maps):
    seeds, truth = maps
    pairs = compare_seeds(seeds, truth)
    counted = truth != 255
    for first in range(S):
        for second in range(S):
            assert pairs.disagreement[first, second] == np.mean(seeds[first] != seeds[second])
            rescued = (seeds[first] == truth) & (seeds[second] != truth)
            assert pairs.complement[first, second] == pytest.approx(rescued[counted].mean())


def test_weights_count_a_pixel_several_times(maps):
    seeds, truth = maps
    weights = np.random.default_rng(1).integers(0, 4, truth.shape)
    repeat = weights.reshape(-1)
    repeated = np.repeat(seeds.reshape(S, -1), repeat, axis=1)
    expected = compare_seeds(repeated, np.repeat(truth.reshape(-1), repeat))
    found = compare_seeds(seeds, truth, weights)
    np.testing.assert_array_equal(found.differ, expected.differ)
    np.testing.assert_array_equal(found.rescued, expected.rescued)
    assert (found.pixels, found.scored) == (expected.pixels, expected.scored)


def test_without_a_truth(maps):
    pairs = compare_seeds(maps[0])
    assert pairs.rescued is None and pairs.pixels == 15 * 22
    with pytest.raises(ValueError, match='without a truth'):
        _ = pairs.complement
