"""The aggregates of all subsets against one vote and one score per subset."""

from itertools import chain, combinations

import numpy as np
import pytest

from mmseg_wsss.evaluation import SubsetStudy, all_subsets, score_masks, study_subsets
from mmseg_wsss.seeds import aggregate_seeds

K, S = 4, 5


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, K, (18, 25), np.uint8)
    wrong = rng.random((S, *truth.shape)) < np.linspace(0.2, 0.6, S)[:, None, None]
    seeds = np.where(wrong, rng.integers(0, K, wrong.shape, np.uint8), truth)
    seeds[rng.random(seeds.shape) < 0.1] = 255
    truth[:2] = 255
    return seeds, truth


@pytest.mark.parametrize(
    'tie, order', [('lowest', None), ('foreground', None), ('seed_order', [3, 0, 4, 1, 2])]
)
def test_every_subset_is_voted_and_scored(maps, tie, order):
    seeds, truth = maps
    study = study_subsets(seeds, truth, K, tie, order)
    sizes = (combinations(range(S), size) for size in range(1, S + 1))
    assert list(study.subsets) == list(chain(*sizes))
    for number, subset in enumerate(study.subsets):
        kept = [subset.index(seed) for seed in order if seed in subset] if order else None
        label, _ = aggregate_seeds(seeds[list(subset)], K, tie=tie, seed_order=kept)
        score = score_masks([(truth, label)], K)
        assert study.miou[number] == pytest.approx(score.miou)
        assert study.accuracy[number] == pytest.approx(score.accuracy)


def test_images_are_added(maps):
    seeds, truth = maps
    whole = study_subsets(seeds, truth, K)
    parts = [study_subsets(seeds[:, rows], truth[rows], K) for rows in (slice(7), slice(7, None))]
    for name in ('hits', 'given', 'true'):
        total = sum(getattr(part, name) for part in parts)
        np.testing.assert_array_equal(total, getattr(whole, name))


def test_weights_count_a_pixel_several_times(maps):
    seeds, truth = maps
    weights = np.random.default_rng(1).integers(0, 4, truth.shape)
    repeat = weights.reshape(-1)
    expected = study_subsets(
        np.repeat(seeds.reshape(S, -1), repeat, axis=1), np.repeat(truth.reshape(-1), repeat), K
    )
    found = study_subsets(seeds, truth, K, weights=weights)
    np.testing.assert_array_equal(found.hits, expected.hits)
    np.testing.assert_array_equal(found.given, expected.given)
    np.testing.assert_array_equal(found.true, expected.true)


def test_ranking():
    # Two classes of ten pixels; the hits decide.
    hits = np.array([[5, 5], [9, 9], [9, 9]])
    study = SubsetStudy(all_subsets(2), hits, np.full((3, 2), 10), np.full(2, 10))
    assert study.ranking() == [1, 2, 0]
    assert study.ranking(1) == [1, 0] and study.ranking(2) == [2] and study.ranking(3) == []


def test_a_class_that_nowhere_occurs_is_left_out_of_the_mean():
    study = study_subsets(np.zeros((1, 1, 4), np.uint8), np.zeros((1, 4), np.uint8), K)
    assert study.miou.tolist() == [1]
    none = study_subsets(np.zeros((1, 1, 4), np.uint8), np.full((1, 4), 255, np.uint8), K)
    assert np.isnan(none.accuracy).all() and np.isnan(none.miou).all()


def test_limits(maps):
    assert len(all_subsets(8)) == 255
    for number in (0, 9):
        with pytest.raises(ValueError, match=f'{number} seeds'):
            all_subsets(number)
    with pytest.raises(ValueError, match='truth has label 3'):
        study_subsets(np.minimum(maps[0], 2), maps[1], 3)
