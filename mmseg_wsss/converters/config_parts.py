"""Parts that the configs of an own data set have in common, and how they are written."""

from __future__ import annotations

import os
import os.path as osp
import pprint
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

from .folder_inputs import FolderDescription

PACKAGE = osp.dirname(osp.dirname(osp.abspath(__file__)))


@dataclass(frozen=True)
class Raw:
    """An expression that is written into a config as it stands."""

    text: str

    def __repr__(self) -> str:
        return self.text


def read_base(base: str, config_folder: str, dataset_type: str) -> tuple[str, Config]:
    """Find a base config.

    Args:
        base (str): A config of this project (``cls/resnet50_voc.py``) or a path.
        config_folder (str): Where the config that inherits it will be.
        dataset_type (str): How the name of its training set ends.

    Returns:
        tuple[str, Config]: What to write as ``_base_``, and the config itself.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If it trains on another kind of data.
    """
    checkout = osp.join(osp.dirname(PACKAGE), 'configs', base)
    installed = osp.join(PACKAGE, '.mim', 'configs', base)
    for path in (base, checkout):
        if osp.isfile(path):
            reference = osp.relpath(path, config_folder).replace(os.sep, '/')
            break
    else:
        path, reference = installed, f'mmseg_wsss::{base}'
        if not osp.isfile(path):
            raise FileNotFoundError(f'{base}: neither a file nor a config of mmseg_wsss.')
    config = Config.fromfile(path)
    dataset = config.get('train_dataloader', {}).get('dataset', {})
    if not dataset.get('type', '').endswith(dataset_type) or 'pipeline' not in dataset:
        raise ValueError(
            f'{path}: trains on {dataset.get("type")!r}, expected a {dataset_type} with a pipeline.'
        )
    return reference, config


def seed_dataset(description: FolderDescription, seed_root: str) -> dict[str, Any]:
    """The data set of a training on seeds, in the place of the base's."""
    return dict(
        _delete_=True,
        type='FolderSeedDataset',
        seed_root=seed_root,
        ann_file='train.txt',
        data_prefix=dict(img_path=description.img_path),
        metainfo=Raw('metainfo'),
        pipeline=Raw('_base_.train_dataloader.dataset.pipeline'),
        data_root=Raw('data_root'),
        img_suffix=description.img_suffix,
    )


def config_text(
    title: str,
    reference: str,
    root: str,
    description: FolderDescription,
    sections: dict[str, Any],
    changes: Mapping[str, Any],
    reasons: tuple[str, ...],
) -> str:
    sections = merge_changes(sections, changes)
    lines = [
        f'# {title}',
        *(f'# * {reason}' for reason in reasons),
        f'_base_ = {reference!r}',
        f'data_root = {root!r}',
        f'metainfo = dict(\n    classes={format_value(tuple(description.classes), 12)},\n'
        f'    palette={format_value(description.palette, 12)},\n)',
    ]
    if any(value is None for value in sections.values()):
        lines.append('# There is nothing to validate on.')
    lines += [f'{key} = {format_value(value)}' for key, value in sections.items()]
    return '\n'.join(lines) + '\n'


def merge_changes(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Put changes into nested dicts; what is None stays.

    >>> merge_changes(dict(a=dict(b=1), c=None), dict(a=dict(d=2), c=dict(e=3)))
    {'a': {'b': 1, 'd': 2}, 'c': None}
    """
    merged = dict(content)
    for key, change in changes.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(change, Mapping):
            merged[key] = merge_changes(old, change)
        elif key not in merged or old is not None:
            merged[key] = change
    return merged


def format_value(value: Any, indent: int = 0) -> str:
    """Format a value as code; dicts as calls of ``dict``, as configs are written."""
    if isinstance(value, Mapping):
        text = ', '.join(f'{key}={format_value(item)}' for key, item in value.items())
        if '\n' not in text and indent + len(text) < 60:
            return f'dict({text})'
        pad = ' ' * (indent + 4)
        items = ''.join(f'{pad}{key}={format_value(v, indent + 4)},\n' for key, v in value.items())
        return f'dict(\n{items}{" " * indent})'
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        pad = ' ' * (indent + 4)
        items = ''.join(f'{pad}{format_value(item, indent + 4)},\n' for item in value)
        return f'[\n{items}{" " * indent}]'
    text = pprint.pformat(value, width=99 - indent, compact=True, sort_dicts=False)
    return text.replace('\n', '\n' + ' ' * indent)
