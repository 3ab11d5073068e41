"""Gaussian filtering of many channels on a permutohedral lattice, in plain torch operations."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

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


# Keys and positions are sorted as one int64 if they fit.
_SORT_BITS = 62


class PermutohedralLattice:
    """A normalised Gaussian kernel between all pairs of points, as splat, blur and slice.

    ``filter(x)[i] = scale n_i sum_j k(i, j) n_j x[j]`` with n = 1 / sqrt(sum_j k(i, j) + 1e-20),
    pydensecrf's symmetric normalisation, the point itself included. k is the lattice's
    approximation of exp(-|f_i - f_j|^2 / 2). The lattice depends on the features only; any number
    of channels goes through it together.

    All three steps are sums of weighted rows, done by :func:`embedding_bag`: rows of the vertices'
    table by vertex (splat, blur) or by point (slice). The normalisation is part of the weights.

    Args:
        features (Tensor): float32 (B, d, N), d = 2 or 5: B sets of N points, each with a lattice
            of its own.
        scale (float): Weight of the kernel.

    Raises:
        ValueError: If the features spread too far for the keys of the vertices.
    """

    def __init__(self, features: Tensor, scale: float) -> None:
        batch, d, num_points = features.shape
        device = features.device
        self.num_points = batch * num_points
        groups = torch.arange(batch, device=device).repeat_interleave(num_points)
        points = features.transpose(0, 1).reshape(d, -1)
        if num_points % 4:
            # pydensecrf works on four points at a time and fills up with points at the origin:
            # they have no weight, but their vertices pass on what others blur into them.
            points = torch.cat([points, points.new_zeros(d, batch)], dim=1)
            groups = torch.cat([groups, torch.arange(batch, device=device)])
        simplices = enclosing_simplices(points, groups, batch)
        vertex_keys = self._connect_points(simplices)
        self._connect_vertices(vertex_keys, simplices)
        self._normalise(d, scale)

    def filter(self, values: Tensor) -> Tensor:
        """Filter channels.

        Args:
            values (Tensor): float32 (B N, C), contiguous.

        Returns:
            Tensor: float32 (B N, C).
        """
        return self.slice(self.gather(values), 0, self.num_points)

    def gather(self, values: Tensor) -> Tensor:
        """Splat and blur: from values of the points (B N, C) to values of the vertices."""
        table = _weighted_sums(values, self._splat_points, self._splat_offsets, self._splat_weights)
        for neighbours in self._neighbours:
            table = _weighted_sums(table, neighbours, self._blur_offsets, self._blur_weights)
        return table

    def slice(self, table: Tensor, start: int, stop: int) -> Tensor:
        """From values of the vertices to values of the points from ``start`` to ``stop``."""
        return _weighted_sums(
            table,
            self._slice_vertices[start:stop].view(-1),
            self._slice_offsets[: stop - start + 1],
            self._slice_weights[start:stop].view(-1),
        )

    @functools.cached_property
    def largest_sum(self) -> float:
        """The largest value that filtering values from -1 to 1 may give."""
        ones = self._splat_weights.new_ones(self.num_points, 1)
        return float(self.filter(ones).max())

    def _connect_points(self, simplices: Simplices) -> Tensor:
        """Number the vertices in the order of their keys; find their points. Returns the keys."""
        count, size = simplices.keys.shape
        shift = (size - 1).bit_length()
        entry_bits = (count - 1).bit_length() + shift
        keys, entries = _sort_entries(simplices.keys, shift, entry_bits, simplices.num_keys)
        first = torch.ones(len(keys), dtype=torch.bool, device=keys.device)
        torch.ne(keys[1:], keys[:-1], out=first[1:])
        starts = first.nonzero().view(-1)
        vertices = first.cumsum(0, dtype=torch.int32).sub_(1)
        # One more row at the end of the vertices' table, with no points: the missing neighbour.
        end = starts.new_tensor([len(keys), len(keys)])
        self._splat_offsets = torch.cat([starts, end]).int()
        points = entries >> shift
        entries -= points * ((1 << shift) - size)
        self._splat_weights = simplices.weights.view(-1).index_select(0, entries)
        self._slice_vertices = torch.empty_like(vertices).scatter_(0, entries, vertices)
        if count > self.num_points:
            filling = points >= self.num_points
            points.masked_fill_(filling, 0)
            self._splat_weights.masked_fill_(filling, 0)
        self._splat_points = points.int()
        self._slice_vertices = self._slice_vertices.view(count, size)[: self.num_points]
        self._slice_weights = simplices.weights[: self.num_points]
        self._slice_offsets = _even_offsets(self.num_points, size, keys.device)
        return keys.index_select(0, starts)

    def _connect_vertices(self, keys: Tensor, simplices: Simplices) -> None:
        """For each direction of the lattice, find each vertex's two neighbours."""
        count, device = len(keys), keys.device
        rows = torch.arange(count, dtype=torch.int32, device=device)
        strides = (*simplices.coordinate_strides, 0)
        lowest_class = keys.remainder(simplices.group_stride) < simplices.class_stride
        self._neighbours = []
        for stride in strides:
            # One step back: class r - 1, the direction's own coordinate q grows by 1. From class 0
            # on to class d: all the other ones shrink by 1.
            step = stride - simplices.class_stride
            wrapped = stride - sum(strides) + (len(strides) - 1) * simplices.class_stride
            wanted = (lowest_class * (wrapped - step)).add_(keys).add_(step)
            found = _search(keys, wanted).clamp_(max=count - 1)
            found = torch.where(keys.index_select(0, found) == wanted, found, count)
            neighbours = torch.full((count + 1, 3), count, dtype=torch.int32, device=device)
            neighbours[:-1, 0] = rows
            neighbours[:-1, 1] = found
            forward = torch.full((count + 1,), count, dtype=torch.int32, device=device)
            # All misses write to the last row, which has no neighbours.
            neighbours[:-1, 2] = forward.scatter_(0, found, rows)[:-1]
            self._neighbours.append(neighbours.view(-1))
        self._blur_weights = torch.tensor([1, 0.5, 0.5], device=device).repeat(count + 1)
        self._blur_offsets = _even_offsets(count + 1, 3, device)

    def _normalise(self, d: int, scale: float) -> None:
        """Put the normalisation, the kernel's and the lattice's constant into the weights."""
        constant = 1 / (1 + 2.0**-d)
        ones = self._splat_weights.new_ones(self.num_points, 1)
        norm = self.filter(ones)[:, 0].mul_(constant).add_(1e-20).rsqrt_()
        self._splat_weights *= norm.index_select(0, self._splat_points)
        self._slice_weights *= norm.mul_(constant * scale)[:, None]


