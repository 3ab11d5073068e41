"""Affinities of neighbouring pixels: how they are learned, and the random walk over them.

Source: Ahn and Kwak, "Learning Pixel-level Semantic Affinity with Image-level Supervision for
Weakly Supervised Semantic Segmentation", CVPR 2018 (PSA). B images, C channels of a feature map
(h, w), O offsets to neighbours, M maps. What the affinity of a pair is, a :data:`PairAffinity`
says: :func:`pair_affinity` or :func:`mmseg_wsss.seeds.boundary.boundary_affinity`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import comb
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from .codec import IGNORE_INDEX
from .precision import at_least_float32
from .sparse import csr_matrix

# From a feature map (B, C, h, w) and a radius to the affinities of neighbours: one tensor
# (B, h - dy, w - |dx|) in [0, 1] for each of neighbour_offsets(radius).
PairAffinity: TypeAlias = Callable[[Tensor, float], list[Tensor]]

# PSA's: keeps the logarithms of affinities of 0 and 1 finite.
_LEAST = 1e-5
# What a sum of Chebyshev polynomials may leave out of a walk, as a share of its largest value.
_TAIL = 1e-6


def neighbour_offsets(radius: float) -> list[tuple[int, int]]:
    """List the neighbours nearer than ``radius``, each pair of pixels once.

    Args:
        radius (float): Pixels of the feature map; above 1.

    Returns:
        list[tuple[int, int]]: (dy, dx) with dy > 0, or dy = 0 and dx > 0.

    Raises:
        ValueError: If the radius leaves no neighbour.

    Examples:
        >>> neighbour_offsets(1.5)
        [(0, 1), (1, -1), (1, 0), (1, 1)]
        >>> len(neighbour_offsets(5))  # PSA's
        34
    """
    if not radius > 1:
        raise ValueError(f'radius must be above 1 pixel of the feature map, got {radius}.')
    reach = int(radius)
    return [
        (dy, dx)
        for dy in range(reach + 1)
        for dx in range(-reach, reach + 1)
        if (dy > 0 or dx > 0) and dy * dy + dx * dx < radius * radius
    ]


def _pair(values: Tensor, offset: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Views (..., h', w') of all pixels that have a neighbour at an offset, and of these."""
    return beside(values, offset, (0, 0)), beside(values, offset, offset)


def beside(values: Tensor, offset: tuple[int, int], place: tuple[int, int]) -> Tensor:
    """View of what lies at ``place`` from all pixels that have a neighbour at ``offset``.

    Args:
        values (Tensor): (..., h, w).
        offset (tuple[int, int]): (dy, dx), one of :func:`neighbour_offsets`.
        place (tuple[int, int]): (y, x) between (0, 0) and the offset.

    Returns:
        Tensor: (..., h - dy, w - |dx|).

    Examples:
        >>> beside(torch.arange(4)[None], (0, 2), (0, 1))
        tensor([[1, 2]])
    """
    (dy, dx), (y, x) = offset, place
    height, width = values.shape[-2:]
    top, left = y, max(0, -dx) + x
    return values[..., top : top + max(0, height - dy), left : left + max(0, width - abs(dx))]


def pair_affinity(features: Tensor, radius: float) -> list[Tensor]:
    """Affinity exp(-mean |f_i - f_j|) of neighbouring pixels (PSA, equation 3).

    Args:
        features (Tensor): (B, C, h, w) floating point.
        radius (float): See :func:`neighbour_offsets`.

    Returns:
        list[Tensor]: O tensors (B, h - dy, w - |dx|) in (0, 1], one per offset, for the pixels that
        have such a neighbour; empty where the map is smaller than the offset.

    Examples:
        >>> features = torch.tensor([[[[0.0, 0.0, 1.0]]]])
        >>> pair_affinity(features, 1.5)[0]
        tensor([[[1.0000, 0.3679]]])
    """
    pairs = (_pair(features, offset) for offset in neighbour_offsets(radius))
    return [torch.exp(-(here - there).abs().mean(dim=1)) for here, there in pairs]


