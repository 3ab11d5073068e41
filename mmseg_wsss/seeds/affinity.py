"""Affinities of neighbouring pixels: how they are learned, and the random walk over them.

Source: Ahn and Kwak, "Learning Pixel-level Semantic Affinity with Image-level Supervision for
Weakly Supervised Semantic Segmentation", CVPR 2018 (PSA). B images, C channels of a feature map
(h, w), M maps. What the affinity of a pair is, a :data:`~mmseg_wsss.seeds.neighbours.PairAffinity`
says: :func:`~mmseg_wsss.seeds.neighbours.pair_affinity` or
:func:`mmseg_wsss.seeds.boundary.boundary_affinity`.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb

import torch
import torch.nn.functional as F
from torch import Tensor

from .codec import IGNORE_INDEX
from .neighbours import PairAffinity, neighbour_offsets, neighbour_pairs, pair_affinity
from .precision import at_least_float32
from .sparse import csr_matrix

# PSA's: keeps the logarithms of affinities of 0 and 1 finite.
_LEAST = 1e-5
# What a sum of Chebyshev polynomials may leave out of a walk, as a share of its largest value.
_TAIL = 1e-6


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
        radius (float): See :func:`~mmseg_wsss.seeds.neighbours.neighbour_offsets`.
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
        here, there = neighbour_pairs(labels, offset)
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
        radius (float): See :func:`~mmseg_wsss.seeds.neighbours.neighbour_offsets`.
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
        here, there = (part.flatten() for part in neighbour_pairs(pixels, offset))
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
