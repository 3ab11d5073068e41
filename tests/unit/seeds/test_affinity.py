"""Affinities against loops over pairs, and the walk against powers of a dense matrix."""

import math

import numpy as np
import pytest
import torch
from helpers.neighbours import neighbour_pairs

from mmseg_wsss.seeds import neighbours
from mmseg_wsss.seeds.affinity import (
    affinity_loss,
    affinity_walk,
    random_walk,
    transition_matrix,
    walk_steps,
)
from mmseg_wsss.seeds.neighbours import neighbour_offsets, pair_affinity

HEIGHT, WIDTH, RADIUS = 5, 6, 3


@pytest.fixture
def features():
    return torch.randn(2, 4, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))


def pairs():
    return neighbour_pairs(HEIGHT, WIDTH, RADIUS)


def affinity(features, image, one, other):
    difference = features[image, :, one[0], one[1]] - features[image, :, other[0], other[1]]
    return math.exp(-difference.double().abs().mean())


def test_offsets_give_each_pair_once():
    found = [
        ((y, x), (y + dy, x + dx))
        for dy, dx in neighbour_offsets(RADIUS)
        for y in range(HEIGHT)
        for x in range(WIDTH)
        if y + dy < HEIGHT and 0 <= x + dx < WIDTH
    ]
    assert len(found) == len(set(found)) and set(found) == set(pairs())
    with pytest.raises(ValueError, match='radius must be above 1'):
        neighbour_offsets(1)


def test_affinity_of_pairs(features):
    expected = sorted(affinity(features, 1, *pair) for pair in pairs())
    found = torch.cat([one[1].flatten() for one in pair_affinity(features, RADIUS)])
    assert np.allclose(sorted(found.tolist()), expected, atol=1e-6)


