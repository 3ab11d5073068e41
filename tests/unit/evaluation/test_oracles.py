"""Union and intersection of seeds against a loop over pixels, and what they bound."""

import numpy as np

from mmseg_wsss.evaluation import intersection_of_seeds, score_masks, union_of_seeds
from mmseg_wsss.seeds import aggregate_seeds

K, S = 4, 5


def test_union_and_intersection():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, K, (19, 23), np.uint8)
    wrong = rng.random((S, *truth.shape)) < 0.4
    seeds = np.where(wrong, rng.integers(0, K, wrong.shape, np.uint8), truth)
    seeds[rng.random(seeds.shape) < 0.05] = 255
    label, _ = aggregate_seeds(seeds, K)
    union, intersection = union_of_seeds(seeds, truth, label), intersection_of_seeds(seeds)
    for index in np.ndindex(truth.shape):
        column = [int(seed[index]) for seed in seeds]
        assert union[index] == (truth[index] if truth[index] in column else label[index])
        assert intersection[index] == (column[0] if len(set(column)) == 1 else 255)
    accuracy = [score_masks([(truth, mask)], K).accuracy for mask in (intersection, *seeds, union)]
    assert accuracy[0] == np.mean((seeds == truth).all(axis=0))
    assert accuracy[-1] == np.mean((seeds == truth).any(axis=0))
    assert accuracy[0] <= min(accuracy) and max(accuracy) <= accuracy[-1]
