"""The vote against a plain loop over pixels, and the invariants of the method as properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmseg_wsss.seeds import TIES, aggregate_seeds, find_losing_votes, noisy_mask


def slow_vote(values, ignore_index, tie, order):
    """Vote at one pixel, written as plainly as it is defined."""
    votes = {}
    for value in values:
        if value != ignore_index:
            votes[value] = votes.get(value, 0) + 1
    if not votes:
        return ignore_index, 0
    most = max(votes.values())
    tied = sorted(label for label, count in votes.items() if count == most)
    if tie == 'foreground' and len(tied) > 1 and tied[0] == 0:
        return tied[1], most
    if tie == 'seed_order':
        return next(values[index] for index in order if values[index] in tied), most
    return tied[0], most


def slow_aggregate(seeds, ignore_index=255, tie='lowest', order=None):
    order = range(len(seeds)) if order is None else order
    label = np.empty(seeds.shape[1:], np.uint8)
    agreement = np.empty(seeds.shape[1:], np.uint8)
    for pixel in np.ndindex(label.shape):
        values = [int(seed[pixel]) for seed in seeds]
        label[pixel], agreement[pixel] = slow_vote(values, ignore_index, tie, order)
    return label, agreement


def slow_losers(values, ignore_index, tie, order):
    """Rank the labels of one pixel and leave the first out."""
    voters = {value for value in values if value != ignore_index}
    best = {
        'lowest': lambda label: label,
        'foreground': lambda label: (label == 0, label),
        'seed_order': lambda label: min(
            i for i, index in enumerate(order) if values[index] == label
        ),
    }[tie]
    return sorted(voters, key=lambda label: (-values.count(label), best(label)))[1:6]


def slow_losing_votes(seeds, ignore_index=255, tie='lowest', order=None):
    order = range(len(seeds)) if order is None else order
    losers = np.full((5, *seeds.shape[1:]), 255, np.uint8)
    depth = 0
    for pixel in np.ndindex(seeds.shape[1:]):
        values = [int(seed[pixel]) for seed in seeds]
        found = slow_losers(values, ignore_index, tie, order)
        losers[(slice(len(found)), *pixel)] = found
        depth = max(depth, len(found))
    return losers[:depth]


@st.composite
def seeds_and_classes(draw, max_seeds=9):
    num_classes = draw(st.sampled_from([1, 2, 3, 21, 255]))
    shape = (draw(st.integers(1, max_seeds)), draw(st.integers(1, 4)), draw(st.integers(1, 5)))
    labels = st.one_of(st.integers(0, num_classes - 1), st.sampled_from([0, num_classes - 1, 255]))
    return draw(hnp.arrays(np.uint8, shape, elements=labels)), num_classes


@settings(max_examples=150, deadline=None)
@given(seeds_and_classes(), st.sampled_from(TIES), st.data())
def test_equals_pixel_loop(case, tie, data):
    seeds, num_classes = case
    order = None
    if tie == 'seed_order' and data.draw(st.booleans()):
        order = data.draw(st.permutations(range(len(seeds))))
    label, agreement = aggregate_seeds(seeds, num_classes, tie=tie, seed_order=order)
    expected_label, expected_agreement = slow_aggregate(seeds, tie=tie, order=order)
    assert label.dtype == agreement.dtype == np.uint8
    np.testing.assert_array_equal(label, expected_label)
    np.testing.assert_array_equal(agreement, expected_agreement)
    losers = find_losing_votes(seeds, num_classes, tie=tie, seed_order=order)
    assert losers.dtype == np.uint8
    np.testing.assert_array_equal(losers, slow_losing_votes(seeds, tie=tie, order=order))


@pytest.mark.parametrize('tie', TIES)
@pytest.mark.parametrize('num_seeds', [1, 2, 6, 40, 255])
def test_any_number_of_seeds(num_seeds, tie):
    seeds = np.random.default_rng(num_seeds).integers(0, 5, (num_seeds, 6, 7), np.uint8)
    seeds[seeds == 4] = 255
    label, agreement = aggregate_seeds(seeds, 4, tie=tie)
    expected_label, expected_agreement = slow_aggregate(seeds, tie=tie)
    np.testing.assert_array_equal(label, expected_label)
    np.testing.assert_array_equal(agreement, expected_agreement)
    losers = find_losing_votes(seeds, 4, tie=tie)
    np.testing.assert_array_equal(losers, slow_losing_votes(seeds, tie=tie))


@pytest.mark.parametrize('tie', TIES)
def test_of_more_than_five_losing_labels_those_with_most_votes_are_given(tie):
    votes = [9, 9, 9, 9, 0, 1, 2, 3, 3, 5, 5, 5, 7, 8, 6, 6]
    seeds = np.array(votes, np.uint8).reshape(-1, 1, 1)
    losers = find_losing_votes(seeds, 10, tie=tie).ravel().tolist()
    assert losers == [5, 3, 6, 1 if tie == 'foreground' else 0, 2 if tie == 'foreground' else 1]


def test_losing_votes_of_another_ignored_label_and_of_none():
    seeds = np.array([[[0, 3]], [[1, 0]], [[0, 1]]], np.uint8)
    assert find_losing_votes(seeds, 4, ignore_index=0).tolist() == [[[255, 3]]]
    assert find_losing_votes(seeds, 4).tolist() == [[[1, 1]], [[255, 3]]]
    assert find_losing_votes(seeds[:1], 4).shape == (0, 1, 2)
    assert find_losing_votes(seeds[[0, 0]], 4).shape == (0, 1, 2)
    with pytest.raises(ValueError, match='seed 0 has label 3'):
        find_losing_votes(seeds, 3)


def _is_repeated(seeds):
    return np.stack([(seeds[:i] == seed).any(axis=0) for i, seed in enumerate(seeds)])


def test_more_contested_pixels_than_one_block():
    seeds = np.random.default_rng(0).integers(0, 3, (3, 150, 160), np.uint8)
    label, agreement = aggregate_seeds(seeds, 3)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([label[None], find_losing_votes(seeds, 3)]), axis=0),
        np.sort(np.where(_is_repeated(seeds), 255, seeds), axis=0),
    )
    volume = (seeds[:, None] == np.arange(3)[None, :, None, None]).sum(axis=0)
    np.testing.assert_array_equal(label, volume.argmax(axis=0))
    np.testing.assert_array_equal(agreement, volume.max(axis=0))


@settings(max_examples=60, deadline=None)
@given(seeds_and_classes(), st.integers(0, 255))
def test_any_ignore_index(case, ignore_index):
    seeds, num_classes = case
    seeds = np.where(seeds == 255, np.uint8(ignore_index), seeds)
    label, agreement = aggregate_seeds(seeds, num_classes, ignore_index=ignore_index)
    expected_label, expected_agreement = slow_aggregate(seeds, ignore_index)
    np.testing.assert_array_equal(label, expected_label)
    np.testing.assert_array_equal(agreement, expected_agreement)


@settings(max_examples=60, deadline=None)
@given(seeds_and_classes(), st.randoms())
def test_order_of_seeds_does_not_matter_without_seed_order(case, random):
    seeds, num_classes = case
    shuffled = list(range(len(seeds)))
    random.shuffle(shuffled)
    for tie in ('lowest', 'foreground'):
        for one, other in zip(
            aggregate_seeds(seeds, num_classes, tie=tie),
            aggregate_seeds(seeds[shuffled], num_classes, tie=tie),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


@settings(max_examples=60, deadline=None)
@given(seeds_and_classes())
def test_ties_touch_noisy_pixels_only_above_half_the_seeds(case):
    seeds, num_classes = case
    threshold = len(seeds) // 2 + 1
    results = [aggregate_seeds(seeds, num_classes, tie=tie) for tie in TIES]
    clean = [(label != 255) & ~noisy_mask(label, n, threshold) for label, n in results]
    for (label, agreement), other in zip(results[1:], clean[1:], strict=True):
        np.testing.assert_array_equal(agreement, results[0][1])
        np.testing.assert_array_equal(other, clean[0])
        np.testing.assert_array_equal(label[other], results[0][0][other])


@settings(max_examples=60, deadline=None)
@given(seeds_and_classes())
def test_acceptance_checks_of_the_method(case):
    """Whatever the truth: right pixels do not depend on t, and the noisy share grows with it."""
    seeds, num_classes = case
    label, agreement = aggregate_seeds(seeds, num_classes)
    truth = seeds[0]
    right = label == truth
    previous = np.zeros(label.shape, bool)
    for threshold in range(1, len(seeds) + 2):
        noisy = noisy_mask(label, agreement, threshold)
        assert (right & ~noisy).sum() + (right & noisy).sum() == right.sum()
        assert not (previous & ~noisy).any()
        assert not noisy[label == 255].any()
        previous = noisy
    # Beyond all seeds nothing with a label is clean; where none votes there is no label.
    assert (previous == (label != 255)).all()
    assert ((agreement == 0) == (label == 255)).all()
    assert ((seeds == 255).all(axis=0) == (label == 255)).all()
    assert (agreement <= len(seeds)).all()


def test_accuracy_of_clean_pixels_grows_with_the_threshold():
    """Seeds that err independently, as METHOD's tables show it on real ones."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 5, (200, 200), np.uint8)
    wrong = rng.random((6, 200, 200)) < 0.3
    seeds = np.where(wrong, rng.integers(0, 5, wrong.shape, np.uint8), truth)
    label, agreement = aggregate_seeds(seeds, 5)
    accuracies = []
    for threshold in (3, 4, 5, 6):
        clean = ~noisy_mask(label, agreement, threshold)
        accuracies.append((label[clean] == truth[clean]).mean())
    assert accuracies == sorted(accuracies) and accuracies[-1] > accuracies[0]


