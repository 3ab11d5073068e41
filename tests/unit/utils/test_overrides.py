"""Overrides of a config: what fits is set, what does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from mmseg_wsss.utils.overrides import apply_overrides


def config() -> Config:
    return Config(
        dict(
            model=dict(type='A', decode_head=[dict(num_classes=3)]),
            train_dataloader=dict(batch_size=2, dataset=dict(type='B')),
            val_dataloader=None,
            train_cfg=dict(max_iters=4),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            param_scheduler=[dict(type='PolyLR', begin=0, end=4)],
            custom_hooks=[dict(type='C', interval=1)],
            default_hooks=dict(logger=dict(type='LoggerHook', interval=1), checkpoint=None),
            work_dir='work',
        )
    )


def test_values_of_the_right_type_are_set():
    cfg = config()
    apply_overrides(
        cfg,
        {
            'train_cfg.max_iters': 2e4,
            'param_scheduler.0.end': 8,
            'custom_hooks.0.interval': 2,
            'model.decode_head.0.num_classes': 5,
            'val_cfg': None,
            'optim_wrapper.optimizer.lr': 1,
            'anything.of.ones.own': 'x',
            'default_hooks.logger.interval': 7,
        },
    )
    assert cfg.train_cfg.max_iters == 20000
    assert cfg.param_scheduler[0].end == 8 and cfg.custom_hooks[0].interval == 2
    assert cfg.model.decode_head[0].num_classes == 5
    assert cfg.default_hooks.logger == dict(type='LoggerHook', interval=7)
    apply_overrides(cfg, None)


def test_without_workers_none_is_kept():
    cfg = config()
    cfg.train_dataloader.update(num_workers=2, persistent_workers=True)
    apply_overrides(cfg, {'train_dataloader.batch_size': 1})
    assert cfg.train_dataloader.persistent_workers is True
    apply_overrides(cfg, {'train_dataloader.num_workers': 0})
    assert cfg.train_dataloader.persistent_workers is False


@pytest.mark.parametrize(
    ('key', 'value', 'wanted'),
    [
        ('custom_hooks', "[dict(type='X')]", 'a list of dicts, each with a type, got the text'),
        ('custom_hooks', ["dict(type='X')"], 'a list of dicts, each with a type, got'),
        ('custom_hooks', 3, 'a list of dicts, each with a type, got 3'),
        ('param_scheduler', 'None]', 'a dict or a list of dicts'),
        ('model', 'ResNet', 'a dict, got the text'),
        ('train_dataloader', [1], 'a dict'),
        ('train_dataloader.batch_size', '8x', 'a whole number, got the text'),
        ('train_dataloader.num_workers', 0.5, 'a whole number'),
        ('train_cfg.max_iters', True, 'a whole number'),
        ('optim_wrapper.optimizer.lr', '1e-3,', 'a number, got the text'),
        ('default_hooks.checkpoint', 'CheckpointHook', 'a dict'),
        ('default_hooks.logger.interval', 'often', 'a whole number'),
        ('param_scheduler.0.end', 'last', 'a whole number'),
        ('work_dir', 5, 'a text, got 5'),
        ('load_from', ['a.pth'], 'a text'),
        ('resume', 'yes', 'true or false, got the text'),
        ('seed_generation', 'psa', 'a dict'),
    ],
)
def test_a_wrong_type_is_named_with_its_key(key, value, wanted):
    with pytest.raises(ValueError) as caught:
        apply_overrides(config(), {key: value})
    assert f'{key} wants {wanted}' in str(caught.value)


def test_all_that_is_wrong_is_named_at_once():
    with pytest.raises(ValueError, match='train_cfg wants.* work_dir wants'):
        apply_overrides(config(), dict(train_cfg='x', work_dir=1))


@pytest.mark.parametrize('key', ['custom_hooks.5.interval', 'train_cfg.max_iters.x', 'model.a.0'])
def test_a_key_that_does_not_fit_is_named(key):
    cfg = config()
    cfg.model.a = [1]
    cfg.model.a.clear()
    with pytest.raises(ValueError, match=f'do not fit the config .*{key}'):
        apply_overrides(cfg, {key: 1})


@pytest.mark.parametrize(
    'path',
    sorted((Path(__file__).parents[3] / 'configs').glob('[a-z]*/*.py')),
    ids=lambda p: p.stem,
)
def test_every_shipped_config_has_the_right_types(path):
    apply_overrides(Config.fromfile(path), None)
