"""Ranking images by the scores of their tags, against scikit-learn and all permutations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from mmseg_wsss.evaluation.tag_ranking import cross_validated_scores, rank_by_tags


def test_areas_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    tagged = rng.random((60, 5)) < [0.1, 0.3, 0.5, 0.9, 0.7]
    scores = rng.integers(0, 6, (60, 5)) + tagged  # with many ties
    ranking = rank_by_tags(scores, tagged)
    expected = [roc_auc_score(tagged[:, k], scores[:, k]) for k in range(5)]
    assert ranking.auc == pytest.approx(expected)
    assert ranking.mean == pytest.approx(np.mean(expected)) and ranking.is_evidence


def test_p_value_is_near_that_of_all_permutations():
    rng = np.random.default_rng(1)
    tagged = np.array([[1, 0], [1, 1], [0, 1], [0, 0], [1, 0], [0, 1]], bool)
    scores = rng.random((6, 2)) + 0.4 * tagged

    def mean(labels: np.ndarray) -> float:
        return np.mean([roc_auc_score(labels[:, k], scores[:, k]) for k in range(2)])

    observed = mean(tagged)
    # Permutations of equal rows count once for each, as in a draw.
    means = [mean(tagged[list(order)]) for order in permutations(range(6))]
    exact = np.mean([value >= observed - 1e-12 for value in means])
    assert rank_by_tags(scores, tagged).p_value == pytest.approx(exact, abs=0.07)


def test_noise_is_no_evidence_and_a_slight_effect_on_many_images_is():
    rng = np.random.default_rng(2)
    tagged = rng.random((400, 3)) < 0.3
    noise = rng.normal(size=(400, 3))
    assert not rank_by_tags(noise, tagged).is_evidence
    assert rank_by_tags(noise + 0.4 * tagged, tagged).is_evidence


def test_classes_that_all_or_none_have_are_left_out():
    tagged = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 0]], bool)
    ranking = rank_by_tags(np.array([[0, 0, 2], [1, 0, 1], [2, 0, 0.0]]), tagged)
    assert np.isnan(ranking.auc).tolist() == [True, True, False] and ranking.mean == 1
    nothing = rank_by_tags(np.zeros((3, 1)), np.ones((3, 1), bool))
    assert np.isnan(nothing.mean) and np.isnan(nothing.p_value) and not nothing.is_evidence


def test_tags_that_come_together_are_no_evidence():
    # Six photographs of one shoot have the same six tags: one coincidence, not six.
    tagged = np.zeros((6, 6), bool)
    tagged[0] = True
    scores = np.arange(6)[::-1, None].repeat(6, axis=1)
    assert rank_by_tags(scores, tagged).p_value == pytest.approx(1 / 6, abs=0.06)


def test_shapes():
    with pytest.raises(ValueError, match=r'scores \(2, 1\) and tags \(3, 1\)'):
        rank_by_tags(np.zeros((2, 1)), np.zeros((3, 1), bool))


def test_scores_are_those_of_a_ridge_on_the_other_images():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(23, 40)) * rng.random(40) + 5
    tagged = rng.random((23, 2)) < 0.5
    scores = cross_validated_scores(features, tagged)
    scaled = (features - features.mean(0)) / (features.std(0) + 1e-8)
    fold = np.random.default_rng(0).permutation(23) % 5
    for number in range(5):
        others = fold != number
        mean = tagged[others].mean(0)
        model = Ridge(alpha=40, fit_intercept=False).fit(scaled[others], tagged[others] - mean)
        expected = model.predict(scaled[~others])
        assert scores[~others] == pytest.approx(expected, abs=1e-8)


def test_noise_is_ranked_by_chance_on_average():
    rng = np.random.default_rng(6)
    means = []
    for _ in range(40):
        features, tagged = rng.normal(size=(30, 50)), rng.random((30, 2)) < 0.4
        means.append(rank_by_tags(cross_validated_scores(features, tagged), tagged).mean)
    assert np.mean(means) == pytest.approx(0.5, abs=0.06)


def test_an_image_does_not_help_itself():
    rng = np.random.default_rng(4)
    # More features than images: in sample, anything can be fitted.
    features, tagged = rng.normal(size=(60, 500)), rng.random((60, 2)) < 0.5
    assert not rank_by_tags(cross_validated_scores(features, tagged), tagged).is_evidence
    features[:, :40] += 2.0 * tagged.repeat(20, axis=1)
    assert rank_by_tags(cross_validated_scores(features, tagged), tagged).is_evidence
