"""Every step of the chain is shown, in order, from the arrays given."""

import numpy as np
import pytest

from mmseg_wsss.reporting import (
    agreement_picture,
    blend,
    color_mask,
    prediction_figures,
    seed_figures,
)

PALETTE = [[0, 0, 0], [200, 10, 20], [30, 220, 40]]
RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(0, 256, (6, 8, 3), dtype=np.uint8)
MASKS = RANDOM.integers(0, 3, (4, 6, 8), dtype=np.uint8)


def test_seed_figures():
    agreement = RANDOM.integers(1, 3, (6, 8), dtype=np.uint8)
    figures = seed_figures(
        IMAGE,
        {'cat': np.zeros((6, 8)), 'dog': np.ones((6, 8))},
        {'0.05-1.00': MASKS[0], '0.10-1.20': MASKS[1]},
        MASKS[2],
        agreement,
        MASKS[3],
        PALETTE,
    )
    assert [text for _, text in figures] == [
        'image, tags: cat, dog',
        'activation map, cat',
        'activation map, dog',
        'seed 0.05-1.00',
        'seed 0.10-1.20',
        'aggregate',
        'agreement',
        'ground truth (never trained on)',
    ]
    assert np.array_equal(figures[4][0], blend(IMAGE, color_mask(MASKS[1], PALETTE)))
    assert np.array_equal(figures[6][0], agreement_picture(agreement, 2))


def test_an_image_without_tags_says_so():
    figures = seed_figures(IMAGE, {}, {'a': MASKS[0]}, MASKS[0], MASKS[0], MASKS[0], PALETTE)
    assert figures[0][1] == 'image, tags: none'


def test_prediction_figures():
    figures = prediction_figures(IMAGE, dict(plain=MASKS[0], hybrid=MASKS[1]), MASKS[2], PALETTE)
    assert [text for _, text in figures] == ['image', 'plain', 'hybrid', 'ground truth']
    assert np.array_equal(figures[2][0], blend(IMAGE, color_mask(MASKS[1], PALETTE)))


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r'\(6, 4, 3\), the image \(6, 8, 3\)'):
        prediction_figures(IMAGE, dict(plain=MASKS[0][:, :4]), MASKS[2], PALETTE)
