"""Right and wrong by clean and noisy, against a loop over the pixels and the paper's invariants."""

import numpy as np
import pytest

from mmseg_wsss.evaluation import score_agreement
from mmseg_wsss.seeds import aggregate_seeds, noisy_mask

K, S = 4, 6
KEYS = ('right_clean', 'right_noisy', 'wrong_noisy', 'wrong_clean')


@pytest.fixture
def triples():
    """Images whose seeds are right more often than not, void pixels in all of them."""
    rng = np.random.default_rng(0)
    found = []
    for size in range(6, 14):
        shape = (size, 20 - size)
        truth = rng.integers(0, K, shape, np.uint8)
        wrong = rng.random((S, *shape)) < rng.random(shape) * 0.8
        seeds = np.where(wrong, rng.integers(0, K, (S, *shape), np.uint8), truth)
        seeds[rng.random((S, *shape)) < 0.1] = 255
        seeds[:, 0, 0] = 255
        truth[rng.random(shape) < 0.1] = 255
        found.append((truth, *aggregate_seeds(seeds, K)))
    return found


@pytest.mark.parametrize('threshold', range(1, S + 1))
def test_shares_are_those_of_a_plain_loop(triples, threshold):
    counts = dict.fromkeys((*KEYS, 'no_vote'), 0)
    for truth, label, agreement in triples:
        noisy = noisy_mask(label, agreement, threshold)
        for index in np.ndindex(truth.shape):
            if truth[index] == 255:
                continue
            right = 'right' if truth[index] == label[index] else 'wrong'
            kind = f'{right}_{"noisy" if noisy[index] else "clean"}'
            counts['no_vote' if label[index] == 255 else kind] += 1
    total = sum(counts.values())
    split = score_agreement(triples, S).split(threshold)
    assert set(split) == set(KEYS)
    for key in KEYS:
        assert split[key] == pytest.approx(counts[key] / total)
    assert sum(split.values()) == pytest.approx(1 - counts['no_vote'] / total)


def test_invariants_of_the_method(triples):
    splits = [score_agreement(triples, S).split(threshold) for threshold in range(1, S + 1)]
    right = [split['right_clean'] + split['right_noisy'] for split in splits]
    noisy = [split['right_noisy'] + split['wrong_noisy'] for split in splits]
    np.testing.assert_allclose(right, right[0])
    assert noisy == sorted(noisy) and noisy[0] == 0
    accuracy = [s['right_clean'] / (s['right_clean'] + s['wrong_clean']) for s in splits]
    assert accuracy == sorted(accuracy)


@pytest.mark.parametrize('threshold', [0, S + 1])
def test_threshold_out_of_range(triples, threshold):
    with pytest.raises(ValueError, match='expected 1 to 6'):
        score_agreement(triples, S).split(threshold)


def test_nothing_to_count():
    with pytest.raises(ValueError, match='no pixel'):
        score_agreement([], S).split(1)


def test_wrong_maps_are_refused():
    zeros = np.zeros((2, 3), np.uint8)
    with pytest.raises(ValueError, match='shapes'):
        score_agreement([(zeros, zeros, zeros.T)], S)
    with pytest.raises(ValueError, match='agreement of 7'):
        score_agreement([(zeros, zeros, zeros + 7)], S)
