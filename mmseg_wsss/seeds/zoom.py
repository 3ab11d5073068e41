"""Windows that show small objects larger.

H, W: sides of activation maps. A window is (top, bottom, left, right) in their pixels, the ends
excluded. This project's own, a reading of what activation maps lack: those of an object of 5 % of a
photograph cover 20 % of it.
"""

from __future__ import annotations

from math import ceil, floor, sqrt

import torch.nn.functional as F
from torch import Tensor

Window = tuple[int, int, int, int]


def find_window(
    activation: Tensor, level: float = 0.3, margin: float = 0.15, largest: float = 0.7
) -> Window | None:
    """Find the window around what a class activates.

    Args:
        activation (Tensor): (H, W) floating point in [0, 1].
        level (float): What exceeds it counts, in [0, 1).
        margin (float): What the window has besides on each side, as a share of the active height or
            width; at least 0.
        largest (float): Windows of a larger share of the pixels are none, in (0, 1].

    Returns:
        tuple | None: (top, bottom, left, right), within the map; None if nothing is active, or too
        much of the map for a window.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> activation = torch.zeros(40, 60)
        >>> activation[20:24, 30:36] = 1
        >>> find_window(activation, margin=0.5)
        (18, 26, 27, 39)
        >>> find_window(torch.ones(40, 60)) is None
        True
    """
    if not 0 <= level < 1:
        raise ValueError(f'level must be in [0, 1), got {level!r}.')
    if not margin >= 0:
        raise ValueError(f'margin must be at least 0, got {margin!r}.')
    if not 0 < largest <= 1:
        raise ValueError(f'largest must be in (0, 1], got {largest!r}.')
    active = activation > level
    window: list[int] = []
    for dim, side in ((1, active.shape[0]), (0, active.shape[1])):
        places = active.any(dim=dim).nonzero().flatten().tolist()
        if not places:
            return None
        more = margin * (places[-1] + 1 - places[0])
        window += [max(0, floor(places[0] - more)), min(side, ceil(places[-1] + 1 + more))]
    top, bottom, left, right = window
    if (bottom - top) * (right - left) > largest * active.numel():
        return None
    return top, bottom, left, right


def enlarged_size(height: int, width: int, pixels: int, most: float) -> tuple[int, int]:
    """Size at which a window has as many pixels as the photograph, its aspect kept.

    Args:
        height (int): Of the window, at least 1.
        width (int): Of the window, at least 1.
        pixels (int): Of the photograph.
        most (float): The sides become at most so many times as long; at least 1.

    Returns:
        tuple[int, int]: Height and width, at least 32 each: what networks need.

    Raises:
        ValueError: If ``most`` is below 1.

    Examples:
        >>> enlarged_size(100, 50, 40_000, 3)
        (283, 141)
        >>> enlarged_size(100, 5, 40_000, 3)
        (300, 32)
    """
    if not most >= 1:
        raise ValueError(f'most must be at least 1, got {most!r}.')
    factor = min(most, sqrt(pixels / (height * width)))
    return max(32, round(factor * height)), max(32, round(factor * width))


def paste_window(shape: tuple[int, int], window: Window, content: Tensor) -> Tensor:
    """Put maps of a window where it was; 0 outside of it.

    Args:
        shape (tuple[int, int]): H, W.
        window (tuple): Of :func:`find_window`.
        content (Tensor): (..., h, w) floating point, the maps of the enlarged window.

    Returns:
        Tensor: (..., H, W).

    Examples:
        >>> paste_window((2, 3), (0, 1, 1, 3), torch.ones(4, 8))
        tensor([[0., 1., 1.],
                [0., 0., 0.]])
    """
    top, bottom, left, right = window
    flat = content.reshape(-1, 1, *content.shape[-2:])
    size = (bottom - top, right - left)
    shrunk = F.interpolate(flat, size, mode='area')
    result = content.new_zeros(*content.shape[:-2], *shape)
    result[..., top:bottom, left:right] = shrunk.view(*content.shape[:-2], *size)
    return result
