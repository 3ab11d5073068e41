"""Where points of a feature space lie in the permutohedral lattice."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Keys are added up in float64, which holds integers up to here exactly.
_MOST_KEYS = 1 << 53

# Sorting networks: pairs that are put into descending order one after the other.
_NETWORKS = {
    3: ((0, 2), (0, 1), (1, 2)),
    6: (
        *((1, 2), (4, 5), (0, 2), (3, 5), (0, 1), (3, 4)),
        *((2, 5), (0, 3), (1, 4), (2, 4), (1, 3), (2, 3)),
    ),
}


@dataclass(frozen=True)
class Simplices:
    """The vertices around each of P points, in a lattice with D = d + 1 vertices a simplex.

    A vertex of class r (0 to d) has the coordinates D q_i + r, so that q and r name it. Its key is
    ``sum_i q_i coordinate_strides[i] + r class_stride + group group_stride`` with i from 0 to d - 1
    (the coordinates sum to 0, which determines the last one) and a constant left out.

    Attributes:
        keys (Tensor): int64 (P, D), the key of each vertex.
        weights (Tensor): float32 (P, D), barycentric coordinates: they sum to 1.
        coordinate_strides (tuple[int, ...]): d of them.
        class_stride (int): Difference of two vertices' keys whose classes differ by 1.
        group_stride (int): Difference of two vertices' keys in successive groups of points.
        num_keys (int): All keys are from 0 to this number less 1, keys of neighbours as well.
    """

    keys: Tensor
    weights: Tensor
    coordinate_strides: tuple[int, ...]
    class_stride: int
    group_stride: int
    num_keys: int


def enclosing_simplices(features: Tensor, groups: Tensor, num_groups: int) -> Simplices:
    """Find the simplex around each point (Adams et al., "Fast High-Dimensional Filtering Using the
    Permutohedral Lattice", Eurographics 2010).

    In the order of operations of pydensecrf, so that points on the border of two simplices fall
    into the same one: its float32 results are met up to the rounding of the weights.

    Args:
        features (Tensor): float32 (d, P), d = 2 or 5; in units of the kernel's standard deviation.
        groups (Tensor): int64 (P,), points of different groups share no vertices.
        num_groups (int): Number of groups.

    Returns:
        Simplices: Keys and weights of the vertices.

    Raises:
        ValueError: If the features spread too far for the keys.
    """
    d, num_points = features.shape
    size = d + 1
    elevated, bounds = _elevate(features)
    # The nearest vertex of class 0 by rounding; it lies in the plane if its coordinates sum to 0.
    nearest = [(x * (1 / size)).round_() for x in elevated]
    rest = [x - v * size for x, v in zip(elevated, nearest, strict=True)]
    excess = functools.reduce(torch.add, nearest)

    lookup, patterns = _permutation_tables(d, features.device)
    pairs = list(itertools.combinations(range(size), 2))
    # One integer for the order of the rests and the excess: exact in float32, below 2^18.
    code = (excess + size // 2).mul_(2 ** len(pairs))
    for bit, (i, j) in enumerate(pairs):
        code.add_(rest[i] < rest[j], alpha=2**bit)

    strides, base = [1], 0
    for low, high in bounds:
        # Rounding into the plane, the class and a neighbour may each move a coordinate by 1.
        low, high = math.floor(low / size) - 3, math.ceil(high / size) + 3
        base -= low * strides[-1]
        strides.append(strides[-1] * (high - low + 1))
    *coordinate_strides, class_stride = strides
    group_stride = class_stride * size
    num_keys = group_stride * num_groups
    if num_keys > _MOST_KEYS:
        raise ValueError(
            f'The image is too large for kernels this narrow: {num_keys:.1e} possible vertices, '
            f'at most {_MOST_KEYS:.1e}.'
        )
    origin = torch.full((num_points,), float(base), dtype=torch.float64, device=features.device)
    for v, stride in zip(nearest[:d], coordinate_strides, strict=True):
        origin.add_(v, alpha=stride)
    origin = origin.long()
    if num_groups > 1:
        origin += groups * group_stride
    factors = torch.tensor(strides, dtype=torch.float64, device=features.device)
    offsets = (patterns @ factors).long().view(-1, size)
    keys = offsets.index_select(0, lookup.index_select(0, code.int()))
    keys += origin[:, None]
    return Simplices(
        keys, _barycentric(rest), tuple(coordinate_strides), class_stride, group_stride, num_keys
    )


def _elevate(features: Tensor) -> tuple[list[Tensor], list[tuple[float, float]]]:
    """Coordinates in the lattice's hyperplane, and the range of the first d of them."""
    d = len(features)
    deviation = float(np.float32(math.sqrt(2 / 3) * (d + 1)))  # the filter's own, in float32
    total = torch.zeros_like(features[0])
    least = most = 0.0
    elevated, bounds = [total] * (d + 1), [(0.0, 0.0)] * (d + 1)
    for j in range(d, 0, -1):
        scale = float(np.float32(1 / math.sqrt(j * (j + 1)) * deviation))
        value = features[j - 1] * scale
        low, high = (float(x) for x in torch.aminmax(value))
        elevated[j], bounds[j] = total - value * j, (least - j * high, most - j * low)
        total = total + value
        least, most = least + low, most + high
    elevated[0], bounds[0] = total, (least, most)
    return elevated, bounds[:d]


def _barycentric(rest: list[Tensor]) -> Tensor:
    """Weights in the order of the simplex's gaps: slot m is the gap after the m-th largest rest.

    Around the circle of the D sorted rests the gaps sum to D, and each belongs to one vertex; which
    one is in the tables. Moving a point into the plane only turns the circle.
    """
    size = len(rest)
    ordered = list(rest)
    for i, j in _NETWORKS[size]:
        low, high = torch.minimum(ordered[i], ordered[j]), torch.maximum(ordered[i], ordered[j])
        ordered[i], ordered[j] = high, low
    weights = ordered[0].new_empty(len(ordered[0]), size)
    for slot in range(size - 1):
        weights[:, slot] = ordered[slot] - ordered[slot + 1]
    weights[:, -1] = ordered[-1] - ordered[0] + size
    return weights.mul_(1 / size)


@functools.lru_cache(maxsize=8)
def _permutation_tables(d: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """What depends on the order of a point's rests and on its excess alone.

    Returns:
        tuple[Tensor, Tensor]: int32 (codes,), the row of a code; float64 (rows x D, D), for each
        row and slot the factors of the d coordinate strides and of the class stride.
    """
    size, half = d + 1, (d + 1) // 2
    pairs = list(itertools.combinations(range(size), 2))
    # ranks[i] is how many rests are larger than the i-th; ties go to the lower index.
    ranks = np.array(list(itertools.permutations(range(size))))
    codes = sum((ranks[:, i] > ranks[:, j]).astype(np.int64) << b for b, (i, j) in enumerate(pairs))
    lookup = np.zeros((2 * half + 1) << len(pairs), np.int32)
    patterns = np.empty((2 * half + 1, len(ranks), size, size))
    for excess in range(-half, half + 1):
        lookup[((excess + half) << len(pairs)) + codes] = (excess + half) * len(ranks) + np.arange(
            len(ranks)
        )
        # Back into the plane: the coordinates at the end of the order move to its other end.
        turned = ranks + excess
        move = (turned < 0).astype(int) - (turned > d)
        turned = turned + size * move
        for slot in range(size):
            label = (d - slot - excess) % size  # class of the vertex
            factors = move - (turned > d - label)
            factors[:, d] = label  # in place of the last coordinate, which has no stride
            patterns[excess + half, :, slot] = factors
    patterns = torch.from_numpy(patterns.reshape(-1, size))
    return torch.from_numpy(lookup).to(device), patterns.to(device)
