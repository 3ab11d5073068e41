"""Overrides of a config from the command line, and the types of the config's keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

_DICT = 'a dict'
_HOOKS = 'a list of dicts, each with a type'
_ONE_OR_MORE = 'a dict or a list of dicts'
_TEXT = 'a text'
_SWITCH = 'true or false'
_WHOLE = 'a whole number'
_NUMBER = 'a number'
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')

# What mmengine's runner and this package read, by key. None is no problem of type: mmengine takes
# it for "not there", and says so where it is needed.
_EXPECTED = {
    **dict.fromkeys(
        (*_LOADERS, 'model', 'data_preprocessor', 'train_cfg', 'val_cfg', 'test_cfg')
        + ('optim_wrapper', 'default_hooks', 'visualizer', 'env_cfg', 'log_processor', 'randomness')
        + ('custom_imports', 'seed_generation', 'auto_scale_lr', 'tta_model', 'model_wrapper_cfg')
        + ('optim_wrapper.optimizer', 'optim_wrapper.clip_grad', 'optim_wrapper.paramwise_cfg')
        + tuple(f'{loader}.dataset' for loader in _LOADERS),
        _DICT,
    ),
    **dict.fromkeys(('custom_hooks', 'vis_backends', 'tta_pipeline'), _HOOKS),
    **dict.fromkeys(('param_scheduler', 'val_evaluator', 'test_evaluator'), _ONE_OR_MORE),
    **dict.fromkeys(
        ('work_dir', 'load_from', 'experiment_name', 'default_scope', 'launcher'), _TEXT
    ),
    **dict.fromkeys(('resume', 'find_unused_parameters'), _SWITCH),
    **dict.fromkeys(
        ('train_cfg.max_iters', 'train_cfg.max_epochs', 'train_cfg.val_interval')
        + ('train_cfg.val_begin', 'randomness.seed', 'optim_wrapper.accumulative_counts')
        + tuple(f'{loader}.{key}' for loader in _LOADERS for key in ('batch_size', 'num_workers')),
        _WHOLE,
    ),
    **dict.fromkeys(
        ('optim_wrapper.optimizer.lr', 'optim_wrapper.optimizer.weight_decay'), _NUMBER
    ),
}


def apply_overrides(cfg: Config, options: Mapping[str, Any] | None) -> None:
    """Set ``--cfg-options`` in a config and check the types of what is then there.

    With ``num_workers`` 0, ``persistent_workers`` is switched off.

    Args:
        cfg (Config): Changed in place.
        options (Mapping, optional): Values by dotted key, as ``DictAction`` parses them.

    Raises:
        ValueError: If a key does not fit the config or has a value of a wrong type; names the
            keys and what they want.
    """
    if options:
        try:
            cfg.merge_from_dict(dict(options))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            keys = ', '.join(options)
            raise ValueError(f'--cfg-options do not fit the config ({keys}): {error}') from error
    problems = list(_problems(cfg))
    if problems:
        raise ValueError(' '.join(problems))
    for name in _LOADERS:
        loader = cfg.get(name)
        if loader and loader.get('num_workers') == 0 and loader.get('persistent_workers'):
            loader['persistent_workers'] = (
                False  # torch refuses workers that stay if there are none
            )


def _problems(cfg: Config) -> Iterator[str]:
    for key, wanted in _EXPECTED.items():
        yield from _check(key, _find(cfg, key.split('.')), wanted)
    for name, hook in (_find(cfg, ['default_hooks']) or {}).items():
        yield from _check(f'default_hooks.{name}', hook, _DICT)
        yield from _check(f'default_hooks.{name}.interval', _find(hook, ['interval']), _WHOLE)
    schedulers = cfg.get('param_scheduler')
    for index, one in enumerate(schedulers if isinstance(schedulers, (list, tuple)) else ()):
        for key in ('begin', 'end'):
            yield from _check(f'param_scheduler.{index}.{key}', _find(one, [key]), _WHOLE)


def _find(value: Any, keys: list[str]) -> Any:
    """The value at a path; None where the path ends early or in something that is no dict."""
    for key in keys:
        if not isinstance(value, (Mapping, Config)):
            return None
        value = value.get(key)
    return value if keys else None


def _check(key: str, value: Any, wanted: str) -> Iterator[str]:
    if value is None or _fits(value, wanted):
        return
    text = isinstance(value, str)
    message = f'{key} wants {wanted}, got {"the text " if text else ""}{value!r}.'
    if wanted in (_DICT, _HOOKS, _ONE_OR_MORE):
        entry = key if wanted == _DICT else f'{key}.0'
        message += (
            ' The command line knows numbers, texts, true, false, None and lists of these. Write '
            'dicts into a config that inherits this one (_base_), or set single entries of what is '
            f'there, as {entry}.NAME=VALUE.'
        )
    yield message


def _fits(value: Any, wanted: str) -> bool:
    listed = isinstance(value, (list, tuple))
    if wanted == _DICT:
        # A built object is as good, and so is a class that mmengine's Python configs name.
        return not listed and not isinstance(value, (str, int, float))
    if wanted == _HOOKS:
        return listed and all(_fits(one, _DICT) for one in value)
    if wanted == _ONE_OR_MORE:
        return _fits(value, _DICT) or _fits(value, _HOOKS)
    if wanted == _TEXT:
        return isinstance(value, str)
    if wanted == _SWITCH:
        return isinstance(value, bool)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and (wanted == _NUMBER or value == int(value))
