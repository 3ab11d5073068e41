"""Initial weights that a config names: where they are and how to get them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.runner.checkpoint import (
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)
from torch import nn

_MADE_BY = {
    'resnet38d_imagenet.pth': (
        "It is made by tools/model_converters/resnet38d.py from AffinityNet's "
        'ilsvrc-cls_rna-a1_cls1000_ep-0001.params.'
    ),
}


@dataclass(frozen=True)
class InitialWeights:
    """One file of weights named in a config.

    Args:
        key: Where the config names it, e.g. ``model.backbone.init_cfg.checkpoint``.
        name: What the config says: a path, an address, or an ``open-mmlab://``, ``mmcls://`` or
            ``torchvision://`` name.
    """

    key: str
    name: str

    @property
    def address(self) -> str | None:
        """Where the file is downloaded from, None for a local file.

        Raises:
            ValueError: If no model of that name is known.
        """
        scheme, _, rest = self.name.partition('://')
        tables = {
            'open-mmlab': get_external_models,
            'openmmlab': get_external_models,
            'mmcls': get_mmcls_models,
            'torchvision': get_torchvision_models,
        }
        if scheme in tables:
            table = tables[scheme]()
            if rest not in table:
                raise ValueError(f'{self.key}: {self.name} is no known model.')
            return table[rest]
        return self.name if scheme in ('http', 'https') else None

    @property
    def path(self) -> Path:
        """The local file: the one named, or where a download is kept."""
        address = self.address
        if address is None:
            return Path(self.name).expanduser()
        return Path(torch.hub.get_dir(), 'checkpoints', Path(urlparse(address).path).name)


def find_initial_weights(config: dict, prefix: str = '') -> Iterator[InitialWeights]:
    """List the weights a config starts from.

    Args:
        config (dict): A config or a part of it.
        prefix (str): Key of that part.

    Yields:
        InitialWeights: For each ``init_cfg`` of type ``Pretrained``, each ``pretrained`` and the
        ``load_from``.

    >>> config = dict(model=dict(init_cfg=dict(type='Pretrained', checkpoint='a.pth')))
    >>> [(weights.key, str(weights.path)) for weights in find_initial_weights(config)]
    [('model.init_cfg.checkpoint', 'a.pth')]
    """
    for name, value in config.items():
        key = f'{prefix}{name}'
        if name in ('pretrained', 'load_from') and isinstance(value, str):
            yield InitialWeights(key, value)
        elif isinstance(value, dict):
            if value.get('type') == 'Pretrained' and isinstance(value.get('checkpoint'), str):
                yield InitialWeights(f'{key}.checkpoint', value['checkpoint'])
            else:
                yield from find_initial_weights(value, f'{key}.')
        elif isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    yield from find_initial_weights({str(index): item}, f'{key}.')


def fetch_initial_weights(config: dict) -> list[Path]:
    """Make sure that all weights a config starts from are there, downloading where needed.

    In distributed training the first process downloads and the others wait.

    Args:
        config (dict): A whole config.

    Returns:
        list[Path]: The local files.

    Raises:
        FileNotFoundError: If a local file is missing or a download fails; says which file to put
            where and which key to change instead.
    """
    paths = []
    for weights in find_initial_weights(config):
        if not weights.path.is_file() and is_main_process():
            _download(weights)
        paths.append(weights.path)
    barrier()
    return paths


def mend_running_variances(model: nn.Module) -> list[str]:
    """Set running variances that half precision could not hold to its largest number, 65504.

    In a file of float16 a greater variance of batch normalization is infinite. Its channel then
    says nothing, and a training would stop because weights are not finite.

    Args:
        model (nn.Module): Changed in place.

    Returns:
        list[str]: Names of the variances that were infinite.

    >>> model = nn.BatchNorm2d(2)
    >>> model.running_var[1] = float('inf')
    >>> mend_running_variances(model), model.running_var.tolist()
    (['running_var'], [1.0, 65504.0])
    """
    mended = []
    for name, buffer in model.named_buffers():
        if name.rpartition('.')[2] == 'running_var' and buffer.isposinf().any():
            buffer.masked_fill_(buffer.isposinf(), torch.finfo(torch.float16).max)
            mended.append(name)
    return mended


def _download(weights: InitialWeights) -> None:
    path, address = weights.path, weights.address
    if address is None:
        hint = _MADE_BY.get(path.name)
        raise FileNotFoundError(
            f'{weights.key}: the initial weights {path} are missing. {hint + " " if hint else ""}'
            f'Put the file there, or name another with --cfg-options {weights.key}=PATH.'
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(address, str(path))
    except Exception as error:  # each kind of network failure has a class of its own
        raise FileNotFoundError(
            f'{weights.key}: the initial weights {weights.name} could not be downloaded '
            f'({type(error).__name__}: {error}). Get {address} by other means and put it at '
            f'{path}, or name a local file with --cfg-options {weights.key}=PATH.'
        ) from error
