"""What votes and tags tell of an image, and the order in which images are to be looked at."""

import numpy as np
import pytest

from mmseg_wsss.evaluation import image_statistics, label_quality_score, rank_suspicious
from mmseg_wsss.seeds import aggregate_seeds

K, S = 5, 4


def statistics(seeds, tags=None, image_id='a', with_seeds=True):
    label, agreement = aggregate_seeds(seeds, K)
    votes = np.bincount(agreement.reshape(-1), minlength=S + 1)
    return image_statistics(image_id, votes, label, seeds if with_seeds else None, tags)


def test_known_image():
    seeds = np.zeros((S, 2, 5), np.uint8)
    seeds[:3, 0, 0] = 2  # three of four
    seeds[0, 0, 1] = 3  # an outvoted class
    seeds[:, 1, 4] = 255
    found = statistics(seeds, tags=(1, 2))
    assert found.pixels == 10 and found.classes == (0, 2)
    assert found.unanimous == pytest.approx(0.7) and found.coverage == pytest.approx(0.9)
    assert found.missing == (1,) and found.untagged == (3,)
    aggregate_only = statistics(seeds, tags=(1, 2, 3), with_seeds=False)
    assert aggregate_only.missing == (1, 3) and aggregate_only.untagged == ()
    assert statistics(seeds).missing is None


def test_quality_is_the_soft_minimum_over_pixels():
    votes = np.array([3, 0, 5, 20, 400])
    share = np.repeat(np.arange(5) / 4, votes)
    weights = np.exp((1 - share) / 0.1)
    weights /= weights.sum()
    assert label_quality_score(votes) == pytest.approx((weights * share).sum())


def test_quality_falls_with_a_small_contested_region():
    numbers = (0, 5, 50, 500)
    qualities = [label_quality_score([0, 0, number, 0, 1000 - number]) for number in numbers]
    assert qualities[0] == 1 and qualities == sorted(qualities, reverse=True)
    assert qualities[1] < 0.9  # 5 pixels in 1,000
    with pytest.raises(ValueError, match='without pixels'):
        label_quality_score([0, 0])


def test_ranking():
    sure = np.ones((S, 3, 3), np.uint8)
    doubtful = sure.copy()
    doubtful[:2] = 0
    images = [
        statistics(sure, (1,), 'sure'),
        statistics(doubtful, (1,), 'doubtful'),
        statistics(sure, (1, 2), 'lacks a tag'),
        statistics(sure, (2, 3), 'lacks two, has another'),
        statistics(sure, None, 'no tags known'),
    ]
    order = [image.image_id for image in rank_suspicious(images)]
    assert order == [
        'lacks two, has another',
        'lacks a tag',
        'doubtful',
        'no tags known',
        'sure',
    ]
    assert rank_suspicious(images[::-1]) == rank_suspicious(images)
