"""Out of memory: distinguishes such errors from others, and goes on with smaller inputs.

The ladder is the same everywhere: fewer images at a time, then the CPU (both where a GPU is used,
see :mod:`~mmseg_wsss.generation.extractor`), then half the sides, again and again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

Item, Result = TypeVar('Item'), TypeVar('Result')

# The shorter side at which halving an image for want of memory ends: it is not what takes it.
LEAST_SIDE = 32
# What torch's CPU allocator and its converters say; they raise a plain RuntimeError.
_TORCH_MESSAGES = ("can't allocate memory", 'not enough memory')


def is_out_of_memory(error: BaseException) -> bool:
    """Distinguish out-of-memory errors, of a GPU or of the machine, from others.

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


def halve_until_it_fits(
    work: Callable[[Item], Result],
    item: Item,
    shape: Callable[[Item], tuple[int, int]],
    halve: Callable[[Item], Item],
    name: str,
) -> Result:
    """Do the work on an image at half its sides, again and again, where memory does not suffice.

    Args:
        work (Callable): What is done; called again after an out-of-memory error.
        item (Item): The image, in whatever form ``work`` takes it.
        shape (Callable): Gives the height and width of an item.
        halve (Callable): Gives an item of half the sides.
        name (str): Of the image, for the log.

    Returns:
        Result: Of the first attempt for which memory suffices.

    Raises:
        Exception: Of ``work``, if it is no out-of-memory error or the image is tiny.
    """
    while True:
        try:
            return work(item)
        except (MemoryError, RuntimeError) as error:
            height, width = shape(item)
            if not is_out_of_memory(error) or min(height, width) <= LEAST_SIDE:
                raise
        # Outside of the handler: the exception held the frames that hold the memory.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        item = halve(item)
        print_log(
            f'{name}: memory does not suffice for {height} x {width} (height x width): it is done '
            f'at {height // 2} x {width // 2} and enlarged.',
            'current',
            level=logging.WARNING,
        )


def refine_within_memory(refine: Callable[[Tensor], Result], maps: Tensor, name: str) -> Result:
    """Refine maps where they are; on the CPU, and at half the sides, where memory does not suffice.

    Args:
        refine (Callable): What is done with maps.
        maps (Tensor): (..., H, W), on any device.
        name (str): Of the image or images, for the log.

    Returns:
        Result: Of the first attempt for which memory suffices.
    """
    size = tuple(maps.shape[-2:])
    if maps.is_cuda:
        try:
            return refine(maps)
        except torch.cuda.OutOfMemoryError:
            maps = maps.cpu()
        torch.cuda.empty_cache()
        print_log(
            f'GPU memory does not suffice to refine {name} of {size}: it is done on the CPU.',
            'current',
            level=logging.WARNING,
        )
    return halve_until_it_fits(
        refine, maps, lambda one: tuple(one.shape[-2:]), _halve_image, f'refining {name}'
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