def test_rules_for_ties():
    seeds = np.array([3, 3, 0, 0, 2, 2], np.uint8).reshape(6, 1, 1)
    assert aggregate_seeds(seeds, 4)[0].item() == 0
    assert aggregate_seeds(seeds, 4, tie='foreground')[0].item() == 2
    assert aggregate_seeds(seeds, 4, tie='seed_order')[0].item() == 3
    order = [5, 0, 1, 2, 3, 4]
    assert aggregate_seeds(seeds, 4, tie='seed_order', seed_order=order)[0].item() == 2


def test_best_seed_decides_only_among_tied_labels():
    seeds = np.array([1, 2, 2, 3, 3], np.uint8).reshape(5, 1, 1)
    label, agreement = aggregate_seeds(seeds, 4, tie='seed_order')
    assert (label.item(), agreement.item()) == (2, 2)


def test_input_is_left_untouched_and_output_is_its_own():
    seeds = np.zeros((1, 2, 2), np.uint8)
    label, _ = aggregate_seeds(seeds, 2)
    label[:] = 9
    assert (seeds == 0).all()


def test_strided_input():
    seeds = np.random.default_rng(0).integers(0, 3, (8, 6, 3), np.uint8).transpose(2, 0, 1)
    np.testing.assert_array_equal(aggregate_seeds(seeds, 3)[0], slow_aggregate(seeds)[0])


