"""The dense CRF: pydensecrf as oracle on photographs and odd sizes, bad input, its invariants."""

import pickle
import sys

import numpy as np
import pytest
import torch

from mmseg_wsss.seeds import (
    CRF_PRESETS,
    DenseCRF,
    DenseCRFRefiner,
    RefinerInput,
    unary_from_labels,
    unary_from_probabilities,
)
from mmseg_wsss.seeds.crf import lattice as crf_lattice
from mmseg_wsss.seeds.crf import mean_field as crf_mean_field

PRESETS = ('irn', 'psa', 'deeplab')


def photograph(name, top=0, left=0, height=119, width=161):
    """A part of one of scikit-learn's two photographs at its full resolution."""
    datasets = pytest.importorskip('sklearn.datasets')
    image = datasets.load_sample_image(name)
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def textured_scene(height=90, width=134):
    """Shaded, noisy, partly flat regions with sharp and soft borders."""
    rng = np.random.default_rng(4)
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([columns * 1.5, rows * 2.0, 120 + 60 * np.sin(columns / 9)], axis=-1)
    image[(rows - 40) ** 2 + (columns - 50) ** 2 < 700] = (210, 60, 40)
    image += rng.normal(0, 6, image.shape) * (columns > 70)[..., None]
    return image.clip(0, 255).astype(np.uint8)


def maps(shape, num_seeds, num_labels, number=0):
    """Probabilities like those of activation maps: smooth blobs, a little different per seed."""
    rng = np.random.default_rng(number)
    height, width = shape
    rows, columns = np.mgrid[:height, :width] / max(shape)
    scores = np.full((num_seeds, num_labels, height, width), 0.25)
    for label in range(1, num_labels):
        centre, spread = rng.uniform(0, 1, 2) * shape / max(shape), rng.uniform(0.1, 0.3)
        for seed in range(num_seeds):
            y, x = centre + rng.normal(0, 0.04, 2)
            scores[seed, label] = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / spread**2)
    return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)


def unary_for(preset, probabilities):
    if preset == 'irn':
        return unary_from_labels(probabilities.argmax(1), probabilities.shape[1], gt_prob=0.7)
    return unary_from_probabilities(probabilities)


def plain_pydensecrf(image, unary, preset, iterations=10, weight=None):
    """One fresh pydensecrf object per seed, written out."""
    densecrf = pytest.importorskip('pydensecrf.densecrf')
    num_labels, (height, width) = unary.shape[1], image.shape[:2]
    sxy, compat, bilateral_sxy, srgb, bilateral_compat = {
        'irn': (3, 3, 50, 5, 10),
        'psa': (3, 3, 80, 13, 10),
        'deeplab': (1, 3, 67, 3, 4),
    }[preset]
    bilateral_compat = bilateral_compat if weight is None else weight
    marginals = []
    for energies in unary:
        crf = densecrf.DenseCRF2D(width, height, num_labels)
        crf.setUnaryEnergy(np.ascontiguousarray(energies.reshape(num_labels, -1)))
        crf.addPairwiseGaussian(sxy=sxy, compat=compat)
        crf.addPairwiseBilateral(sxy=bilateral_sxy, srgb=srgb, rgbim=image, compat=bilateral_compat)
        marginals.append(np.array(crf.inference(iterations)).reshape(num_labels, height, width))
    return np.stack(marginals)


def assert_agree(found, expected, most=5e-4, mean=1e-6):
    assert found.dtype == expected.dtype == np.float32 and found.shape == expected.shape
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.9999
    difference = np.abs(found - expected)
    assert difference.max() <= most
    assert difference.mean() <= mean


@pytest.mark.parametrize('preset', PRESETS)
@pytest.mark.parametrize(
    'image',
    [
        pytest.param(lambda: photograph('china.jpg', 90, 200), id='china'),
        pytest.param(lambda: photograph('china.jpg', 300, 20, 96, 128), id='china below'),
        # With black, flat parts: points on the borders of simplices.
        pytest.param(lambda: photograph('flower.jpg', 220, 40), id='flower'),
        pytest.param(textured_scene, id='scene'),
    ],
)
def test_agrees_with_pydensecrf(image, preset):
    image = image()
    probabilities = maps(image.shape[:2], 3, 3)
    unary = unary_for(preset, probabilities)
    found = DenseCRF(preset)(image, unary)
    assert_agree(found, plain_pydensecrf(image, unary, preset))
    # It did something.
    assert (found.argmax(1) != probabilities.argmax(1)).mean() > 0.01


