"""The configs of configs/noise build, train a step with their part at work, and test a step."""

from pathlib import Path

import pytest
import torch
from helpers.tiny_networks import seed_batch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import init_default_scope

from mmseg_wsss.registry import HOOKS, MODELS

ROOT = Path(__file__).parents[2] / 'configs/noise'
# Name of the config to what its log shows.
NAMES = {
    'mixture-filter': 'decode.loss_pn_hybrid',
    'teacher': 'consistency.loss_strong',
    'early-learning': 'decode.loss_pn_hybrid',
    'co-training': 'exchange.loss_partner',
}


def load(name: str) -> Config:
    config = Config.fromfile(ROOT / f'deeplabv3plus_mobilenetv2_voc_animals_{name}.py')
    init_default_scope(config.default_scope)
    config.model.backbone.init_cfg = None
    return config


def test_every_config_is_here():
    names = {path.stem.rpartition('_')[2] for path in ROOT.glob('*.py')}
    assert names == set(NAMES)


@pytest.mark.parametrize('name', NAMES)
def test_a_step_of_training_and_of_a_test(name):
    config = load(name)
    hooks = [HOOKS.build(hook) for hook in config.custom_hooks]
    model = MODELS.build(config.model)
    model.data_preprocessor.size = (64, 64)
    if name == 'teacher':
        assert [type(hook).__name__ for hook in hooks][-1] == 'TeacherHook'
        model.set_teacher(MODELS.build(config.model))
    MessageHub.get_instance(f'noise-config-{name}').update_info('iter', config.train_cfg.max_iters)
    data = model.data_preprocessor(seed_batch(size=(64, 64), num_classes=7), True)
    losses = model(**data, mode='loss')
    assert NAMES[name] in losses
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    missing = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert all('backbone' in n for n in missing)  # stages that train() freezes
    model.eval()
    (result,) = model.test_step(seed_batch(1, size=(64, 64), num_classes=7))
    assert result.seg_logits.data.shape == (7, 64, 64)
    MessageHub.get_instance(f'noise-config-{name}-over')


def test_parts_begin_within_the_schedule():
    begins = {
        'mixture-filter': load('mixture-filter').model.decode_head.loss_decode.begin_iter,
        'teacher': load('teacher').model.consistency.begin_iter,
        'co-training': load('co-training').model.begin_iter,
    }
    assert all(0 < begin < 600 for begin in begins.values())
    hook = load('early-learning').custom_hooks[-1]
    assert hook.type == 'EarlyLearningHook' and 600 / hook.epoch_iters > 10
