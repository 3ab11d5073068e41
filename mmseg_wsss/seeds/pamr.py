"""Pixel-adaptive mask refinement: each pixel takes the mean of like neighbours, several times.

Source: Araslanov and Roth, "Single-Stage Semantic Segmentation from Image Labels", CVPR 2020,
section 3.3. Nothing is learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .sparse import csr_matrix

# Keeps the quotient finite where all neighbours have one colour (authors' code).
_EPSILON = 1e-8


def pamr(
    images: Tensor,
    scores: Tensor,
    iterations: int = 10,
    dilations: Sequence[int] = (1, 2, 4, 8, 12, 24),
) -> Tensor:
    """Refine scores by the colours of the image.

    The weight of a neighbour is the softmax over all neighbours of -|difference in colour| / (0.1 x
    deviation of the neighbours' colours), averaged over the colour channels before the softmax.

    Args:
        images (Tensor): (B, 3, H, W), any range.
        scores (Tensor): (B, M, H, W) float32.
        iterations (int): At least 0.
        dilations (Sequence[int]): Distances of the eight neighbours, in pixels; beyond the border
            the nearest pixel counts.

    Returns:
        Tensor: (B, M, H, W), values within the range of ``scores``.

    Raises:
        ValueError: If ``iterations`` is negative or a dilation below 1.

    Examples:
        >>> image = torch.tensor([0.0, 0.0, 255.0, 255.0]).expand(1, 3, 1, 4)
        >>> scores = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]])
        >>> refined = pamr(image, scores, 50, [1]).flatten()  # 8/13 on the first colour
        >>> [round(value, 3) for value in refined.tolist()]
        [0.615, 0.615, 0.0, 0.0]
    """
    if iterations < 0 or not dilations or min(dilations) < 1:
        raise ValueError(
            f'iterations={iterations} must be at least 0 and dilations={tuple(dilations)} at least '
            '1 each.'
        )
    if iterations == 0:
        return scores
    refined = [
        _refine(image.float(), one, iterations, dilations)
        for image, one in zip(images, scores, strict=True)
    ]
    return torch.stack(refined)


def _refine(image: Tensor, scores: Tensor, iterations: int, dilations: Sequence[int]) -> Tensor:
    """(3, H, W), (M, H, W) to (M, H, W)."""
    weights = torch.stack([*_neighbours(image, dilations)], dim=1)  # (3, N, H, W)
    deviation = weights.std(dim=1, keepdim=True)
    weights = weights.sub_(image.unsqueeze(1)).abs_().div_(_EPSILON + 0.1 * deviation)
    weights = weights.mean(dim=0).neg_().softmax(dim=0).flatten(1)  # (N, H W)
    # A product with a sparse matrix, which reads the scores of a pixel at once.
    number, pixels = weights.shape
    crow = torch.arange(0, pixels * number + 1, number, dtype=torch.int32)
    columns = _columns(*scores.shape[-2:], tuple(dilations))
    device = weights.device
    matrix = csr_matrix(crow.to(device), columns.to(device), weights.T.flatten())
    refined = scores.flatten(1).T.contiguous()
    for _ in range(iterations):
        refined = matrix @ refined
    return refined.T.reshape(scores.shape)


@lru_cache(maxsize=2)  # photographs come in few sizes
def _columns(height: int, width: int, dilations: tuple[int, ...]) -> Tensor:
    """Number of each neighbour of each pixel, (H W N,) int32."""
    pixels = torch.arange(height * width, dtype=torch.float64).view(1, height, width)
    neighbours = torch.cat([*_neighbours(pixels, dilations)])
    return neighbours.flatten(1).T.to(torch.int32).flatten()


def _neighbours(values: Tensor, dilations: Sequence[int]) -> Iterator[Tensor]:
    """Views (C, H, W) of the eight neighbours at each distance."""
    height, width = values.shape[-2:]
    reach = max(dilations)
    padded = F.pad(values[None], (reach,) * 4, mode='replicate')[0]
    for dilation in dilations:
        for dy in (-dilation, 0, dilation):
            for dx in (-dilation, 0, dilation):
                if dy or dx:
                    top, left = reach + dy, reach + dx
                    yield padded[..., top : top + height, left : left + width]
