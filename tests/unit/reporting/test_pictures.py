"""Pictures against colours worked out pixel by pixel."""

import numpy as np
import pytest

from mmseg_wsss.reporting import (
    activation_picture,
    agreement_picture,
    blend,
    color_mask,
    picture_sheet,
)
from mmseg_wsss.reporting.pictures import IGNORE_COLOR

PALETTE = [[0, 0, 0], [200, 10, 20], [30, 220, 40]]


def test_color_mask_looks_up_every_pixel():
    mask = np.random.default_rng(0).choice([0, 1, 2, 255], (5, 7)).astype(np.uint8)
    picture = color_mask(mask, PALETTE)
    for row, column in np.ndindex(mask.shape):
        label = mask[row, column]
        color = IGNORE_COLOR if label == 255 else PALETTE[label]
        assert picture[row, column].tolist() == list(color)


def test_color_mask_refuses_a_label_without_colour():
    with pytest.raises(ValueError, match='label 7, but there are 3 colours'):
        color_mask(np.array([[1, 7]], np.uint8), PALETTE)


@pytest.mark.parametrize('opacity', [0.0, 0.25, 1.0])
def test_blend_is_the_weighted_mean(opacity):
    image, picture = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    exact = (1 - opacity) * image.astype(float) + opacity * picture
    assert np.abs(blend(image, picture, opacity) - exact).max() <= 0.5 + 1e-4


def test_blend_refuses_other_shapes():
    with pytest.raises(ValueError, match=r'\(4, 4, 3\), the image \(4, 5, 3\)'):
        blend(np.zeros((4, 5, 3), np.uint8), np.zeros((4, 4, 3), np.uint8))


def test_activation_is_redder_where_it_is_higher():
    image = np.full((1, 2, 3), 128, np.uint8)
    low, high = activation_picture(image, np.array([[0.0, 1.0]]))[0].astype(int)
    assert high[0] > low[0] and low[2] > high[2]


def test_fewer_votes_are_darker():
    agreement = np.arange(7, dtype=np.uint8)[None]
    brightness = agreement_picture(agreement, 6)[0].sum(axis=1)
    assert (np.diff(brightness.astype(int)) > 0).all()
    assert brightness[-1] == 3 * 255


def test_sheet_keeps_pictures_in_their_cells():
    rows = [
        [np.full((10, 20, 3), (255, 0, 0), np.uint8), np.full((40, 40, 3), (0, 255, 0), np.uint8)],
        [np.full((300, 100, 3), (0, 0, 255), np.uint8)],
    ]
    sheet = picture_sheet(rows, titles=['left', 'right'], captions=['one', 'two'], cell=60)

    def centre(row, column):
        return sheet[18 + 6 + row * (60 + 6 + 18) + 30, 6 + column * 66 + 30].tolist()

    assert centre(0, 0) == [255, 0, 0]
    assert centre(0, 1) == [0, 255, 0]
    assert centre(1, 0) == [0, 0, 255]
    assert centre(1, 1) == [255, 255, 255]


@pytest.mark.parametrize(
    ('rows', 'titles', 'captions', 'message'),
    [
        ([], [], [], 'there are no pictures'),
        ([[]], [], [], 'there are no pictures'),
        ([[np.zeros((2, 2, 3), np.uint8)]], ['a', 'b'], [], '2 titles and 0 captions for 1 col'),
        ([[np.zeros((2, 2, 3), np.uint8)]], [], ['a', 'b'], '0 titles and 2 captions'),
    ],
)
def test_sheet_refuses_what_does_not_fit(rows, titles, captions, message):
    with pytest.raises(ValueError, match=message):
        picture_sheet(rows, titles, captions)
