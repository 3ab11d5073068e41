"""Half precision of networks, and a warning where the processor is not made for it."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from mmengine.logging import print_log

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

    Where the processor has no instructions for the type, a warning says so, once a process: there a
    convolution takes about a hundred times as long as in float32.

    Args:
        amp (torch.dtype, optional): See :func:`read_amp`; None changes nothing.
        device (torch.device): Where the network is.
    """
    if amp is None:
        return nullcontext()
    if device.type == 'cpu':
        _warn_where_slow(amp)
    return torch.autocast(device.type, dtype=amp)


def cpu_computes(amp: torch.dtype) -> bool:
    """Whether torch's library for CPUs has convolutions of the type for this processor.

    Args:
        amp (torch.dtype): ``torch.bfloat16`` or ``torch.float16``.

    Returns:
        bool: True where torch does not tell.
    """
    name = f'_is_mkldnn_{"bf16" if amp is torch.bfloat16 else "fp16"}_supported'
    try:
        return bool(getattr(torch.ops.mkldnn, name)())
    except (AttributeError, RuntimeError):  # a torch without the library, or another one
        return True


@cache  # steps and images ask again and again
def _warn_where_slow(amp: torch.dtype) -> None:
    if cpu_computes(amp):
        return
    name = str(amp).removeprefix('torch.')
    print_log(
        f'This processor has no instructions for {name}: convolutions take about a hundred times '
        'as long in it. Stop, and leave out --amp or amp, or set optim_wrapper.type=OptimWrapper.',
        'current',
        logging.WARNING,
    )