def test_empty_image():
    label, agreement = aggregate_seeds(np.zeros((3, 0, 4), np.uint8), 2)
    assert label.shape == agreement.shape == (0, 4)


@pytest.mark.parametrize(
    'seeds, kwargs, error, message',
    [
        (np.zeros((2, 2, 2), np.int64), {}, TypeError, 'int64, expected a uint8 array'),
        ([[[0]]], {}, TypeError, 'list, expected a uint8 array'),
        (np.zeros((2, 2), np.uint8), {}, ValueError, r'shape \(2, 2\)'),
        (np.zeros((0, 2, 2), np.uint8), {}, ValueError, '1 <= S <= 255'),
        (np.zeros((256, 1, 1), np.uint8), {}, ValueError, '1 <= S <= 255'),
        (np.full((2, 2, 2), 3, np.uint8), {}, ValueError, 'seed 0 has label 3 at row 0, column 0'),
        (np.zeros((1, 1, 1), np.uint8), {'num_classes': 256}, ValueError, 'num_classes=256'),
        (np.zeros((1, 1, 1), np.uint8), {'num_classes': 0}, ValueError, 'num_classes=0'),
        (np.zeros((1, 1, 1), np.uint8), {'ignore_index': 256}, ValueError, 'ignore_index=256'),
        (np.zeros((1, 1, 1), np.uint8), {'tie': 'random'}, ValueError, "tie='random'"),
        (np.zeros((1, 1, 1), np.uint8), {'seed_order': [0]}, ValueError, 'seed_order is given'),
        (
            np.zeros((2, 1, 1), np.uint8),
            {'tie': 'seed_order', 'seed_order': [0, 0]},
            ValueError,
            'every seed index 0 to 1 once',
        ),
    ],
)
def test_wrong_input_is_refused(seeds, kwargs, error, message):
    with pytest.raises(error, match=message):
        aggregate_seeds(seeds, **{'num_classes': 3, **kwargs})


def test_noisy_mask_refuses_wrong_input():
    mask = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match='threshold=0'):
        noisy_mask(mask, mask, 0)
    with pytest.raises(ValueError, match='shape'):
        noisy_mask(mask, mask[:1], 1)
