"""Pairs of neighbouring pixels of a feature map, and how alike their features are.

Source: Ahn and Kwak, "Learning Pixel-level Semantic Affinity with Image-level Supervision for
Weakly Supervised Semantic Segmentation", CVPR 2018 (PSA). B images, C channels of a feature map
(h, w), O offsets to neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# From a feature map (B, C, h, w) and a radius to the affinities of neighbours: one tensor
# (B, h - dy, w - |dx|) in [0, 1] for each of neighbour_offsets(radius).
PairAffinity: TypeAlias = Callable[[Tensor, float], list[Tensor]]

# Values of a block of features that stay in a core's cache while all neighbours are looked at.
_BLOCK = 2**17


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


def neighbour_pairs(values: Tensor, offset: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Views of all pixels that have a neighbour at an offset, and of these neighbours.

    Args:
        values (Tensor): (..., h, w).
        offset (tuple[int, int]): (dy, dx), one of :func:`neighbour_offsets`.

    Returns:
        tuple[Tensor, Tensor]: Two times (..., h - dy, w - |dx|).
    """
    return beside(values, offset, (0, 0)), beside(values, offset, offset)


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
    channels = features.shape[1]
    return [torch.exp(-sums / channels) for sums in _AbsoluteDifferences.apply(features, radius)]


class _AbsoluteDifferences(torch.autograd.Function):
    """Sums over the channels of |f_i - f_j|, (B, h - dy, w - |dx|) for each offset.

    Written out, the differences of all offsets would be kept for the gradient, O times the
    features. Here they are made again, and on a CPU in blocks that stay in the cache.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, radius: float) -> tuple[Tensor, ...]:
        features = features.contiguous()  # blocks of channels of channels-last maps are not
        ctx.save_for_backward(features)
        ctx.offsets = neighbour_offsets(radius)
        sums = [torch.zeros_like(beside(features[:, 0], offset, (0, 0))) for offset in ctx.offsets]
        for images, channels in _blocks(features):
            block = features[images, channels]
            for offset, total in zip(ctx.offsets, sums, strict=True):
                here, there = neighbour_pairs(block, offset)
                total[images] += (here - there).abs_().sum(dim=1)
        return tuple(sums)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        (features,) = ctx.saved_tensors
        gradient = torch.zeros_like(features)
        for images, channels in _blocks(features):
            block, result = features[images, channels], gradient[images, channels]
            for offset, slope in zip(ctx.offsets, slopes, strict=True):
                here, there = neighbour_pairs(block, offset)
                change = (here - there).sign_().mul_(slope[images].unsqueeze(1))
                of_here, of_there = neighbour_pairs(result, offset)
                of_here += change
                of_there -= change
        return gradient, None


def _blocks(features: Tensor) -> list[tuple[slice, slice]]:
    """Images and channels of each block; accelerators take all in one, with fewer launches."""
    batch, channels, height, width = features.shape
    if features.device.type != 'cpu':
        return [(slice(batch), slice(channels))]
    step = max(1, _BLOCK // max(1, height * width))
    return [
        (slice(image, image + 1), slice(first, first + step))
        for image in range(batch)
        for first in range(0, channels, step)
    ]
