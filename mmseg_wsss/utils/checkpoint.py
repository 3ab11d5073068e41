"""Reads checkpoints without running code that they carry."""

from __future__ import annotations

import logging
import os
import pickle
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log
from torch import Tensor, nn

# torch keeps the known classes for the whole process: a thread that is done reading would take
# them from one that still reads.
_READING = threading.Lock()


def load_weights(
    model: nn.Module, path: str | os.PathLike, trust: bool = False, strict: bool = True
) -> None:
    """Load a checkpoint's weights into a model.

    Args:
        model (nn.Module): The model, on any device.
        path (str | os.PathLike): A checkpoint of mmengine or a plain state dict.
        trust (bool): Whether a file may run code of its own if it cannot be read otherwise.
        strict (bool): Whether every weight of the model has to be in the file and vice versa.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, carries code, or does not fit the model.
    """
    state = read_state_dict(path, trust)
    try:
        model.load_state_dict(state, strict=strict)
    except RuntimeError as error:
        raise ValueError(f'{path}: the checkpoint does not fit the config: {error}') from error


def read_state_dict(path: str | os.PathLike, trust: bool = False) -> dict[str, Tensor]:
    """Read a checkpoint's state dict, on the CPU.

    Args:
        path (str | os.PathLike): A checkpoint of mmengine or a plain state dict.
        trust (bool): Whether a file may run code of its own if it cannot be read otherwise.

    Returns:
        dict[str, Tensor]: Weights by name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, or carries code and is not trusted.
    """
    content = read_checkpoint(path, trust)
    state = content.get('state_dict', content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        raise ValueError(f'{path}: there is no state dict of weights in it.')
    return state


def read_checkpoint(path: str | os.PathLike, trust: bool = False) -> Any:
    """Read all that a checkpoint holds, on the CPU.

    Args:
        path (str | os.PathLike): A file that ``torch.save`` wrote.
        trust (bool): Whether the file may run code of its own if it cannot be read otherwise.

    Returns:
        Any: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, or carries code and is not trusted.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: there is no such checkpoint.')
    try:
        with _READING, _known_globals():
            return torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        if not trust:
            raise ValueError(
                f'{path}: not a checkpoint of weights alone ({_reason(error)}). If '
                'you trust its origin, --trust-checkpoint reads it nevertheless, which runs any '
                'code it carries.'
            ) from error
        print_log(f'{path}: read with its code, as asked.', 'current', level=logging.WARNING)
        return torch.load(path, map_location='cpu', weights_only=False)
    except (RuntimeError, EOFError) as error:
        raise ValueError(f'{path}: not a readable checkpoint ({error}).') from error


def find_resumable(work_dir: str | os.PathLike, trust: bool = False) -> tuple[str, dict] | None:
    """Find the newest whole checkpoint of a training.

    Args:
        work_dir (str | os.PathLike): The training's folder.
        trust (bool): As in :func:`read_checkpoint`.

    Returns:
        tuple[str, dict] | None: Path and content; None if there is no checkpoint.

    Raises:
        ValueError: If there are checkpoints, but none is whole, or one carries code.
    """
    paths = sorted(
        [*Path(work_dir).glob('iter_*.pth'), *Path(work_dir).glob('epoch_*.pth')],
        key=lambda path: path.stat().st_mtime_ns,
        reverse=True,
    )
    problems = []
    for path in paths:
        try:
            content = read_checkpoint(path, trust)
        except ValueError as error:
            if isinstance(error.__cause__, pickle.UnpicklingError):
                raise
            problems.append(str(error))
            print_log(f'{error} An older one is tried.', 'current', level=logging.WARNING)
            continue
        if isinstance(content, dict) and {'meta', 'optimizer'} <= set(content):
            return str(path), content
    if problems:
        raise ValueError(f'{work_dir}: no whole checkpoint to go on from: ' + ' '.join(problems))
    return None


def _reason(error: Exception) -> str:
    """The line of torch's long message that says what it met."""
    lines = str(error).strip().splitlines() or ['no message']
    return next((line.strip() for line in lines if 'Unsupported' in line), lines[0])


def _history_method(owner: type, name: str):
    """Stands in for getattr, by which a history refers to its methods, and gives nothing else."""
    if owner is not HistoryBuffer or name not in ('current', 'max', 'mean', 'min'):
        raise pickle.UnpicklingError(f'getattr of {name!r} is not a method of a log history')
    return getattr(owner, name)


def _known_globals():
    """The harmless classes in which mmengine's checkpoints keep the history of the logs."""
    if not hasattr(torch.serialization, 'safe_globals'):
        return nullcontext()  # torch below 2.5: such a checkpoint has to be trusted
    multiarray = (np._core if hasattr(np, '_core') else np.core).multiarray
    return torch.serialization.safe_globals(
        [
            HistoryBuffer,
            (_history_method, 'builtins.getattr'),
            np.ndarray,
            np.dtype,
            multiarray._reconstruct,
            multiarray.scalar,
            *(type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int32, np.int64)),
        ]
    )