@pytest.mark.parametrize('block', [1, 3 * HEIGHT * WIDTH, 2**17])
def test_slopes_of_affinities(features, block, monkeypatch):
    """In blocks of any size those of the formula, written out and left to autograd."""
    monkeypatch.setattr(neighbours, '_BLOCK', block)
    found, expected = (features.double().requires_grad_() for _ in range(2))
    values = pair_affinity(found, RADIUS)
    plain = []
    for dy, dx in neighbour_offsets(RADIUS):
        left = max(0, -dx)
        here = expected[..., : HEIGHT - dy, left : WIDTH - max(0, dx)]
        there = expected[..., dy:, left + dx : WIDTH - max(0, -dx)]
        plain.append(torch.exp(-(here - there).abs().mean(dim=1)))
    random = torch.Generator().manual_seed(1)
    weights = [torch.randn(one.shape, generator=random, dtype=one.dtype) for one in plain]
    for ours in (values, plain):
        sum((one * weight).sum() for one, weight in zip(ours, weights, strict=True)).backward()
    for ours, theirs in zip(values, plain, strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(found.grad, expected.grad)


def test_equal_features_have_no_slope():
    features = torch.ones(1, 2, 2, 2, requires_grad=True)
    sum(one.sum() for one in pair_affinity(features, 1.5)).backward()
    assert not features.grad.any()


def test_affinity_of_a_map_smaller_than_the_radius():
    found = pair_affinity(torch.zeros(1, 3, 1, 2), RADIUS)
    assert sum(one.numel() for one in found) == 1
    assert transition_matrix(torch.zeros(1, 3, 1, 1), RADIUS, 10).to_dense().tolist() == [[1.0]]


@pytest.mark.parametrize('kinds', ['all', 'background', 'unknown'])
def test_loss(features, kinds):
    labels = np.random.default_rng(0).choice([0, 0, 3, 7, 255], (2, HEIGHT, WIDTH))
    if kinds != 'all':
        labels[1] = dict(background=0, unknown=255)[kinds]
    expected = np.zeros(3)
    for image in range(2):
        values = [[], [], []]
        for one, other in pairs():
            here, there = labels[image][one], labels[image][other]
            if 255 in (here, there):
                continue
            like = affinity(features, image, one, other)
            if here != there:
                values[2].append(-math.log(1 + 1e-5 - like))
            else:
                values[int(here != 0)].append(-math.log(like + 1e-5))
        expected += [np.mean(kind) / 2 if kind else 0 for kind in values]
    expected *= [0.25, 0.25, 0.5]
    features = features.requires_grad_()
    found = affinity_loss(features, torch.from_numpy(labels), RADIUS)
    assert np.allclose([term.item() for term in found.values()], expected, atol=1e-5)
    assert list(found) == ['loss_background', 'loss_foreground', 'loss_negative']
    sum(found.values()).backward()
    assert features.grad.isfinite().all()
    assert bool(features.grad[1].any()) == (kinds != 'unknown')


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_loss_of_half_precision_is_that_of_its_values(dtype):
    """Pixels of two labels that are alike, and more pairs than half precision can count."""
    generator = torch.Generator().manual_seed(0)
    features = (0.01 * torch.randn(1, 8, 40, 40, generator=generator)).to(dtype)
    labels = torch.zeros(1, 40, 40, dtype=torch.long)
    labels[..., 20:] = 1
    expected = affinity_loss(features.double(), labels, RADIUS)
    features.requires_grad_()
    found = affinity_loss(features, labels, RADIUS)
    for name, term in found.items():
        assert term.dtype == torch.float32
        assert term.item() == pytest.approx(expected[name].item(), rel=1e-3)
    sum(found.values()).backward()
    assert features.grad.dtype == dtype and features.grad.isfinite().all()


def test_loss_wants_labels_of_the_features_size(features):
    with pytest.raises(ValueError, match=r'labels \(2, 3, 3\) do not fit'):
        affinity_loss(features, torch.zeros(2, 3, 3, dtype=torch.long), RADIUS)


def dense_transition(features, exponent):
    number = HEIGHT * WIDTH
    matrix = np.zeros((2 * number, 2 * number))
    for image in range(2):
        block = np.eye(number)
        for one, other in pairs():
            weight = affinity(features, image, one, other) ** exponent
            first, second = one[0] * WIDTH + one[1], other[0] * WIDTH + other[1]
            block[first, second] = block[second, first] = weight
        place = slice(image * number, (image + 1) * number)
        matrix[place, place] = block / block.sum(axis=1, keepdims=True)
    return matrix


@pytest.mark.parametrize('exponent', [1, 3.5])
def test_transition_matrix(features, exponent):
    found = transition_matrix(features, RADIUS, exponent).to_dense()
    assert np.allclose(found, dense_transition(features, exponent), atol=1e-6)
    with pytest.raises(ValueError, match='exponent must be above 0'):
        transition_matrix(features, RADIUS, 0)


@pytest.mark.parametrize('steps', [0, 1, 2, 7, 64, 300])
def test_walks_equal_powers_of_the_matrix(features, steps):
    transition = transition_matrix(features, RADIUS, 4)
    dense = dense_transition(features, 4)
    maps = torch.rand(2 * HEIGHT * WIDTH, 3, generator=torch.Generator().manual_seed(1))
    found = random_walk(transition, maps, steps)
    assert list(found) == walk_steps(steps)
    for length, walked in found.items():
        expected = np.linalg.matrix_power(dense, length) @ maps.double().numpy()
        assert np.abs(walked.numpy() - expected).max() < 1e-5
    with pytest.raises(ValueError, match='steps must be at least 0'):
        random_walk(transition, maps, -1)


def test_maps_spread_over_like_pixels_and_not_beyond():
    features = torch.zeros(1, 1, 8, 16)
    features[..., 8:] = 4.0
    maps = torch.zeros(1, 1, 2, 8, 16)
    maps[0, 0, 0, 3, 2] = 1.0
    maps[0, 0, 1, 3, 12] = 0.5
    walked = affinity_walk(features, maps, RADIUS, 10, 256, most_foreground=1)
    left, right = walked[0, 0, 0], walked[0, 0, 1]
    assert left[:, :7].min() > 0.9 and left[:, 9:].max() < 1e-3
    assert right[:, 9:].min() > 0.9 and right[:, :7].max() < 1e-3
    assert left.max() == 1 and right.max() == 1


def test_maps_are_walked_at_the_size_of_the_features(features):
    maps = torch.rand(2, 3, 2, 10, 12, generator=torch.Generator().manual_seed(2))
    walked = affinity_walk(features, maps, RADIUS, 2, 4, most_foreground=1)
    dense = np.linalg.matrix_power(dense_transition(features, 2), 4)
    coarse = maps.unflatten(-2, (HEIGHT, 2)).unflatten(-1, (WIDTH, 2)).mean(dim=(-3, -1))
    number = HEIGHT * WIDTH
    for image in range(2):
        block = dense[image * number :, image * number :][:number, :number]
        expected = coarse[image].flatten(-2).double().numpy() @ block.T
        expected = torch.from_numpy(expected).view(3, 2, HEIGHT, WIDTH)
        large = torch.nn.functional.interpolate(expected, (10, 12), mode='bilinear')
        large = large / large.amax(dim=(-2, -1), keepdim=True)
        assert np.allclose(walked[image], large, atol=1e-5)
    alone = affinity_walk(features[1:], maps[1:, 2:], RADIUS, 2, 4, most_foreground=1)
    assert torch.allclose(alone[0, 0], walked[1, 2], atol=1e-6)


def test_a_walk_that_floods_the_image_is_shortened():
    features = torch.zeros(1, 1, 9, 9)
    maps = torch.zeros(1, 2, 1, 9, 9)
    maps[..., 4, 4] = 1.0
    maps[0, 1, 0, :5] = 1.0  # the second seed floods after another number of steps
    free = affinity_walk(features, maps, RADIUS, 1, 64, most_foreground=1)
    assert (free > 0.5).all()
    guarded = affinity_walk(features, maps, RADIUS, 1, 64, most_foreground=0.9)
    taken = []
    for seed in range(2):
        for length in walk_steps(64):
            alone = affinity_walk(features, maps[:, seed : seed + 1], RADIUS, 1, length, 1)
            if (alone > 0.5).float().mean() <= 0.9:
                break
        taken.append(length)
        assert torch.allclose(guarded[:, seed : seed + 1], alone, atol=1e-5)
    assert len(set(taken)) == 2 and 0 < min(taken) and max(taken) < 64
    # Where the map itself floods, it stays as it is.
    full = torch.ones(1, 1, 1, 9, 9)
    assert torch.equal(affinity_walk(features, full, RADIUS, 1, 8), full)
    with pytest.raises(ValueError, match='most_foreground'):
        affinity_walk(features, maps, most_foreground=0)


def test_nothing_to_walk(features):
    maps = torch.rand(2, 1, 1, 7, 7)
    assert affinity_walk(features, maps, steps=0) is maps
    assert affinity_walk(features, maps[:, :, :0]).shape == (2, 1, 0, 7, 7)
    dark = torch.zeros(2, 1, 1, 7, 7)
    assert torch.equal(affinity_walk(features, dark, RADIUS), dark)
