"""Reads and writes single pixels of maps in any memory layout."""

from __future__ import annotations

import torch
from torch import Tensor


def flat(maps: Tensor) -> Tensor:
    """A tensor's memory from its first to its last element, as one dimension."""
    span = sum((n - 1) * s for n, s in zip(maps.shape, maps.stride(), strict=True)) + 1
    return maps.as_strided((span,), (1,))


def offsets(maps: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Where the K entries of pixels lie in :func:`flat`.

    Gathering by one index is several times faster than ``maps[:, row, column]``.

    Args:
        maps: (K, H, W), any strides.
        row: (m,) int64.
        column: (m,) int64.

    Returns:
        Tensor: (K m,) int64, class by class.

    Examples:
        >>> maps = torch.arange(24).view(2, 3, 4)
        >>> flat(maps)[offsets(maps, torch.tensor([0, 2]), torch.tensor([1, 3]))].view(2, 2)
        tensor([[ 1, 11],
                [13, 23]])
    """
    per_class, per_row, per_column = maps.stride()
    classes = torch.arange(len(maps), device=maps.device)[:, None] * per_class
    return (classes + row * per_row + column * per_column).flatten()