def _weighted_sums(table: Tensor, rows: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """Sum ``weights * table[rows]`` from each offset to the next one."""
    return embedding_bag(
        rows, table, offsets, mode='sum', per_sample_weights=weights, include_last_offset=True
    )


def _even_offsets(count: int, size: int, device: torch.device) -> Tensor:
    return torch.arange(0, count * size + 1, size, dtype=torch.int32, device=device)


def _sort_entries(
    keys: Tensor, shift: int, entry_bits: int, num_keys: int
) -> tuple[Tensor, Tensor]:
    """Sort the keys (P, D), in place; return them and where each was: ``point << shift | slot``."""
    count, size = keys.shape
    if (num_keys - 1).bit_length() + entry_bits > _SORT_BITS:
        ordered, order = keys.view(-1).sort(stable=True)
        points = order.div(size, rounding_mode='floor')
        return ordered, (points << shift).bitwise_or_(order - points * size)
    keys.bitwise_left_shift_(entry_bits)
    keys.bitwise_or_((torch.arange(count, device=keys.device) << shift)[:, None])
    packed = keys.bitwise_or_(torch.arange(size, device=keys.device)).view(-1)
    if packed.device.type == 'cpu':
        packed.numpy().sort()  # vectorised, three times as fast as torch's
    else:
        packed = packed.sort().values
    return packed >> entry_bits, packed.bitwise_and_((1 << entry_bits) - 1)


def _search(ordered: Tensor, wanted: Tensor) -> Tensor:
    """Positions of the first elements of an ascending vector that are not smaller."""
    if ordered.device.type == 'cpu':
        # Faster than torch's where the values wanted ascend as well.
        return torch.from_numpy(ordered.numpy().searchsorted(wanted.numpy()))
    return torch.searchsorted(ordered, wanted)
