"""Convert the public ResNet-38d weights to a checkpoint for ``ResNet38d``.

Two kinds of input are read:

* the MXNet file of the network's authors and of AffinityNet,
  ``ilsvrc-cls_rna-a1_cls1000_ep-0001.params`` (ImageNet), without needing MXNet;
* a PyTorch state dict with AffinityNet's parameter names (``res38_cls.pth`` and those of SEAM,
  EPS and others), also nested under ``state_dict`` or prefixed by ``module.``.

Layers that are not the backbone's (``linear1000``, ``fc8``, ...) are left out and listed.
"""

from __future__ import annotations

import argparse
import math
import os
import pickle
import struct
import tempfile
from pathlib import Path

import numpy as np
import torch

_LIST_MAGIC = 0x112
_ARRAY_V1_MAGIC = 0xF993FAC8  # 64 bit dimensions; before it, files held 32 bit ones and no magic
_ARRAY_V2_MAGIC = 0xF993FAC9  # a storage type comes first
_DTYPES = {0: '<f4', 1: '<f8', 2: '<f2', 3: 'u1', 4: '<i4', 5: 'i1', 6: '<i8'}
_NORM_NAMES = {'gamma': 'weight', 'beta': 'bias', 'mean': 'running_mean', 'var': 'running_var'}


class _Reader:
    """Little-endian fields of a file, read in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = memoryview(path.read_bytes())
        self.position = 0

    def take(self, size: int) -> memoryview:
        if size > len(self.content) - self.position:
            raise ValueError(f'{self.path}: truncated at byte {len(self.content)}.')
        self.position += size
        return self.content[self.position - size : self.position]

    def fields(self, code: str) -> tuple:
        return struct.unpack('<' + code, self.take(struct.calcsize('<' + code)))


def read_mxnet_params(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read an MXNet ``.params`` file (a named list of dense arrays).

    Args:
        path (str | os.PathLike): The file.

    Returns:
        dict[str, np.ndarray]: Arrays by name (``arg:...``, ``aux:...``).

    Raises:
        ValueError: If the file is no such list, is truncated, or holds sparse arrays.
    """
    reader = _Reader(Path(path))
    if len(reader.content) < 24 or reader.fields('QQ')[0] != _LIST_MAGIC:
        raise ValueError(f'{path}: not an MXNet .params file (its first 8 bytes are not 0x112).')
    arrays = [_read_array(reader) for _ in range(reader.fields('Q')[0])]
    names = [bytes(reader.take(reader.fields('Q')[0])) for _ in range(reader.fields('Q')[0])]
    if len(names) != len(arrays):
        raise ValueError(f'{path}: {len(arrays)} arrays but {len(names)} names.')
    return {name.decode('utf-8'): array for name, array in zip(names, arrays, strict=True)}


def _read_array(reader: _Reader) -> np.ndarray:
    (magic,) = reader.fields('I')
    if magic == _ARRAY_V2_MAGIC and reader.fields('i')[0] != 0:
        raise ValueError(f'{reader.path}: holds a sparse array; only dense ones are read.')
    if magic in (_ARRAY_V1_MAGIC, _ARRAY_V2_MAGIC):
        (ndim,), code = reader.fields('I'), 'q'
    else:
        ndim, code = magic, 'I'
    if ndim > 32:
        raise ValueError(f'{reader.path}: an array of {ndim} dimensions; the file is damaged.')
    shape = reader.fields(f'{ndim}{code}')
    if ndim == 0:
        return np.empty(0, np.float32)
    _device_type, _device_id, kind = reader.fields('iii')
    if kind not in _DTYPES or min(shape) < 0:
        raise ValueError(f'{reader.path}: an array of type {kind}, shape {shape}; damaged.')
    dtype = np.dtype(_DTYPES[kind])
    return np.frombuffer(reader.take(math.prod(shape) * dtype.itemsize), dtype).reshape(shape)


