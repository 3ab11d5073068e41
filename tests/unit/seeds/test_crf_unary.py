"""Unary energies against pydensecrf's, the presets, and bad input."""

import numpy as np
import pytest
import torch

from mmseg_wsss.seeds import (
    CRF_PRESETS,
    CRFPreset,
    DenseCRF,
    unary_from_labels,
    unary_from_probabilities,
)


@pytest.mark.parametrize('num_labels', [2, 3, 21])
@pytest.mark.parametrize('dtype', [np.uint8, np.int64, np.int32])
def test_from_labels_against_pydensecrf(num_labels, dtype):
    utils = pytest.importorskip('pydensecrf.utils')
    labels = np.random.default_rng(0).integers(0, num_labels, (3, 6, 7)).astype(dtype)
    found = unary_from_labels(labels, num_labels, 0.7)
    assert found.dtype == np.float32
    for seed in range(3):
        expected = utils.unary_from_labels(labels[seed], num_labels, 0.7, zero_unsure=False)
        np.testing.assert_allclose(found[seed].reshape(num_labels, -1), expected, rtol=1e-6)
    tensor = unary_from_labels(torch.from_numpy(labels), num_labels, 0.7)
    assert torch.equal(tensor, torch.from_numpy(found))


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_from_probabilities_against_pydensecrf(dtype):
    utils = pytest.importorskip('pydensecrf.utils')
    probabilities = np.random.default_rng(0).dirichlet(np.full(4, 0.1), (2, 5, 6))
    probabilities = np.ascontiguousarray(probabilities.transpose(0, 3, 1, 2)).astype(dtype)
    probabilities[0, :, 0, 0] = (0, 1, 1e-7, 1.0)
    before = probabilities.copy()
    found = unary_from_probabilities(probabilities)
    assert found.dtype == np.float32
    for seed in range(2):
        expected = utils.unary_from_softmax(probabilities[seed].astype(np.float32))
        np.testing.assert_allclose(found[seed].reshape(4, -1), expected, rtol=1e-5, atol=1e-7)
    assert np.array_equal(probabilities, before)
    tensor = unary_from_probabilities(torch.from_numpy(probabilities))
    assert torch.equal(tensor, torch.from_numpy(found))


def test_one_label():
    assert np.array_equal(
        unary_from_labels(np.zeros((1, 2, 2), int), 1, 0.7), np.zeros((1, 1, 2, 2), np.float32)
    )


@pytest.mark.parametrize(
    'labels, num_labels, gt_prob, message',
    [
        (np.zeros((1, 2, 2), int), 2, 1.0, 'gt_prob=1.0'),
        (np.zeros((1, 2, 2), int), 2, 0.0, 'gt_prob=0.0'),
        (np.zeros((1, 2, 2), int), 0, 0.7, 'num_labels=0'),
        (np.zeros((2, 2), int), 2, 0.7, r'labels: \(2, 2\)'),
        (np.zeros((1, 2, 2)), 2, 0.7, 'torch.float64'),
        (np.full((1, 2, 2), 2), 2, 0.7, 'values from 2 to 2; expected indices from 0 to 1'),
        (np.full((1, 2, 2), 255, np.uint8), 3, 0.7, 'values from 255 to 255'),
        (np.full((1, 2, 2), -1), 3, 0.7, 'values from -1 to -1'),
    ],
)
def test_bad_labels(labels, num_labels, gt_prob, message):
    with pytest.raises(ValueError, match=message):
        unary_from_labels(labels, num_labels, gt_prob)


def test_bad_probabilities():
    with pytest.raises(ValueError, match=r'probabilities: \(2, 3, 3\)'):
        unary_from_probabilities(np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match='torch.uint8'):
        unary_from_probabilities(np.zeros((1, 2, 3, 3), np.uint8))


def test_nan_probabilities_reach_the_check_of_the_crf():
    unary = unary_from_probabilities(np.full((1, 2, 3, 3), np.nan, np.float32))
    with pytest.raises(ValueError, match='NaN'):
        DenseCRF('psa')(np.zeros((3, 3, 3), np.uint8), unary)


def test_presets():
    own = dict(
        gaussian_sxy=2, gaussian_compat=1, bilateral_sxy=9, bilateral_srgb=4, bilateral_compat=0
    )
    assert DenseCRF(own).preset == DenseCRF(CRFPreset(2, 1, 9, 4, 0)).preset
    assert DenseCRF('deeplab').preset == CRF_PRESETS['deeplab'] == CRFPreset(1, 3, 67, 3, 4)
    for key, value in (('gaussian_sxy', 0), ('bilateral_srgb', float('nan'))):
        with pytest.raises(ValueError, match=f'{key}=.*finite number > 0'):
            CRFPreset(**{**own, key: value})
    with pytest.raises(ValueError, match='bilateral_compat=-1.*finite number >= 0'):
        CRFPreset(**{**own, 'bilateral_compat': -1})
