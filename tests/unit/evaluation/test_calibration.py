"""Accuracy by agreement against loops over pixels."""

import numpy as np
import pytest

from mmseg_wsss.evaluation import Calibration, count_agreement, score_agreement

K, S = 3, 4


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    agreement = rng.integers(0, S + 1, (20, 31), np.uint8)
    truth = rng.integers(0, K, agreement.shape, np.uint8)
    right = rng.random(agreement.shape) < agreement / S
    label = np.where(right, truth, rng.integers(0, K, agreement.shape, np.uint8))
    label[agreement == 0] = 255
    truth[:2] = 255
    return truth, label, agreement


def test_accuracy_by_agreement_and_class(maps):
    truth, label, agreement = maps
    calibration = count_agreement(*maps, K, S)
    counted = truth != 255
    for votes in range(S + 1):
        chosen = counted & (agreement == votes)
        expected = (truth == label)[chosen].mean()
        np.testing.assert_allclose(calibration.accuracy[votes], expected)
        np.testing.assert_allclose(calibration.share[votes], chosen.sum() / counted.sum())
        for given in range(K):
            right = (truth == label)[chosen & (label == given)]
            expected = right.mean() if right.size else np.nan
            np.testing.assert_allclose(calibration.accuracy_by_class[given, votes], expected)


def test_it_holds_the_counts_of_the_thresholds(maps):
    calibration = count_agreement(*maps, K, S)
    np.testing.assert_array_equal(calibration.score.votes, score_agreement([maps], S).votes)


def test_calibration_error():
    # 3 of 4 pixels right at all votes, 1 of 2 right at half of the votes.
    counts = np.zeros((2, 2, 3), np.int64)
    counts[:, 0, 2], counts[:, 0, 1] = (1, 3), (1, 1)
    assert Calibration(counts).error == pytest.approx(4 / 6 * 0.25)


def test_weights_count_a_pixel_several_times(maps):
    weights = np.random.default_rng(1).integers(0, 5, maps[0].shape)
    repeated = [np.repeat(one.reshape(-1), weights.reshape(-1)) for one in maps]
    np.testing.assert_array_equal(
        count_agreement(*maps, K, S, weights).counts, count_agreement(*repeated, K, S).counts
    )


def test_wrong_maps_are_refused(maps):
    truth, label, agreement = maps
    with pytest.raises(ValueError, match='shapes'):
        count_agreement(truth, label, agreement[:-1], K, S)
    with pytest.raises(ValueError, match='agreement of 4'):
        count_agreement(truth, label, agreement, K, S - 1)
    with pytest.raises(ValueError, match='has label 2'):
        count_agreement(truth, label, agreement, K - 1, S)
