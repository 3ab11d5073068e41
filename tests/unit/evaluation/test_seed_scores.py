"""Scores of masks against scikit-learn, mmseg's IoUMetric and the definitions, pixel by pixel."""

import numpy as np
import pytest
import torch
from mmseg.evaluation import IoUMetric
from sklearn import metrics

from mmseg_wsss.evaluation import SeedScore, confusion_matrix, score_masks

K = 5


def masks(rng, void=0.2, classes=K, shape=(17, 23)):
    """A truth and a mask that agrees with it in about half of the pixels, both with some 255."""
    truth = rng.integers(0, classes, shape, np.uint8)
    mask = np.where(rng.random(shape) < 0.5, truth, rng.integers(0, classes, shape, np.uint8))
    truth[rng.random(shape) < void] = 255
    mask[rng.random(shape) < void] = 255
    return truth, mask


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    return [masks(rng, shape=(size, 30 - size)) for size in range(5, 25)]


def joined(pairs):
    truth = np.concatenate([truth.reshape(-1) for truth, _ in pairs])
    mask = np.concatenate([mask.reshape(-1) for _, mask in pairs])
    # scikit-learn knows no ignored pixel; a mask's 255 is a label of its own that is never right.
    return truth[truth != 255], np.where(mask == 255, K, mask)[truth != 255]


def test_matrix_is_that_of_scikit_learn(pairs):
    expected = metrics.confusion_matrix(*joined(pairs), labels=range(K + 1))
    np.testing.assert_array_equal(score_masks(pairs, K).matrix, expected[:K])
    assert not expected[K].any()


def test_scores_are_those_of_scikit_learn(pairs):
    truth, mask = joined(pairs)
    score = score_masks(pairs, K)
    options = dict(labels=range(K), average=None)
    iou = metrics.jaccard_score(truth, mask, **options)
    np.testing.assert_allclose(score.iou, iou)
    np.testing.assert_allclose(score.miou, iou.mean())
    np.testing.assert_allclose(score.accuracy, metrics.accuracy_score(truth, mask))
    np.testing.assert_allclose(score.precision, metrics.precision_score(truth, mask, **options))
    np.testing.assert_allclose(score.recall, metrics.recall_score(truth, mask, **options))
    np.testing.assert_allclose(score.coverage, (mask != K).mean())


def test_error_rates_are_those_of_the_field(pairs):
    """Pixels too many and too few over the union, so that the three shares add up to one."""
    truth, mask = joined(pairs)
    score = score_masks(pairs, K)
    for label in range(K):
        union = ((truth == label) | (mask == label)).sum()
        too_many = ((mask == label) & (truth != label)).sum() / union
        too_few = ((mask != label) & (truth == label)).sum() / union
        np.testing.assert_allclose(score.false_positive_rate[label], too_many)
        np.testing.assert_allclose(score.false_negative_rate[label], too_few)
    total = score.iou + score.false_positive_rate + score.false_negative_rate
    np.testing.assert_allclose(total, 1)


def test_miou_is_that_of_mmseg_where_no_pixel_is_left_open(pairs):
    rng = np.random.default_rng(1)
    full = [(truth, rng.integers(0, K, truth.shape, np.uint8)) for truth, _ in pairs]
    metric = IoUMetric(iou_metrics=['mIoU'])
    metric.dataset_meta = dict(classes=[str(label) for label in range(K)])
    metric.process(
        {},
        [
            dict(
                pred_sem_seg=dict(data=torch.from_numpy(mask)[None]),
                gt_sem_seg=dict(data=torch.from_numpy(truth)[None]),
            )
            for truth, mask in full
        ],
    )
    found = metric.compute_metrics(metric.results)
    score = score_masks(full, K)
    # mmseg rounds to two decimals.
    assert found['mIoU'] == pytest.approx(100 * score.miou, abs=0.00501)
    assert found['aAcc'] == pytest.approx(100 * score.accuracy, abs=0.00501)
    assert found['mAcc'] == pytest.approx(100 * np.nanmean(score.recall), abs=0.00501)


def test_leaving_pixels_open_never_raises_a_score(pairs):
    truth, mask = masks(np.random.default_rng(2), void=0)
    whole = SeedScore(confusion_matrix(truth, mask, K))
    mask[:4] = 255
    part = SeedScore(confusion_matrix(truth, mask, K))
    assert part.accuracy < whole.accuracy and (part.recall <= whole.recall).all()
    assert part.coverage == pytest.approx(1 - 4 / 17) and whole.coverage == 1


def test_a_class_that_nowhere_occurs_is_left_out_of_the_mean():
    score = SeedScore(confusion_matrix(np.array([[0, 1]], np.uint8), np.zeros((1, 2), np.uint8), 3))
    np.testing.assert_array_equal(score.iou, [0.5, 0, np.nan])
    np.testing.assert_array_equal(score.precision, [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(score.recall, [1, 0, np.nan])
    np.testing.assert_array_equal(score.false_positive_rate, [0.5, 0, np.nan])
    np.testing.assert_array_equal(score.false_negative_rate, [0, 1, np.nan])
    assert score.miou == 0.25


def test_nothing_to_count():
    score = score_masks([], 3)
    for value in (score.miou, score.accuracy, score.coverage, *score.recall):
        assert np.isnan(value)


def test_weights_count_a_pixel_several_times():
    rng = np.random.default_rng(3)
    truth, mask = masks(rng)
    weights = rng.integers(0, 4, truth.shape)
    repeated = [np.repeat(labels.reshape(-1), weights.reshape(-1)) for labels in (truth, mask)]
    np.testing.assert_array_equal(
        confusion_matrix(truth, mask, K, weights), confusion_matrix(*repeated, K)
    )
    assert confusion_matrix(truth, mask, K, weights).dtype == np.int64


@pytest.mark.parametrize(
    'truth, mask, message',
    [
        (np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), r'shape \(3, 2\)'),
        (np.full((2, 2), 5, np.uint8), np.zeros((2, 2), np.uint8), 'truth has label 5'),
        (np.zeros((2, 2), np.uint8), np.full((2, 2), 254, np.uint8), 'mask has label 254'),
    ],
)
def test_wrong_masks_are_refused(truth, mask, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(truth, mask, K)
