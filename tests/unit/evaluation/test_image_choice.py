"""Half the images to look at first, half a sample that the seeds do not influence."""

import dataclasses

import pytest

from mmseg_wsss.evaluation import ImageStatistics, choose_images, rank_suspicious


def images(number):
    return [
        ImageStatistics(f'image {index}', 10, index / 100, 1.0, 1.0, (0,))
        for index in range(number)
    ]


def test_half_are_the_most_suspicious_and_the_rest_a_sample():
    chosen = choose_images(images(50), 9)
    assert [image.image_id for image, _ in chosen[:5]] == [f'image {index}' for index in range(5)]
    assert [reason for _, reason in chosen] == ['to look at first'] * 5 + ['sample'] * 4
    assert len({image.image_id for image, _ in chosen}) == 9
    # A sample, not the next in rank.
    ranks = [image.image_id for image in rank_suspicious(images(50))]
    assert [image.image_id for image, _ in chosen[5:]] != ranks[5:9]


def test_sample_depends_neither_on_the_order_nor_on_the_seeds():
    some = images(50)
    assert choose_images(some[::-1], 9) == choose_images(some, 9)
    # The same five come first: the others are sampled alike, whatever their quality.
    other = [
        dataclasses.replace(image, quality=0.9) if image.quality >= 0.05 else image
        for image in some
    ]
    ids = [[image.image_id for image, _ in choose_images(one, 9)] for one in (some, other)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize('number, length', [(0, 0), (1, 1), (3, 3), (100, 3)])
def test_no_more_than_there_are(number, length):
    chosen = choose_images(images(3), number)
    assert len(chosen) == length == len({image.image_id for image, _ in chosen})


def test_negative_number():
    with pytest.raises(ValueError, match='-1 pictures'):
        choose_images(images(3), -1)