@pytest.mark.parametrize('weight', [4, 0])
def test_a_refiner_may_weigh_the_appearance_kernel_otherwise(weight):
    image = photograph('china.jpg', 90, 200)
    scores = torch.from_numpy(maps(image.shape[:2], 2, 3))
    inputs = RefinerInput([image], [(1, 2)])
    found = DenseCRFRefiner('irn', bilateral_compat=weight)(scores[None], inputs)[0]
    unary = unary_for('irn', scores.numpy())
    assert_agree(found.numpy(), plain_pydensecrf(image, unary, 'irn', weight=weight))
    assert not torch.equal(found, DenseCRFRefiner('irn')(scores[None], inputs)[0])
    with pytest.raises(ValueError, match='bilateral_compat=-1'):
        DenseCRFRefiner(bilateral_compat=-1)


@pytest.mark.parametrize('num_seeds', [1, 2])
def test_agrees_with_pydensecrf_on_all_labels_of_a_data_set(num_seeds):
    image = photograph('china.jpg', 150, 300, 80, 100)
    unary = unary_from_probabilities(maps(image.shape[:2], num_seeds, 21))
    assert_agree(DenseCRF('deeplab')(image, unary), plain_pydensecrf(image, unary, 'deeplab'))


@pytest.mark.parametrize(
    'shape',
    [(1, 1), (1, 2), (1, 7), (5, 1), (2, 2), (3, 3), (4, 4), (5, 7), (13, 17), (30, 31)],
)
@pytest.mark.parametrize('kind', ['noise', 'uniform', 'black', 'ramp'])
def test_small_and_odd_images(shape, kind):
    ramp = np.linspace(0, 255, shape[1]).astype(np.uint8)[None, :, None]
    image = dict(
        noise=np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8),
        uniform=np.full((*shape, 3), 200, np.uint8),
        black=np.zeros((*shape, 3), np.uint8),
        ramp=np.ascontiguousarray(np.broadcast_to(ramp, (*shape, 3))),
    )[kind]
    unary = unary_from_probabilities(maps(shape, 2, 3))
    for preset in PRESETS:
        found = DenseCRF(preset)(image, unary)
        assert np.abs(found - plain_pydensecrf(image, unary, preset)).max() < 1e-4


