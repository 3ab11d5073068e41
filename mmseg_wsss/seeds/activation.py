"""Class-activation maps of many seeds from shared feature maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def activation_rows(class_weight: Tensor, present: Sequence[int], channels: Tensor) -> Tensor:
    """Rows of the class layer under the channel weights of several seeds.

    Args:
        class_weight (Tensor): (K-1, C), rows of the class layer.
        present (Sequence[int]): The P foreground indices (0 to K-2) of the image's tags.
        channels (Tensor): (..., S, C), one weight per seed and channel, see
            :func:`mmseg_wsss.seeds.dropout.draw_channel_weights`.

    Returns:
        Tensor: (..., S * P, C), seeds major.
    """
    rows = class_weight[list(present)]
    return (channels.unsqueeze(-2) * rows).flatten(-3, -2)


def view_activation(features: Tensor, rows: Tensor, mirrored: bool = True) -> Tensor:
    """Activation maps of one scale, the mirror image's added to the image's.

    All rows are multiplied with the feature map in one product. The mirrored map is turned back
    and added at the resolution of the features: resizing is linear and symmetric, so this equals
    resizing both and adding.

    Args:
        features (Tensor): (V, C, h, w), the feature maps of the image and, if ``mirrored``, of its
            mirror image: V is 2 or 1.
        rows (Tensor): (V, R, C), see :func:`activation_rows`.
        mirrored (bool): Whether the second feature map is that of the mirror image.

    Returns:
        Tensor: (R, h, w), before any ReLU.
    """
    views, channels, height, width = features.shape
    if views != 1 + mirrored or rows.shape[0] != views:
        raise ValueError(
            f'{1 + mirrored} views expected, got features of {views} and rows of {rows.shape[0]}.'
        )
    maps = torch.bmm(rows, features.flatten(2)).unflatten(2, (height, width))
    return maps[0] + maps[1].flip(-1) if mirrored else maps[0]


def view_probability(
    features: Tensor,
    class_weight: Tensor,
    present: Sequence[int],
    channels: Tensor,
    mirrored: bool = True,
) -> Tensor:
    """Probability maps of one scale, the softmax over all classes, the mirror image's added.

    Args:
        features (Tensor): (V, C, h, w), see :func:`view_activation`.
        class_weight (Tensor): (K, C), rows of the class layer, the background among them.
        present (Sequence[int]): Rows whose maps are wanted, P of them.
        channels (Tensor): (V, S, C), one weight per view, seed and channel.
        mirrored (bool): Whether the second feature map is that of the mirror image.

    Returns:
        Tensor: (S * P, h, w), seeds major.
    """
    rows = activation_rows(class_weight, range(len(class_weight)), channels)
    maps = [
        view_activation(feature[None], row[None], mirrored=False)
        for feature, row in zip(features, rows, strict=True)
    ]
    maps = [
        one.unflatten(0, (-1, len(class_weight))).softmax(dim=1)[:, list(present)].flatten(0, 1)
        for one in maps
    ]
    return maps[0] + maps[1].flip(-1) if mirrored else maps[0]


def sum_views(maps: Iterable[Tensor], size: tuple[int, int]) -> Tensor:
    """Add maps of several scales at one size.

    Maps of equal size are added before they are resized, which is exact and cheaper.

    Args:
        maps (Iterable[Tensor]): (R, h, w) each, h and w of their own.
        size (tuple[int, int]): (H, W) of the sum, the image's own size.

    Returns:
        Tensor: (R, H, W).
    """
    by_size: dict[tuple[int, ...], Tensor] = {}
    for activation in maps:
        shape = tuple(activation.shape[-2:])
        by_size[shape] = by_size[shape] + activation if shape in by_size else activation
    total: Tensor | None = None
    for activation in by_size.values():
        resized = F.interpolate(activation[None], size, mode='bilinear', align_corners=False)[0]
        total = resized if total is None else total.add_(resized)
    if total is None:
        raise ValueError('There are no activation maps to add.')
    return total


def normalise_activation(maps: Tensor) -> Tensor:
    """ReLU, then division of each map by its maximum.

    Args:
        maps (Tensor): (..., H, W), sums over scales and mirror images.

    Returns:
        Tensor: Same shape, values in [0, 1]. A map without a positive value stays zero.

    Raises:
        ValueError: If a map holds NaN or infinity.

    Examples:
        >>> normalise_activation(torch.tensor([[[-1.0, 2.0, 4.0]]])).tolist()
        [[[0.0, 0.5, 1.0]]]
    """
    highest = maps.amax(dim=(-2, -1), keepdim=True)
    # The maximum of a map with a NaN is NaN; minus infinity passes the ReLU as zero, so it is
    # looked for as well.
    lowest = maps.amin(dim=(-2, -1), keepdim=True)
    if not bool((torch.isfinite(highest) & torch.isfinite(lowest)).all()):
        raise ValueError('The activation maps hold NaN or infinite values.')
    return maps.clamp_min(0) / highest.clamp_min(torch.finfo(maps.dtype).tiny)
