"""Bilinear interpolation, one direction at a time."""

from __future__ import annotations

import torch
from torch import Tensor


def interpolation_nodes(
    source: int, target: int, align_corners: bool, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Where linear interpolation reads, in the arithmetic of ``F.interpolate`` with a given size.

    Args:
        source: Number of samples.
        target: Number of interpolated samples.
        align_corners: As in ``F.interpolate``.
        dtype: Floating point type of the weights.
        device: Device of the results.

    Returns:
        tuple: Lower sample (target,) int64 and weight of the next one (target,), in [0, 1].

    Examples:
        >>> lower, weight = interpolation_nodes(2, 4, False, torch.float32, torch.device('cpu'))
        >>> lower.tolist(), weight.tolist()
        ([0, 0, 0, 1], [0.0, 0.25, 0.75, 0.25])
    """
    position = torch.arange(target, dtype=dtype, device=device)
    if align_corners:
        position *= (source - 1) / (target - 1) if target > 1 else 0.0
    else:
        position = ((position + 0.5) * (source / target) - 0.5).clamp_(min=0)
    lower = position.long().clamp_(max=source - 1)
    return lower, (position - lower).clamp_(0, 1)


def interpolation_matrix(lower: Tensor, weight: Tensor, source: int) -> tuple[Tensor, slice]:
    """The interpolation of a range of targets as a matrix over the samples that it reads.

    Args:
        lower: Lower sample of each target (R,) int64, ascending.
        weight: Weight of the next sample (R,).
        source: Number of samples.

    Returns:
        tuple: Matrix (R, n) and the range of the n samples.

    Examples:
        >>> matrix, samples = interpolation_matrix(
        ...     torch.tensor([2, 3]), torch.tensor([0.25, 0.0]), 4)
        >>> matrix.tolist(), samples
        ([[0.75, 0.25], [0.0, 1.0]], slice(2, 4, None))
    """
    first, last = int(lower[0]), min(int(lower[-1]) + 2, source)
    matrix = weight.new_zeros(len(lower), last - first)
    rows = torch.arange(len(lower), device=lower.device)
    matrix[rows, lower - first] = 1 - weight
    # At the last sample there is no next one and its weight is 0.
    matrix[rows, (lower + 1 - first).clamp_(max=last - first - 1)] += weight
    return matrix, slice(first, last)
