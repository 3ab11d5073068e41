"""Out of memory: how such an error is told from others, and smaller inputs to go on with."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# The shorter side at which halving an image for want of memory ends: it is not what takes it.
LEAST_SIDE = 32
# What torch's CPU allocator and its converters say; they raise a plain RuntimeError.
_TORCH_MESSAGES = ("can't allocate memory", 'not enough memory')


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that a GPU or the machine has no memory left.

    Args:
        error (BaseException): Of Python, NumPy or torch.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError('shapes differ'))
    (True, False)
    """
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(
        message in str(error) for message in _TORCH_MESSAGES
    )


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
