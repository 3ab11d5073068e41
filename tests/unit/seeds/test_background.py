"""Background scores in closed form."""

import pytest
import torch

from mmseg_wsss.seeds.background import background_score, list_backgrounds


def test_constant():
    maps = torch.rand(2, 3, 4, 5)
    score = background_score(maps, 'constant', threshold=0.3)
    assert score.shape == (2, 1, 4, 5) and score.dtype == maps.dtype
    assert (score == 0.3).all()
    assert (background_score(maps) == 0.2).all()


@pytest.mark.parametrize('alpha', [0.5, 4.0, 16.0])
def test_power(alpha):
    maps = torch.rand(2, 3, 4, 5)
    score = background_score(maps, 'power', alpha=alpha)
    for seed in range(2):
        for row in range(4):
            for column in range(5):
                highest = max(maps[seed, c, row, column].item() for c in range(3))
                expected = (1 - highest) ** alpha
                assert score[seed, 0, row, column].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(kind='otsu'), "'otsu'.*constant, power"),
        (dict(threshold=0.0), 'threshold'),
        (dict(threshold=1.0), 'threshold'),
        (dict(kind='power', alpha=0.0), 'alpha'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        background_score(torch.rand(1, 1, 2, 2), **options)


@pytest.mark.parametrize(
    ('background', 'message'),
    [
        ([], r'one dict or a list of some, got \[\]'),
        ('constant', "one dict or a list of some, got 'constant'"),
        ([0.2, 0.3], 'one dict or a list of some, got 0.2'),
        (dict(treshold=0.3), "Unknown parameter 'treshold'"),
        ([dict(threshold=0.3), dict(threshold=3)], 'threshold must be in'),
    ],
)
def test_bad_lists(background, message):
    with pytest.raises(ValueError, match=message):
        list_backgrounds(background)


def test_lists():
    assert list_backgrounds(None) == list_backgrounds({}) == [{}]
    several = [dict(threshold=0.3), dict(kind='power')]
    assert list_backgrounds(tuple(several)) == several
