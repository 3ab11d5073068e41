"""Every threshold's matrix is the one that the seeds of that threshold would have."""

import numpy as np
import pytest
import torch

from mmseg_wsss.evaluation import (
    BackgroundCurve,
    background_data,
    confusion_matrix,
    count_background,
    rank_activation,
)
from mmseg_wsss.reporting import background_tables
from mmseg_wsss.seeds.refine import refine_seeds

NUM_CLASSES = 5


def make_image(tags, rng):
    """Activation maps with values on the thresholds, ties and zeros; a truth with void."""
    maps = rng.random((len(tags), 12, 15), dtype=np.float32)
    on_grid = rng.random(maps.shape) < 0.5
    maps[on_grid] = (rng.integers(0, 101, maps.shape) / 100).astype(np.float32)[on_grid]
    if len(tags) > 1:
        maps[1, :3] = maps[0, :3]
    maps[:, 3] = 0
    truth = rng.integers(0, NUM_CLASSES, maps.shape[1:], np.uint8)
    truth[rng.random(truth.shape) < 0.1] = 255
    return maps, truth


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return [(tags, *make_image(tags, rng)) for tags in ((1, 3, 4), (2,), (), (3, 4), (1, 2))]


def total(images):
    counts = [
        count_background(truth, *rank_activation(maps, tags), NUM_CLASSES).counts
        for tags, maps, truth in images
    ]
    return BackgroundCurve(sum(counts))


def test_matrices_are_those_of_seeds_made_at_each_threshold(images):
    curve = total(images)
    for index, threshold in enumerate(curve.thresholds):
        expected = np.zeros((NUM_CLASSES, NUM_CLASSES + 1), np.int64)
        for tags, maps, truth in images:
            seed = refine_seeds(
                torch.from_numpy(maps)[None],
                np.zeros((*truth.shape, 3), np.uint8),
                tags,
                dict(kind='constant', threshold=float(threshold)),
                refine=None,
            )
            expected += confusion_matrix(truth, seed[0].numpy(), NUM_CLASSES)
        np.testing.assert_array_equal(curve.matrices[index], expected)


def test_matrices_are_those_of_a_plain_loop(images):
    curve = total(images)
    for index in (0, 19, 49, 98):
        threshold = np.float32((index + 1) / 100)
        expected = np.zeros((NUM_CLASSES, NUM_CLASSES + 1), int)
        for tags, maps, truth in images:
            for y, x in np.ndindex(truth.shape):
                label, highest = 0, threshold
                for tag, value in zip(tags, maps[:, y, x], strict=True):
                    if value > highest:
                        label, highest = tag, value
                if truth[y, x] != 255:
                    expected[truth[y, x], label] += 1
        np.testing.assert_array_equal(curve.matrices[index], expected)


def test_a_known_curve():
    # Two pixels of a cat at 0.3 and 0.6, one of background at 0.4.
    maps = np.array([[[0.3, 0.6, 0.4]]], np.float32)
    truth = np.array([[1, 1, 0]], np.uint8)
    curve = count_background(truth, *rank_activation(maps, (1,)), 2)
    miou = dict(zip(np.round(curve.thresholds, 2), (s.miou for s in curve.scores), strict=True))
    assert miou[0.29] == pytest.approx((0 + 2 / 3) / 2)
    assert miou[0.35] == pytest.approx((0 + 1 / 3) / 2)
    assert miou[0.45] == miou[0.59] == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert miou[0.6] == miou[0.99] == pytest.approx((1 / 3 + 0) / 2)
    # The lowest of the best ones; 0.4 itself does not exceed 0.4.
    assert curve.thresholds[curve.best] == 0.4


def test_nothing_counted():
    nothing = BackgroundCurve(np.zeros((2, 2, 100), np.int64))
    assert not nothing.matrices.any()
    with pytest.raises(ValueError, match='no pixel'):
        _ = nothing.best


def test_wrong_arrays_are_refused():
    zeros = np.zeros((2, 3), np.uint8)
    with pytest.raises(ValueError, match='2 activation maps of 1 tags'):
        rank_activation(np.zeros((2, 2, 3), np.float32), (1,))
    with pytest.raises(ValueError, match='the shapes'):
        count_background(zeros[:1], zeros, zeros, 2)
    with pytest.raises(ValueError, match='truth has label 2'):
        count_background(zeros + 2, zeros, zeros, 2)
    with pytest.raises(ValueError, match='highest map has label 2'):
        count_background(zeros, zeros + 2, zeros, 2)


def test_tables_show_the_best_the_current_and_say_what_they_were_tuned_on(images):
    curve = total(images)
    curves = {'a': curve, 'b': curve}
    classes = [str(label) for label in range(NUM_CLASSES)]
    head = dict(split='some.txt', current=0.23)
    first, second, third = background_tables(background_data(curves, classes, head))
    thresholds = [row[0] for row in first.rows]
    assert {0.05, 0.5, 0.95, 0.23, curve.thresholds[curve.best]} <= set(thresholds)
    assert thresholds == sorted(thresholds) and first.rows[first.strong[0]][0] == 0.23
    assert first.rows[first.strong[0]][1] == 100 * curve.scores[22].miou
    best = curve.scores[curve.best]
    assert second.rows[0][:3] == ['a', curve.thresholds[curve.best], 100 * best.miou]
    assert second.rows[1][5] == 100 * curve.scores[22].miou
    np.testing.assert_allclose([row[1] for row in third.rows], 100 * best.iou)
    for table in (first, second, third):
        assert 'Tuned on the ground truth' in table.note and 'some.txt' in table.note
        assert 'Before the dense CRF' in table.note
        assert 'Never in the ground truth' not in table.note
    head['current'] = None
    assert not background_tables(background_data(curves, classes, head))[0].strong


def test_tables_name_a_class_that_the_ground_truth_never_shows(images):
    curve = total([(*rest, np.where(truth == 1, 0, truth)) for *rest, truth in images])
    data = background_data({'a': curve}, ['background', 'cat', 'dog', 'cow', 'fox'], {'split': 's'})
    for table in background_tables(data):
        assert 'Never in the ground truth: cat. Where' in table.note
