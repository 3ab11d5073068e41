"""Reads checkpoints without running code that they carry."""

from __future__ import annotations

import logging
import os
import pickle
import tarfile
import threading
from pathlib import Path
from typing import Any, BinaryIO

import torch
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader, find_latest_checkpoint
from torch import Tensor, nn

from . import restricted_pickle

# torch can be told of known classes from 2.6 on; below, this package's own reader is used.
_TORCH_TAKES_GLOBALS = tuple(map(int, torch.__version__.split('.')[:2])) >= (2, 6)

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
    load_state_dict(model, read_state_dict(path, trust), path, strict)


def load_state_dict(
    model: nn.Module, state: dict[str, Tensor], path: str | os.PathLike, strict: bool = True
) -> None:
    """Load weights that have been read into a model.

    Args:
        model (nn.Module): The model, on any device.
        state (dict[str, Tensor]): Weights by name.
        path (str | os.PathLike): Where they are from.
        strict (bool): As in :func:`load_weights`.

    Raises:
        ValueError: If they do not fit the model.
    """
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
    return find_state_dict(read_checkpoint(path, trust), path)


def find_state_dict(content: Any, path: str | os.PathLike) -> dict[str, Tensor]:
    """Find the weights in what :func:`read_checkpoint` gives.

    Args:
        content (Any): What a checkpoint holds.
        path (str | os.PathLike): The checkpoint.

    Returns:
        dict[str, Tensor]: Weights by name.

    Raises:
        ValueError: If there are none.
    """
    state = content.get('state_dict', content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        raise ValueError(f'{path}: there is no state dict of weights in it.')
    return state


def read_checkpoint(path: str | os.PathLike, trust: bool = False, map_location: Any = 'cpu') -> Any:
    """Read all that a checkpoint holds.

    Args:
        path (str | os.PathLike): A file that ``torch.save`` wrote.
        trust (bool): Whether the file may run code of its own if it cannot be read otherwise.
        map_location (Any): Where tensors go, as for ``torch.load``.

    Returns:
        Any: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, or carries code and is not trusted.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: there is no such checkpoint.')
    try:
        return _load_known(path, map_location)
    except pickle.UnpicklingError as error:
        if not trust:
            raise ValueError(
                f'{path}: not a checkpoint of weights alone ({_reason(error)}). If '
                'you trust its origin, --trust-checkpoint reads it nevertheless, which runs any '
                'code it carries.'
            ) from error
        print_log(f'{path}: read with its code, as asked.', 'current', level=logging.WARNING)
        return torch.load(path, map_location=map_location, weights_only=False)
    except RuntimeError as error:
        raise ValueError(f'{path}: not a readable checkpoint ({error}).') from error


def _load_known(path: str | os.PathLike, map_location: Any) -> Any:
    """Read a file that holds nothing but what is known.

    Raises:
        pickle.UnpicklingError: If it holds anything else.
        RuntimeError: If it is damaged.
    """
    with open(path, 'rb') as file:
        try:
            _refuse_other_kinds(file)
            file.seek(0)
            if not _TORCH_TAKES_GLOBALS:
                return torch.load(
                    file, map_location, pickle_module=restricted_pickle, weights_only=False
                )
            known = [(value, name) for name, value in restricted_pickle.MMENGINE_GLOBALS.items()]
            known += {type(dtype) for dtype in restricted_pickle.PLAIN_DTYPES}
            with _READING, torch.serialization.safe_globals(known):
                return torch.load(file, map_location, weights_only=True)
        except pickle.UnpicklingError:
            raise
        except Exception as error:  # a damaged file fails in many ways
            raise RuntimeError(f'{type(error).__name__}: {error}') from error


def _refuse_other_kinds(file: BinaryIO) -> None:
    """Refuse the kinds of files that ``torch.load`` reads by other means than its pickle module."""
    if torch.serialization._is_zipfile(file):
        file.seek(0)
        # The reader that torch itself asks, so that both see the same records.
        if 'constants.pkl' in torch._C.PyTorchFileReader(file).get_all_records():
            raise pickle.UnpicklingError('Unsupported: a TorchScript archive')
        return
    file.seek(0)
    if tarfile.is_tarfile(file):
        raise pickle.UnpicklingError('Unsupported: a tar archive, as torch wrote before 0.2')


def read_safely_in_mmengine(trust: bool = False) -> None:
    """Let mmengine read local checkpoints by :func:`read_checkpoint` in this process.

    Its own reader runs the code of a file that is more than weights, with a warning that one of
    its own checkpoints with a best score brings up as well.

    Args:
        trust (bool): As in :func:`read_checkpoint`.
    """

    def load_from_local(filename: str, map_location: Any = None) -> Any:
        content = read_checkpoint(os.path.expanduser(filename), trust, map_location)
        if isinstance(content, dict) and isinstance(content.get('meta'), dict) and not trust:
            # An old name of the config, as Python: mmengine runs it when it resumes.
            content['meta'].pop('config', None)
        return content

    CheckpointLoader.register_scheme('', load_from_local, force=True)


def find_checkpoint(path: str | os.PathLike) -> str:
    """Give the last checkpoint of a work dir, any other path as it is.

    Args:
        path (str | os.PathLike): A checkpoint, or the folder of a training.

    Returns:
        str: Path of a checkpoint.

    Raises:
        FileNotFoundError: If there is none in the folder.
    """
    if not os.path.isdir(path):
        return os.fspath(path)
    found = find_latest_checkpoint(os.fspath(path))
    if found is None:
        raise FileNotFoundError(f'{path}: there is no checkpoint in it; train first.')
    return os.path.join(path, os.path.basename(found))  # the folder may have moved since


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
