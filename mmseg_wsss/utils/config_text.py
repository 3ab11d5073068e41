"""Reads the config that a checkpoint carries without running it."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

_NAMES = {'inf': math.inf, 'nan': math.nan}
_SCOPES = ('mmcv', 'mmdet', 'mmengine', 'mmpretrain', 'mmseg', 'mmseg_wsss')


def parse_config_text(text: str, source: str) -> Config:
    """Read the Python text of a config, as ``Config.pretty_text`` writes it.

    mmengine keeps it in ``meta['cfg']`` of a checkpoint. Its own reader executes the text, and a
    ``type`` may name anything that can be imported. Here the text may hold literals and ``dict``
    only, and a ``type`` is a registered name, with at most the scope of an OpenMMLab library.

    Args:
        text (str): Assignments of literals to names.
        source (str): Where the text comes from, for messages.

    Returns:
        Config: The same settings.

    Raises:
        ValueError: If the text holds anything else.

    >>> parse_config_text("a = dict(type='ReLU', b=[1, -2.5])", 'net.pth').a
    {'type': 'ReLU', 'b': [1, -2.5]}
    >>> parse_config_text("a = print('hello')", 'net.pth')
    Traceback (most recent call last):
    ValueError: net.pth: line 1 of its config is no plain setting; give the config file instead.
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f'{source}: its config is no Python text ({error}).') from None
    settings = {}
    for statement in statements:
        try:
            (target,) = statement.targets
            settings[target.id] = _value(statement.value)
        except (AttributeError, TypeError, ValueError, RecursionError):
            raise ValueError(
                f'{source}: line {statement.lineno} of its config is no plain setting; give the '
                'config file instead.'
            ) from None
    _check_types(settings, source)
    return Config(settings)


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        merged = dict(*map(_value, node.args))
        merged.update((keyword.arg, _value(keyword.value)) for keyword in node.keywords)
        if None in merged:
            raise ValueError('** in a call of dict')
        return merged
    if isinstance(node, ast.Dict):
        return {
            _value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)
        }
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
        return kind(map(_value, node.elts))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.Name):
        if node.id not in _NAMES:
            raise ValueError(f'name {node.id}')
        return _NAMES[node.id]
    return ast.literal_eval(node)


def _check_types(value: Any, source: str) -> None:
    if isinstance(value, Mapping):
        name = value.get('type')
        if isinstance(name, str) and '.' in name:
            scope, _, rest = name.partition('.')
            if scope not in _SCOPES or '.' in rest:
                raise ValueError(
                    f'{source}: its config names the type {name!r}, which is no registered name; '
                    'give the config file instead.'
                )
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for item in value:
        _check_types(item, source)
