"""Pixel-adaptive mask refinement: each pixel takes the mean of like neighbours, several times.

Source: Araslanov and Roth, "Single-Stage Semantic Segmentation from Image Labels", CVPR 2020,
section 3.3. Nothing is learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

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
    images = images.float()
    neighbours = torch.stack([*_neighbours(images, dilations)], dim=2)  # (B, 3, N, H, W)
    deviation = neighbours.std(dim=2, keepdim=True)
    weights = -(neighbours - images.unsqueeze(2)).abs() / (_EPSILON + 0.1 * deviation)
    weights = weights.mean(dim=1).softmax(dim=1)  # (B, N, H, W)
    del neighbours, deviation
    for _ in range(iterations):
        total = torch.zeros_like(scores)
        for number, shifted in enumerate(_neighbours(scores, dilations)):
            total.addcmul_(shifted, weights[:, number : number + 1])
        scores = total
    return scores


def _neighbours(values: Tensor, dilations: Sequence[int]) -> Iterator[Tensor]:
    """Views (B, C, H, W) of the eight neighbours at each distance."""
    height, width = values.shape[-2:]
    reach = max(dilations)
    padded = F.pad(values, (reach,) * 4, mode='replicate')
    for dilation in dilations:
        for dy in (-dilation, 0, dilation):
            for dx in (-dilation, 0, dilation):
                if dy or dx:
                    top, left = reach + dy, reach + dx
                    yield padded[..., top : top + height, left : left + width]
