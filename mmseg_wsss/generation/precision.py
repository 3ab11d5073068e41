"""Mixed precision of the networks that seeds are made with."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

_TYPES = {None: None, 'bfloat16': torch.bfloat16, 'float16': torch.float16}


def read_amp(amp: str | None) -> torch.dtype | None:
    """Read the option ``amp``.

    Args:
        amp (str, optional): ``'bfloat16'`` or ``'float16'``.

    Returns:
        torch.dtype | None: The type; None for full precision.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> read_amp('bfloat16')
        torch.bfloat16
    """
    if amp not in _TYPES:
        raise ValueError(f'amp must be None, "bfloat16" or "float16", got {amp!r}.')
    return _TYPES[amp]


def autocast(amp: torch.dtype | None, device: torch.device) -> AbstractContextManager:
    """Give the context in which a network computes in that type.

    Args:
        amp (torch.dtype, optional): See :func:`read_amp`; None changes nothing.
        device (torch.device): Where the network is.
    """
    return nullcontext() if amp is None else torch.autocast(device.type, dtype=amp)
