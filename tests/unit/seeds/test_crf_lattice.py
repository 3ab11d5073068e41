"""The permutohedral lattice against one in plain Python with a dict, in float64."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from mmseg_wsss.seeds.crf.lattice import PermutohedralLattice, enclosing_simplices


def ascending(values):
    """Order of the values; of equal ones the first counts as the larger, as in pydensecrf."""
    return np.array(sorted(range(len(values)), key=lambda i: (values[i], -i)))


def simplex_around(feature):
    """Vertices of the enclosing simplex and barycentric coordinates, from the definitions."""
    d = len(feature)
    size = d + 1
    embedding = np.zeros((size, d))
    for i in range(size):
        for k in range(d):
            embedding[i, k] = 1 if k >= i else -i if k == i - 1 else 0
    scale = [math.sqrt(2 / 3) * size / math.sqrt((k + 1) * (k + 2)) for k in range(d)]
    point = embedding @ (np.array(feature, dtype=float) * scale)
    # The nearest vertex whose coordinates are all multiples of d + 1 (Conway and Sloane).
    nearest = np.array([round(x / size) for x in point]) * size
    excess = nearest.sum() // size
    order = ascending(point - nearest)
    if excess > 0:
        nearest[order[:excess]] -= size
    elif excess < 0:
        nearest[order[excess:]] += size
    order = ascending(point - nearest)
    vertices = [nearest.copy()]
    for r in range(1, size):
        vertex = nearest + r
        vertex[order[:r]] -= size
        vertices.append(vertex)
    system = np.vstack([np.array(vertices, dtype=float).T, np.ones(size)])
    weights = np.linalg.lstsq(system, np.append(point, 1), rcond=None)[0]
    assert weights.min() > -1e-9
    return [tuple(int(x) for x in vertex) for vertex in vertices], weights


def plain_filter(features, values):
    """Splat, blur along each direction, slice: dicts from vertices to values.

    Where the points are no multiple of four, the vertices around the origin are there as well.
    """
    d = features.shape[1]
    simplices = [simplex_around(feature) for feature in features]
    table = {}
    if len(features) % 4:
        table = {vertex: np.zeros(values.shape[1]) for vertex in simplex_around([0.0] * d)[0]}
    for (vertices, weights), value in zip(simplices, values, strict=True):
        for vertex, weight in zip(vertices, weights, strict=True):
            table[vertex] = table.get(vertex, 0) + weight * value
    for direction in range(d + 1):
        step = np.ones(d + 1, dtype=int)
        step[direction] = -d
        nothing = np.zeros(values.shape[1])
        table = {
            vertex: value
            + 0.5 * table.get(tuple((np.array(vertex) + step).tolist()), nothing)
            + 0.5 * table.get(tuple((np.array(vertex) - step).tolist()), nothing)
            for vertex, value in table.items()
        }
    sliced = [
        sum(weight * table[vertex] for vertex, weight in zip(*simplex, strict=True))
        for simplex in simplices
    ]
    return np.array(sliced) / (1 + 2.0**-d)


def plain_normalised_filter(features, values, scale):
    norm = 1 / np.sqrt(plain_filter(features, np.ones((len(features), 1))) + 1e-20)
    return scale * norm * plain_filter(features, norm * values)


def spread_features(d, count, spread):
    rng = np.random.default_rng(d + count)
    return rng.uniform(0, spread, (count, d)).astype(np.float32)


@pytest.mark.parametrize('d', [2, 5])
@pytest.mark.parametrize('count', [1, 4, 61])
@pytest.mark.parametrize('spread', [0.5, 3.0, 40.0])
def test_filter_against_plain_python(d, count, spread):
    features = spread_features(d, count, spread)
    values = np.random.default_rng(1).normal(size=(count, 3))
    lattice = PermutohedralLattice(torch.from_numpy(features).T[None], scale=2.5)
    found = lattice.filter(torch.from_numpy(values).float()).numpy()
    expected = plain_normalised_filter(features, values, 2.5)
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize('d', [2, 5])
def test_weights_are_barycentric(d):
    features = torch.from_numpy(spread_features(d, 500, 30.0))
    groups = torch.zeros(500, dtype=torch.int64)
    simplices = enclosing_simplices(features.T.contiguous(), groups, 1)
    assert simplices.weights.min() > -1e-5
    torch.testing.assert_close(simplices.weights.sum(1), torch.ones(500))
    assert simplices.keys.min() >= 0 and simplices.keys.max() < simplices.num_keys
    # One vertex of each class, and the points' vertices are those of the plain lattice.
    classes = simplices.keys % simplices.group_stride // simplices.class_stride
    assert classes.sort(dim=1).values.eq(torch.arange(d + 1)).all()
    names = {}
    for feature, keys, weights in zip(features, simplices.keys, simplices.weights, strict=True):
        vertices, expected = simplex_around(feature.tolist())
        order = {vertex[0] % (d + 1): i for i, vertex in enumerate(vertices)}
        for key, weight in zip(keys.tolist(), weights.tolist(), strict=True):
            position = order[key % simplices.group_stride // simplices.class_stride]
            assert weight == pytest.approx(expected[position], abs=1e-4)
            assert names.setdefault(key, vertices[position]) == vertices[position]
    assert len(set(names.values())) == len(names)


def test_kernel_is_about_a_gaussian():
    points = torch.stack(
        torch.meshgrid(torch.arange(24.0) / 4, torch.arange(24.0) / 4, indexing='ij')
    ).view(1, 2, -1)
    lattice = PermutohedralLattice(points, scale=1.0)
    impulse = torch.zeros(24 * 24, 1)
    impulse[12 * 24 + 12] = 1
    response = lattice.filter(impulse).view(24, 24)
    squared = ((points[0] - points[0][:, 12 * 24 + 12, None]) ** 2).sum(0).view(24, 24)
    gaussian = torch.exp(-squared / 2)
    response, gaussian = response / response.sum(), gaussian / gaussian.sum()
    # The lattice's own approximation, not a rounding error.
    assert (response - gaussian).abs().max() < 0.25 * gaussian.max()
    for near, far in pairwise([0, 3, 6, 9]):
        assert response[12, 12 + near] > response[12, 12 + far]


def test_groups_share_nothing():
    features = torch.from_numpy(spread_features(5, 40, 6.0)).view(2, 20, 5).transpose(1, 2)
    values = torch.randn(40, 3)
    joint = PermutohedralLattice(features, scale=1.0).filter(values)
    alone = [
        PermutohedralLattice(features[i : i + 1], scale=1.0).filter(values[20 * i : 20 * i + 20])
        for i in range(2)
    ]
    torch.testing.assert_close(joint, torch.cat(alone))
    twins = PermutohedralLattice(features[:1].expand(2, -1, -1), 1.0).filter(values)
    torch.testing.assert_close(twins[:20], alone[0])


def test_largest_sum_bounds_the_filter():
    lattice = PermutohedralLattice(torch.from_numpy(spread_features(5, 80, 4.0)).T[None], 10.0)
    values = torch.sign(torch.randn(80, 50))
    assert lattice.filter(values).abs().max() <= lattice.largest_sum * (1 + 1e-5)


def test_features_spread_too_far():
    with pytest.raises(ValueError, match='too large for kernels this narrow'):
        PermutohedralLattice(torch.rand(1, 5, 8) * 1e5, scale=1.0)
