"""Tells want of memory from other errors."""

from __future__ import annotations

import torch

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
