"""A batch of a test pipeline at half its size, where memory does not suffice for the whole."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

SHAPES = ('ori_shape', 'img_shape', 'pad_shape')


def halve_batch(batch: dict) -> dict:
    """Halve the sides of one image, in each of its views.

    Args:
        batch (dict): ``inputs`` and ``data_samples`` as mmseg's test and TTA pipelines give them.

    Returns:
        dict: A new batch; a network's prediction then has half the sides too.
    """
    return dict(
        batch,
        inputs=_each(batch['inputs'], _halve_image),
        data_samples=_each(batch['data_samples'], _halve_shapes),
    )


def shape_of(batch: dict) -> tuple[int, int]:
    """Height and width of the prediction for a batch of one image."""
    sample = batch['data_samples']
    while isinstance(sample, (list, tuple)):
        sample = sample[0]
    return tuple(sample.ori_shape[:2])


def _each(value: Any, function: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_each(item, function) for item in value]
    return function(value)


def _halve_image(image: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    size = (max(1, height // 2), max(1, width // 2))
    small = F.interpolate(image.float().reshape(-1, 1, height, width), size, mode='area')
    small = small.reshape(*image.shape[:-2], *size)
    return small if image.is_floating_point() else small.round().to(image.dtype)


def _halve_shapes(sample: Any) -> Any:
    sample = sample.clone()
    shapes = {name: sample.metainfo[name] for name in SHAPES if name in sample.metainfo}
    sample.set_metainfo(
        {name: tuple(max(1, side // 2) for side in shape[:2]) for name, shape in shapes.items()}
    )
    return sample