@pytest.mark.parametrize('iterations', [0, 1, 3])
def test_iterations(iterations):
    image = textured_scene()
    unary = unary_from_probabilities(maps(image.shape[:2], 1, 3))
    found = DenseCRF('psa', iterations=iterations)(image, unary)
    np.testing.assert_allclose(found, plain_pydensecrf(image, unary, 'psa', iterations), atol=1e-5)
    if not iterations:
        weights = np.exp(-unary.astype(float))
        np.testing.assert_allclose(found, weights / weights.sum(1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize('num_seeds, num_labels', [(1, 2), (3, 3), (1, 5)])
def test_energies_beyond_the_range_of_exp(num_seeds, num_labels):
    image = textured_scene()
    unary = 60 * unary_from_probabilities(maps(image.shape[:2], num_seeds, num_labels))
    assert unary.max() - unary.min() > 200
    found = DenseCRF('irn')(image, unary)
    assert np.abs(found - plain_pydensecrf(image, unary, 'irn')).max() < 1e-3


@pytest.mark.parametrize('backend', ['torch', 'pydensecrf'])
def test_invariants(backend):
    pytest.importorskip('pydensecrf.densecrf')
    image = textured_scene(45, 66)
    unary = unary_from_probabilities(maps(image.shape[:2], 3, 4))
    crf = DenseCRF('psa', backend)
    found = crf(image, unary)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    # Neither the order of the labels nor that of the seeds matters, nor what all labels share.
    turned = [2, 0, 3, 1]
    np.testing.assert_allclose(crf(image, unary[:, turned]), found[:, turned], atol=1e-4)
    np.testing.assert_allclose(crf(image, unary[[2, 0, 1]]), found[[2, 0, 1]], atol=1e-4)
    np.testing.assert_allclose(crf(image, unary + 3), found, atol=1e-4)
    # Each seed on its own.
    for seed in range(3):
        np.testing.assert_allclose(crf(image, unary[seed : seed + 1])[0], found[seed], atol=1e-4)


def test_pydensecrf_backend_is_plain_pydensecrf_bit_by_bit():
    image = textured_scene()
    unary = unary_for('irn', maps(image.shape[:2], 3, 3))
    expected = plain_pydensecrf(image, unary, 'irn')
    found = DenseCRF('irn', 'pydensecrf')(image, unary)
    assert np.array_equal(found, expected)
    tensor = DenseCRF('irn', 'pydensecrf')(torch.from_numpy(image), torch.from_numpy(unary))
    assert np.array_equal(tensor.numpy(), found)


def test_missing_pydensecrf_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pydensecrf.densecrf', None)
    image, unary = np.zeros((2, 2, 3), np.uint8), np.zeros((1, 2, 2, 2), np.float32)
    DenseCRF('irn')(image, unary)
    with pytest.raises(ImportError, match='pip install pydensecrf2'):
        DenseCRF('irn', 'pydensecrf')(image, unary)


@pytest.mark.parametrize('backend', ['torch', 'pydensecrf'])
def test_one_label_is_certain(backend):
    unary = np.random.default_rng(0).normal(size=(2, 1, 5, 6)).astype(np.float32)
    found = DenseCRF('irn', backend)(np.zeros((5, 6, 3), np.uint8), unary)
    assert np.array_equal(found, np.ones_like(unary))


def test_kind_of_the_result_and_layout_of_the_input():
    image = textured_scene()
    unary = unary_from_probabilities(maps(image.shape[:2], 2, 3))
    crf = DenseCRF('irn')
    expected = crf(image, unary)
    assert isinstance(expected, np.ndarray)
    result = crf(image, torch.from_numpy(unary).requires_grad_())
    assert isinstance(result, torch.Tensor) and not result.requires_grad
    assert np.array_equal(result.numpy(), expected)
    assert np.array_equal(crf(torch.from_numpy(image), unary), expected)
    strided = np.ascontiguousarray(unary.transpose(2, 3, 1, 0)).transpose(3, 2, 0, 1)
    columns_first = np.ascontiguousarray(image.transpose(1, 0, 2)).transpose(1, 0, 2)
    before = strided.copy(), columns_first.copy()
    assert np.array_equal(crf(columns_first, strided), expected)
    # The input is left alone.
    assert np.array_equal(strided, before[0]) and np.array_equal(columns_first, before[1])
    # Negative strides.
    mirrored = crf(image[:, ::-1], unary[..., ::-1])
    copies = image[:, ::-1].copy(), np.ascontiguousarray(unary[..., ::-1])
    assert np.array_equal(mirrored, crf(*copies))


def test_same_bits_whatever_the_threads(monkeypatch):
    image = photograph('china.jpg', 0, 0, 200, 333)
    unary = unary_for('irn', maps(image.shape[:2], 2, 3))
    expected = DenseCRF('irn')(image, unary)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert np.array_equal(DenseCRF('irn')(image, unary), expected)
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setattr(crf_mean_field, '_BLOCK', 1000)
    np.testing.assert_allclose(DenseCRF('irn')(image, unary), expected, atol=1e-6)


def test_images_of_one_size_share_a_lattice():
    # Not a multiple of four pixels each: the filling-up is per image.
    images = np.stack([photograph('china.jpg', 100 * i, 100 * i, 33, 45) for i in range(3)])
    unary = np.stack([unary_for('irn', maps((33, 45), 2, 3, i)) for i in range(3)])
    crf = DenseCRF('irn')
    expected = np.stack([crf(*both) for both in zip(images, unary, strict=True)])
    assert np.array_equal(crf.batch(images, unary), expected)
    assert torch.is_tensor(crf.batch(images, torch.from_numpy(unary)))
    # As on a GPU: one lattice for all of them.
    joint = crf_mean_field.mean_field(
        torch.from_numpy(images), torch.from_numpy(unary), CRF_PRESETS['irn'], 10
    )
    np.testing.assert_allclose(joint.numpy(), expected, atol=1e-5)
    reference = DenseCRF('irn', 'pydensecrf').batch(images, unary)
    np.testing.assert_allclose(reference, expected, atol=5e-4)
    with pytest.raises(ValueError, match=r'expected \(2, S, L, 33, 45\)'):
        crf.batch(images[:2], unary)


def test_keys_too_wide_to_be_packed(monkeypatch):
    image = textured_scene(45, 66)
    unary = unary_from_probabilities(maps(image.shape[:2], 1, 3))
    expected = DenseCRF('psa')(image, unary)
    monkeypatch.setattr(crf_lattice, '_SORT_BITS', 20)
    crf_mean_field._gaussian_lattice.cache_clear()
    assert np.array_equal(DenseCRF('psa')(image, unary), expected)


def test_cache_is_bounded_and_survives_inference_mode():
    cache = crf_mean_field._gaussian_lattice
    cache.cache_clear()
    image, unary = np.zeros((9, 9, 3), np.uint8), np.zeros((1, 3, 9, 9), np.float32)
    with torch.inference_mode():
        inside = DenseCRF('irn')(image, unary)
    assert np.array_equal(DenseCRF('irn')(image, unary), inside)
    assert cache.cache_info().hits == 1
    for size in range(1, 13):
        DenseCRF('irn')(np.zeros((size, 2, 3), np.uint8), np.zeros((1, 2, size, 2), np.float32))
    assert cache.cache_info().currsize <= 8


def test_goes_through_pickle():
    crf = pickle.loads(pickle.dumps(DenseCRF('psa', iterations=3)))
    assert (crf.preset, crf.iterations, crf.backend) == (CRF_PRESETS['psa'], 3, 'torch')


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_cuda_agrees_with_the_cpu():
    images = np.stack([photograph('china.jpg', 90 * i, 100 * i) for i in range(2)])
    for preset in PRESETS:
        unary = np.stack([unary_for(preset, maps(images.shape[1:3], 3, 3, i)) for i in range(2)])
        expected = DenseCRF(preset).batch(images, unary)
        found = DenseCRF(preset).batch(images, torch.from_numpy(unary).cuda())
        assert found.is_cuda
        for image in range(2):
            assert_agree(found.cpu().numpy()[image], expected[image])


IMAGE = np.zeros((4, 5, 3), np.uint8)
UNARY = np.zeros((2, 3, 4, 5), np.float32)


def with_value(value):
    unary = UNARY.copy()
    unary[1, 2, 3, 4] = value
    return unary


@pytest.mark.parametrize(
    'image, unary, message',
    [
        (IMAGE.astype(np.float32), UNARY, r'image: \(4, 5, 3\) torch.float32'),
        (IMAGE[..., 0], UNARY, r'image: \(4, 5\)'),
        (np.zeros((4, 5, 4), np.uint8), UNARY, r'image: \(4, 5, 4\)'),
        (IMAGE, UNARY.astype(np.float64), r'unary: \(2, 3, 4, 5\) torch.float64'),
        (IMAGE, UNARY[0], r'expected \(S, L, 4, 5\) float32'),
        (IMAGE, UNARY.transpose(0, 1, 3, 2), r'unary: \(2, 3, 5, 4\)'),
        (IMAGE, UNARY[:0], 'not empty'),
        (IMAGE, UNARY[:, :0], 'not empty'),
        (IMAGE, with_value(np.nan), 'NaN or infinite'),
        (IMAGE, with_value(np.inf), 'NaN or infinite'),
        (IMAGE, with_value(-np.inf), 'NaN or infinite'),
    ],
)
@pytest.mark.parametrize('backend', ['torch', 'pydensecrf'])
def test_bad_input(image, unary, message, backend):
    with pytest.raises(ValueError, match=message):
        DenseCRF('irn', backend)(image, unary)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(preset='best'), "Unknown CRF preset 'best'; expected one of irn, psa, deeplab"),
        (dict(preset=dict(gaussian_sxy=3)), 'gaussian_sxy, gaussian_compat'),
        (dict(backend='cuda'), "Unknown CRF backend 'cuda'; expected one of torch, pydensecrf"),
        (dict(iterations=-1), 'iterations=-1'),
        (dict(iterations=2.5), 'iterations=2.5'),
        (dict(iterations=True), 'iterations=True'),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DenseCRF(**arguments)
