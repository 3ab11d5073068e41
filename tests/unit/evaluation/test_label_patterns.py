"""Patterns of labels against a Counter over all pixels."""

from collections import Counter

import numpy as np
import pytest

from mmseg_wsss.evaluation import count_patterns


@pytest.mark.parametrize('number', [1, 2, 4, 5, 9, 13])
@pytest.mark.parametrize('labels', [2, 256])
def test_every_column_is_counted_once(number, labels):
    rng = np.random.default_rng(number)
    maps = rng.integers(0, labels, (number, 21, 13), np.uint8)
    maps[:, 5:15] = maps[:, :1, :1]  # a flat region, as masks have
    patterns = count_patterns(list(maps))
    expected = Counter(map(tuple, maps.reshape(number, -1).T.tolist()))
    found = dict(zip(map(tuple, patterns.labels.T.tolist()), patterns.counts.tolist(), strict=True))
    assert found == expected
    assert list(found) == sorted(found)
    assert patterns.labels.dtype == np.uint8 and patterns.counts.dtype == np.int64


def test_one_pattern_and_none():
    one = count_patterns([np.full((4, 6), 3, np.uint8)] * 2)
    assert one.labels.tolist() == [[3], [3]] and one.counts.tolist() == [24]
    none = count_patterns([np.zeros((0, 5), np.uint8)] * 3)
    assert none.labels.shape == (3, 0) and none.counts.shape == (0,)


def test_select():
    patterns = count_patterns([np.array([[0, 1, 1, 2]], np.uint8)])
    chosen = patterns.select(patterns.labels[0] > 0)
    assert chosen.labels.tolist() == [[1, 2]] and chosen.counts.tolist() == [2, 1]


@pytest.mark.parametrize('maps', [[], [np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8)]])
def test_maps_must_have_one_shape(maps):
    with pytest.raises(ValueError, match='expected one shape'):
        count_patterns(maps)