def torch_name(name: str) -> str | None:
    """Name of an MXNet parameter in ``ResNet38d``.

    Args:
        name (str): E.g. ``arg:bn4b2_branch2b1_gamma``.

    Returns:
        str | None: E.g. ``b4_2.bn_branch2b1.weight``; None for the classifier ``linear1000``.

    Raises:
        ValueError: If the name is none of this network's.

    >>> torch_name('arg:res2a_branch2a_weight'), torch_name('aux:bn7_moving_var')
    ('b2.conv_branch2a.weight', 'bn7.running_var')
    """
    layer, *rest = name.split(':')[-1].split('_')
    if layer == 'linear1000':
        return None
    if layer == 'conv1a' and rest == ['weight']:
        return 'conv1a.weight'
    kind = 'conv' if layer.startswith('res') else 'bn' if layer.startswith('bn') else None
    last = 'weight' if kind == 'conv' else _NORM_NAMES.get(rest[-1] if rest else '')
    stage = layer[3:] if kind == 'conv' else layer[2:]  # 2a is b2; 2b1 is b2_1; 7 is bn7
    if kind and last and stage == '7' and kind == 'bn':
        return f'bn7.{last}'
    if kind and last and len(stage) >= 2 and stage[0].isdigit() and rest[0].startswith('branch'):
        if stage[1:] == 'a':
            return f'b{stage[0]}.{kind}_{rest[0]}.{last}'
        if stage[1] == 'b' and stage[2:].isdigit():
            return f'b{stage[0]}_{stage[2:]}.{kind}_{rest[0]}.{last}'
    raise ValueError(f'{name!r} is no parameter of ResNet-38.')


def read_state_dict(path: str | os.PathLike) -> dict[str, torch.Tensor]:
    """Read either kind of file into a state dict with the names of ``ResNet38d``.

    Args:
        path (str | os.PathLike): The ``.params`` or ``.pth`` file.

    Returns:
        dict[str, torch.Tensor]: The parameters, those of other layers included.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read as either kind.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file.')
    if path.suffix == '.params':
        arrays = read_mxnet_params(path)
        named = {torch_name(name): array for name, array in arrays.items()}
        return {
            name: torch.from_numpy(array.astype(np.float32))
            for name, array in named.items()
            if name is not None
        }
    try:
        state_dict = torch.load(path, map_location='cpu', weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f'{path}: not a PyTorch file of plain tensors: {error}') from error
    if isinstance(state_dict, dict):
        state_dict = state_dict.get('state_dict', state_dict)
    if not isinstance(state_dict, dict) or not all(map(torch.is_tensor, state_dict.values())):
        raise ValueError(f'{path}: expected a state dict (names to tensors).')
    return {name.removeprefix('module.'): value for name, value in state_dict.items()}


def convert(source: str | os.PathLike, target: str | os.PathLike) -> list[str]:
    """Write the backbone's part of ``source`` as an mmengine checkpoint.

    Args:
        source (str | os.PathLike): The ``.params`` or ``.pth`` file.
        target (str | os.PathLike): Where to write; replaced at once when complete.

    Returns:
        list[str]: Names in ``source`` that are not the backbone's.

    Raises:
        ValueError: If a parameter of the backbone is missing or has another shape.
    """
    from mmseg_wsss.models.backbones import ResNet38d

    found = read_state_dict(source)
    with torch.device('meta'):  # names and shapes alone
        expected = ResNet38d().state_dict()
    counters = {name for name in expected if name.endswith('num_batches_tracked')}
    missing = sorted(set(expected) - counters - set(found))
    if missing:
        raise ValueError(
            f"{source}: {len(missing)} of the backbone's parameters are missing, first "
            f'{", ".join(missing[:3])}. Is this a ResNet-38d?'
        )
    for name in set(expected) - counters:
        if found[name].shape != expected[name].shape:
            raise ValueError(
                f'{source}: {name} has shape {tuple(found[name].shape)}, expected '
                f'{tuple(expected[name].shape)}.'
            )
    state_dict = {name: found[name] for name in expected if name not in counters}
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix='.tmp', delete=False) as file:
        try:
            torch.save(dict(state_dict=state_dict, meta=dict(source=Path(source).name)), file)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise
    return sorted(set(found) - set(expected))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', help='the .params (MXNet) or .pth (PyTorch) file')
    parser.add_argument('target', help='the checkpoint to write')
    args = parser.parse_args()
    left_out = convert(args.source, args.target)
    print(f'Wrote {args.target}. Left out: {", ".join(left_out) or "nothing"}.')


if __name__ == '__main__':
    main()