def affinity_loss(
    features: Tensor,
    labels: Tensor,
    radius: float,
    ignore_index: int = IGNORE_INDEX,
    affinity: PairAffinity = pair_affinity,
) -> dict[str, Tensor]:
    """Loss that makes pixels of one label alike and pixels of two labels unlike.

    1/4 of the mean -log(a) over pairs of background pixels, 1/4 over pairs of one foreground
    class, 1/2 of the mean -log(1 - a) over pairs of two labels; each mean within an image (PSA,
    equations 4 to 8). A kind of pairs that an image lacks adds 0.

    Args:
        features (Tensor): (B, C, h, w) floating point; half precision is computed in float32.
        labels (Tensor): (B, h, w) integers: 0 the background, ``ignore_index`` not known.
        radius (float): See :func:`neighbour_offsets`.
        ignore_index (int): Pairs with it do not count.
        affinity (PairAffinity): Affinities of the pairs.

    Returns:
        dict[str, Tensor]: The three weighted terms ``loss_background``, ``loss_foreground`` and
        ``loss_negative``, scalars; the loss is their sum.

    Raises:
        ValueError: If the shapes differ.

    Examples:
        >>> features = torch.tensor([[[[0.0, 0.0, 1.0]]]])
        >>> labels = torch.tensor([[[0, 0, 2]]])
        >>> terms = affinity_loss(features, labels, 1.5)
        >>> round(float(terms['loss_negative']), 3)  # -log(1 - exp(-1)) / 2
        0.229
    """
    if features.ndim != 4 or labels.shape != (len(features), *features.shape[-2:]):
        raise ValueError(
            f'labels {tuple(labels.shape)} do not fit the features {tuple(features.shape)}; '
            'expected (B, h, w) and (B, C, h, w).'
        )
    features = at_least_float32(features)  # half cannot tell 1 - a from 0, nor count pairs
    sums = features.new_zeros(3, len(features))
    counts = features.new_zeros(3, len(features))
    offsets = neighbour_offsets(radius)
    for offset, likeness in zip(offsets, affinity(features, radius), strict=True):
        here, there = _pair(labels, offset)
        known = (here != ignore_index) & (there != ignore_index)
        same = known & (here == there)
        kinds = torch.stack([same & (here == 0), same & (here != 0), known & (here != there)])
        alike, unlike = -torch.log(likeness + _LEAST), -torch.log(1 + _LEAST - likeness)
        sums = sums + (torch.stack([alike, alike, unlike]) * kinds).sum(dim=(-2, -1))
        counts = counts + kinds.sum(dim=(-2, -1))
    terms = (sums / counts.clamp_min(1)).mean(dim=1) * sums.new_tensor([0.25, 0.25, 0.5])
    names = ('loss_background', 'loss_foreground', 'loss_negative')
    return dict(zip(names, terms.unbind(), strict=True))


@torch.no_grad()
def transition_matrix(
    features: Tensor, radius: float, exponent: float, affinity: PairAffinity = pair_affinity
) -> Tensor:
    """Transition matrix of the random walk: rows of a^exponent, own weight 1, normalised.

    Args:
        features (Tensor): (B, C, h, w); images do not mix.
        radius (float): See :func:`neighbour_offsets`.
        exponent (float): Power of the affinities, PSA's beta; above 0.
        affinity (PairAffinity): Affinities of the pairs.

    Returns:
        Tensor: Sparse CSR (B h w, B h w) float32 on the device of the features; rows sum to 1.

    Raises:
        ValueError: If the exponent is not above 0.
    """
    if not exponent > 0:
        raise ValueError(f'exponent must be above 0, got {exponent}.')
    batch, _, height, width = features.shape
    crow, columns, source = _structure(batch, height, width, radius, features.device)
    pairs = [likeness.flatten() for likeness in affinity(features.float(), radius)]
    one = features.new_ones(1, dtype=torch.float32)
    weights = torch.cat([one, *pairs]).pow_(exponent)[source]
    row_lengths = crow.diff()
    sums = torch.segment_reduce(weights, 'sum', lengths=row_lengths)
    weights = weights / sums.repeat_interleave(row_lengths)
    return csr_matrix(crow, columns, weights)


