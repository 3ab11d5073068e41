"""Affinities of neighbouring pixels by the class boundaries between them.

Source: Ahn, Cho and Kwak, "Weakly Supervised Learning of Instance Segmentation with Inter-pixel
Relations", CVPR 2019 (IRN). B images, boundary maps (h, w), O offsets to neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .neighbours import beside, neighbour_offsets


def segment_pixels(offset: tuple[int, int]) -> list[tuple[int, int]]:
    """List the pixels that the straight line between two neighbours passes, both included.

    They are those nearer than 1 to the line: a boundary one pixel wide has no gap on any of them,
    whatever its direction.

    Args:
        offset (tuple[int, int]): (dy, dx) from one to the other, see
            :func:`~mmseg_wsss.seeds.neighbours.neighbour_offsets`.

    Returns:
        list[tuple[int, int]]: (y, x) from the first one, row by row.

    Examples:
        >>> segment_pixels((0, 3))
        [(0, 0), (0, 1), (0, 2), (0, 3)]
        >>> segment_pixels((1, 1))
        [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    dy, dx = offset
    return [
        (y, x)
        for y in range(dy + 1)
        for x in range(min(0, dx), max(0, dx) + 1)
        if (dy * x - dx * y) ** 2 < dy * dy + dx * dx
    ]


def boundary_affinity(boundaries: Tensor, radius: float) -> list[Tensor]:
    """Affinity 1 - max B of neighbouring pixels, over the line between them (IRN, equation 5).

    Args:
        boundaries (Tensor): (B, 1, h, w) floating point in [0, 1], 1 where classes meet.
        radius (float): See :func:`~mmseg_wsss.seeds.neighbours.neighbour_offsets`.

    Returns:
        list[Tensor]: O tensors (B, h - dy, w - |dx|) in [0, 1], one per offset, for the pixels that
        have such a neighbour; empty where the map is smaller than the offset.

    Raises:
        ValueError: If the maps have another shape.

    Examples:
        >>> boundaries = torch.tensor([[[[0.0, 0.0, 0.75, 0.0]]]])
        >>> one, two = boundary_affinity(boundaries, 2.1)[:2]
        >>> one, two
        (tensor([[[1.0000, 0.2500, 0.2500]]]), tensor([[[0.2500, 0.2500]]]))
    """
    if boundaries.ndim != 4 or boundaries.shape[1] != 1:
        raise ValueError(f'boundaries {tuple(boundaries.shape)}: expected (B, 1, h, w).')
    return [
        1 - torch.stack([beside(boundaries[:, 0], offset, place) for place in passed]).amax(dim=0)
        for offset in neighbour_offsets(radius)
        for passed in [segment_pixels(offset)]
    ]
