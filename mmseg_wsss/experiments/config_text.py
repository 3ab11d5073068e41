"""Configs as plain text: overrides, and places that are filled in when a step is run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from mmengine.config import Config, ConfigDict

# What the commands under tools/ read; the rest are names that a config file made for itself.
KEPT = (
    'custom_imports', 'default_scope', 'env_cfg', 'vis_backends', 'visualizer', 'log_processor',
    'log_level', 'load_from', 'resume', 'randomness', 'model', 'tta_model', 'train_dataloader',
    'val_dataloader', 'test_dataloader', 'val_evaluator', 'test_evaluator', 'test_pipeline',
    'tta_pipeline', 'optim_wrapper', 'param_scheduler', 'train_cfg', 'val_cfg', 'test_cfg',
    'default_hooks', 'custom_hooks', 'seed_generation', 'auto_scale_lr',
)  # fmt: skip
PLACE = re.compile(r'<([a-z]+(?::[a-z0-9_.]+)?)>')


def load_config(path: str) -> dict[str, Any]:
    """Read a config file, with its bases, as plain containers.

    Args:
        path (str): The file.

    Returns:
        dict[str, Any]: Only the keys of ``KEPT``, a copy that may be changed.
    """
    return _copy(_load(path))


@cache
def _load(path: str) -> dict[str, Any]:
    config = Config.fromfile(path, import_custom_modules=False).to_dict()
    return {key: _plain(config[key]) for key in KEPT if key in config}


def set_options(config: dict[str, Any], options: Mapping[str, Any]) -> None:
    """Replace values of a config, in place.

    Args:
        config (dict): Plain containers.
        options (Mapping[str, Any]): Values by dotted key; a number in a key is a place of a list.
            The value replaces what was there, nothing is merged.

    Raises:
        ValueError: If what a key goes through does not exist.
    """
    for name, value in options.items():
        *path, last = name.split('.')
        place: Any = config
        try:
            for part in path:
                place = place[int(part)] if isinstance(place, list) else place[part]
            if isinstance(place, list):
                place[int(last)] = _copy(value)
            elif isinstance(place, dict):
                place[last] = _copy(value)
            else:
                raise TypeError
        except (KeyError, IndexError, TypeError, ValueError):
            raise ValueError(f'{name}: the config has no such place') from None


def config_text(config: Mapping[str, Any]) -> str:
    """Write a config as Python, one top-level key after the other.

    Args:
        config (Mapping[str, Any]): Plain containers.

    Returns:
        str: A config file of mmengine; equal configs give equal texts.
    """
    return '\n'.join(f'{key} = {_write(config[key])}' for key in sorted(config)) + '\n'


def fill_places(text: str, places: Mapping[str, str]) -> str:
    """Put paths into the places ``<name>`` of a text.

    A key of a step must not depend on where its files lie, so configs name places until they run.

    Args:
        text (str): The text.
        places (Mapping[str, str]): What to put for each name.

    Returns:
        str: The text without places.

    Raises:
        ValueError: If a place has no path.

    >>> fill_places("root = '<data>/images'", dict(data='photos'))
    "root = 'photos/images'"
    """

    def find(match: re.Match) -> str:
        if match[1] not in places:
            raise ValueError(f'{match[0]}: expected one of {", ".join(sorted(places))}')
        return places[match[1]]

    return PLACE.sub(find, text)


def _write(value: Any, margin: str = '') -> str:
    """Write a value, dicts and lists of dicts over several lines, ten times as fast as pprint."""
    inner = margin + '    '
    if isinstance(value, dict) and value:
        items = [f'{key!r}: {_write(value[key], inner)}' for key in sorted(value, key=str)]
        ends = '{}'
    elif isinstance(value, (list, tuple)) and any(isinstance(one, (dict, list)) for one in value):
        items = [_write(one, inner) for one in value]
        ends = '[]' if isinstance(value, list) else '()'
    else:
        return repr(value)
    lines = ''.join(f'{inner}{item},\n' for item in items)
    return f'{ends[0]}\n{lines}{margin}{ends[1]}'


def _plain(value: Any) -> Any:
    if isinstance(value, ConfigDict):
        value = value.to_dict()
    return _copy(value)


def _copy(value: Any) -> Any:
    """Copy containers, dicts of any kind as plain ones."""
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_copy(item) for item in value)
    return value