@lru_cache(maxsize=8)  # photographs come in few sizes
def _structure(
    batch: int, height: int, width: int, radius: float, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Row pointers and columns of the matrix, and where each weight stands among the pairs.

    The weights are numbered as ``torch.cat([one, *pairs])``: 0 is a pixel's own.
    """
    pixels = torch.arange(batch * height * width).view(batch, height, width)
    rows, columns, source = (
        [pixels.flatten()],
        [pixels.flatten()],
        [torch.zeros_like(pixels).flatten()],
    )
    first = 1
    for offset in neighbour_offsets(radius):
        here, there = (part.flatten() for part in _pair(pixels, offset))
        numbers = torch.arange(first, first + len(here))
        first += len(here)
        rows += [here, there]
        columns += [there, here]
        source += [numbers, numbers]
    order = torch.argsort(torch.cat(rows) * pixels.numel() + torch.cat(columns))
    lengths = torch.bincount(torch.cat(rows), minlength=pixels.numel())
    crow = F.pad(lengths.cumsum(0), (1, 0))
    parts = (crow, torch.cat(columns)[order], torch.cat(source)[order])
    return tuple(part.to(device) for part in parts)


def walk_steps(steps: int) -> list[int]:
    """The numbers of steps that the guard against flooding chooses among, the longest first.

    Examples:
        >>> walk_steps(256)
        [256, 128, 64, 32, 16, 8, 4, 2, 1, 0]
        >>> walk_steps(6)
        [6, 3, 1, 0]
    """
    return [steps, *walk_steps(steps // 2)] if steps else [0]


@torch.no_grad()
def random_walk(transition: Tensor, maps: Tensor, steps: int) -> dict[int, Tensor]:
    """Walks of several lengths, by one sum of Chebyshev polynomials.

    T^n x is a sum of the Chebyshev polynomials of T with the coefficients
    2^(1 - n) C(n, (n - k) / 2) of those degrees k that have the parity of n (half of it for k = 0).
    The eigenvalues of T are in [-1, 1] and the coefficients fall off beyond a few times sqrt(n):
    256 steps take 78 products instead of 256, and the shorter walks take the same products.

    Args:
        transition (Tensor): Sparse (N, N), see :func:`transition_matrix`.
        maps (Tensor): (N, M) float32, where the walk begins.
        steps (int): n, at least 0.

    Returns:
        dict[int, Tensor]: (N, M) by number of steps, see :func:`walk_steps`; within 1e-5 of the
        plain walk, relative to the largest value.

    Raises:
        ValueError: If ``steps`` is negative.
    """
    if steps < 0:
        raise ValueError(f'steps must be at least 0, got {steps}.')
    lengths = walk_steps(steps)
    coefficients = {length: _chebyshev_coefficients(length) for length in lengths}
    results = {length: maps * coefficients[length][0] for length in lengths}
    before, now = maps, maps
    for degree in range(1, len(coefficients[steps])):
        product = transition @ now
        before, now = now, product if degree == 1 else 2 * product - before
        for length in lengths:
            row = coefficients[length]
            if degree < len(row) and row[degree]:
                results[length].add_(now, alpha=row[degree])
    return results


@lru_cache(maxsize=64)
def _chebyshev_coefficients(steps: int) -> list[float]:
    row = [
        (1 if degree == 0 else 2) * comb(steps, (steps - degree) // 2) / 2**steps
        if (steps - degree) % 2 == 0
        else 0.0
        for degree in range(steps + 1)
    ]
    tail = 0.0
    while len(row) > 1 and tail + row[-1] <= _TAIL:
        tail += row.pop()
    return row


@torch.no_grad()
def affinity_walk(
    features: Tensor,
    maps: Tensor,
    radius: float = 5,
    exponent: float = 10,
    steps: int = 256,
    most_foreground: float = 0.9,
    affinity: PairAffinity = pair_affinity,
) -> Tensor:
    """Spread activation maps over the pixels of like features.

    The maps are brought to the resolution of the features (area), walked, brought back (bilinear)
    and divided by their maxima. A long walk over diffuse maps floods an image: where the share of
    pixels at which some map is above 0.5 exceeds ``most_foreground``, the walk of half the length
    is taken instead, and so on down to 0 steps (the guard is this project's, a reading).

    Args:
        features (Tensor): (B, C, h, w) of B images.
        maps (Tensor): (B, S, P, H, W) float32 in [0, 1].
        radius (float): Pixels of the feature map within which neighbours count.
        exponent (float): Power of the affinities.
        steps (int): Length of the walk, at least 0; with 0 the maps stay as they are.
        most_foreground (float): In (0, 1]; 1 is no guard.
        affinity (PairAffinity): Affinities of the pairs.

    Returns:
        Tensor: As ``maps``.

    Raises:
        ValueError: If an argument is out of its range.
    """
    if not 0 < most_foreground <= 1:
        raise ValueError(f'most_foreground must be in (0, 1], got {most_foreground}.')
    if steps == 0 or not maps.numel():
        return maps
    batch, seeds, classes, height, width = maps.shape
    size = features.shape[-2:]
    coarse = F.interpolate(maps.flatten(1, 2), size, mode='area')
    transition = transition_matrix(features, radius, exponent, affinity)
    walks = random_walk(transition, coarse.movedim(1, -1).reshape(-1, seeds * classes), steps)
    result = torch.empty_like(maps)
    left = maps.new_ones((batch, seeds), dtype=torch.bool)
    for length in walk_steps(steps):
        if length == 0:
            walked = maps
        else:
            walked = walks[length].view(batch, *size, seeds, classes).permute(0, 3, 4, 1, 2)
            walked = _enlarged(walked, (height, width))
        flooded = (walked.amax(dim=2) > 0.5).float().mean(dim=(-2, -1)) > most_foreground
        taken = left if length == 0 else left & ~flooded
        result[taken] = walked[taken]
        left = left & ~taken
        if not bool(left.any()):
            break
    return result


def _enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    large = F.interpolate(maps.flatten(1, 2), size, mode='bilinear', align_corners=False)
    large = large.unflatten(1, maps.shape[1:3]).clamp_min(0)
    return large / large.amax(dim=(-2, -1), keepdim=True).clamp_min(torch.finfo(large.dtype).tiny)
