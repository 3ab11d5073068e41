"""Affinities by boundaries, against a loop over pairs and over the pixels of the line between."""

import math

import numpy as np
import pytest
import torch
from helpers.neighbours import neighbour_pairs

from mmseg_wsss.seeds.affinity import affinity_loss, affinity_walk
from mmseg_wsss.seeds.boundary import boundary_affinity, segment_pixels
from mmseg_wsss.seeds.neighbours import neighbour_offsets

HEIGHT, WIDTH, RADIUS = 6, 7, 4.5


@pytest.fixture
def boundaries():
    return torch.rand(2, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))


def pairs():
    return neighbour_pairs(HEIGHT, WIDTH, RADIUS)


def highest_between(boundary, one, other):
    """The highest boundary within the box of two pixels and nearer than 1 to their line."""
    one, other = np.array(one), np.array(other)
    direction = (other - one) / np.linalg.norm(other - one)
    low, high = np.minimum(one, other), np.maximum(one, other)
    values = []
    for y in range(low[0], high[0] + 1):
        for x in range(low[1], high[1] + 1):
            along = (np.array([y, x]) - one) @ direction
            if np.linalg.norm(np.array([y, x]) - one - along * direction) < 1 - 1e-9:
                values.append(boundary[y, x])
    return max(values)


def by_pair(found):
    """The affinities of one image by their two pixels."""
    result = {}
    for (dy, dx), values in zip(neighbour_offsets(RADIUS), found, strict=True):
        left = max(0, -dx)
        for y, row in enumerate(values.tolist()):
            for x, value in enumerate(row):
                result[(y, x + left), (y + dy, x + left + dx)] = value
    return result


@pytest.mark.parametrize('image', [0, 1])
def test_affinity_of_pairs(boundaries, image):
    found = by_pair([one[image] for one in boundary_affinity(boundaries, RADIUS)])
    assert set(found) == set(pairs())
    values = boundaries[image, 0].double().numpy()
    for pair, affinity in found.items():
        assert affinity == pytest.approx(1 - highest_between(values, *pair), abs=1e-6)


def test_a_thin_boundary_has_no_gap():
    """Pixels on two sides of a diagonal one pixel wide are parted, whatever their direction."""
    boundary = torch.eye(9)[None, None]
    found = boundary_affinity(boundary, 5)
    for (dy, dx), values in zip(neighbour_offsets(5), found, strict=True):
        left = max(0, -dx)
        for y, row in enumerate(values[0].tolist()):
            for x, value in enumerate(row):
                here, there = y - (x + left), y + dy - (x + left + dx)
                if here * there < 0:
                    assert value == 0


def test_lines_have_both_ends_and_no_direction():
    for offset in neighbour_offsets(6):
        line = segment_pixels(offset)
        assert {(0, 0), offset} <= set(line) and len(set(line)) == len(line)
        assert {(offset[0] - y, offset[1] - x) for y, x in line} == set(line)


def test_maps_smaller_than_the_radius_and_of_other_shapes():
    found = boundary_affinity(torch.zeros(1, 1, 1, 2), RADIUS)
    assert [one.numel() for one in found if one.numel()] == [1]
    with pytest.raises(ValueError, match=r'boundaries \(1, 2, 3, 3\): expected \(B, 1, h, w\)'):
        boundary_affinity(torch.zeros(1, 2, 3, 3), RADIUS)


def test_loss(boundaries):
    labels = np.random.default_rng(0).choice([0, 0, 3, 7, 255], (2, HEIGHT, WIDTH))
    expected = np.zeros(3)
    for image, boundary in enumerate(boundaries[:, 0].double().numpy()):
        values = [[], [], []]
        for one, other in pairs():
            here, there = labels[image][one], labels[image][other]
            if 255 in (here, there):
                continue
            highest = highest_between(boundary, one, other)
            if here != there:
                values[2].append(-math.log(highest + 1e-5))
            else:
                values[int(here != 0)].append(-math.log(1 - highest + 1e-5))
        expected += [np.mean(kind) / 2 if kind else 0 for kind in values]
    expected *= [0.25, 0.25, 0.5]
    boundaries.requires_grad_()
    labels = torch.from_numpy(labels)
    found = affinity_loss(boundaries, labels, RADIUS, affinity=boundary_affinity)
    assert np.allclose([term.item() for term in found.values()], expected, atol=1e-5)
    sum(found.values()).backward()
    assert boundaries.grad.isfinite().all() and boundaries.grad.any()


def test_maps_spread_up_to_the_boundary():
    boundary = torch.zeros(1, 1, 8, 16)
    boundary[..., 8] = 1.0
    maps = torch.zeros(1, 1, 1, 8, 16)
    maps[..., 3, 2] = 1.0
    walked = affinity_walk(boundary, maps, 3, 10, 256, 1, boundary_affinity)[0, 0, 0]
    assert walked[:, :8].min() > 0.9 and walked[:, 9:].max() == 0
