"""The dense CRF in torch against pydensecrf on a photograph."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from mmseg_wsss.seeds import DenseCRF, unary_from_labels, unary_from_probabilities


@pytest.fixture(scope='module')
def photograph():
    """A part of a real photograph, 107 x 131: no multiple of 4."""
    return np.ascontiguousarray(load_sample_image('china.jpg')[120:334:2, 100:362:2])


@pytest.mark.parametrize('preset', ['irn', 'psa', 'deeplab'])
def test_equal_to_pydensecrf(photograph, preset):
    rng = np.random.default_rng(0)
    height, width = photograph.shape[:2]
    coarse = rng.random((2, 3, 8, 8)).astype(np.float32)
    maps = coarse.repeat(14, 2).repeat(17, 3)[:, :, :height, :width]
    probabilities = maps / maps.sum(1, keepdims=True)
    if preset == 'irn':
        unary = unary_from_labels(probabilities.argmax(1), 3, gt_prob=0.7)
    else:
        unary = unary_from_probabilities(probabilities)
    ours = DenseCRF(preset)(photograph, unary)
    theirs = DenseCRF(preset, backend='pydensecrf')(photograph, unary)
    difference = np.abs(ours - theirs)
    assert difference.max() <= 2e-3
    assert difference.mean() <= 1e-5
    assert (ours.argmax(1) == theirs.argmax(1)).mean() >= 0.9999
    # The CRF did something at all.
    assert (ours.argmax(1) != probabilities.argmax(1)).mean() > 0.001


def test_no_iteration_is_the_softmax_of_the_unary_term(photograph):
    rng = np.random.default_rng(0)
    unary = rng.random((2, 4, *photograph.shape[:2])).astype(np.float32)
    expected = np.exp(-unary) / np.exp(-unary).sum(1, keepdims=True)
    assert np.allclose(DenseCRF(iterations=0)(photograph, unary), expected, atol=1e-6)


def test_unary_energies_that_are_not_finite_are_refused(photograph):
    unary = np.full((1, 2, *photograph.shape[:2]), np.nan, np.float32)
    with pytest.raises(ValueError, match='NaN or infinite'):
        DenseCRF()(photograph, unary)


def test_an_image_of_another_size_is_refused(photograph):
    with pytest.raises(ValueError, match='expected'):
        DenseCRF()(photograph[:-1], np.zeros((1, 2, *photograph.shape[:2]), np.float32))
