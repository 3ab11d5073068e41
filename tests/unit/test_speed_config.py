"""configs/_base_/speed.py and configs/_base_/losses: taken into a config as their comments say."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from helpers.loss_oracle import give_tags, with_losing_votes
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_wsss.engine.hooks import ChannelsLastHook, TagsToLossHook
from mmseg_wsss.registry import HOOKS, OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, TRANSFORMS

CONFIGS = Path(__file__).parents[2] / 'configs'
LOSSES = sorted(path.name for path in (CONFIGS / '_base_/losses').glob('*.py'))


def read(tmp_path: Path, base: str, text: str) -> Config:
    """A config on top of SegFormer-B0 and one more base."""
    path = tmp_path / 'config.py'
    bases = [str(CONFIGS / 'pnl/segformer_b0_voc.py'), str(CONFIGS / '_base_' / base)]
    path.write_text(f'_base_ = {bases!r}\n{text}\n')
    config = Config.fromfile(path)
    return config


def build(model: dict) -> torch.nn.Module:
    """The model from the same random weights every time, without dropout."""
    model = copy.deepcopy(model)
    model.decode_head.update(dropout_ratio=0, norm_cfg=dict(type='BN'))
    model.backbone.update(drop_path_rate=0.0)
    init_default_scope('mmseg')
    torch.manual_seed(0)
    return MODELS.build(model)


def batch() -> tuple[torch.Tensor, list[SegDataSample]]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, 3, 64, 64, generator=generator)
    codes = torch.randint(21, (2, 1, 64, 64), generator=generator)
    codes += 256 * (torch.rand(codes.shape, generator=generator) < 0.2)
    codes = with_losing_votes(codes, 21)
    return images, [SegDataSample(gt_sem_seg=PixelData(data=code)) for code in codes]


def loss_and_grad(model, loss=None) -> tuple[float, torch.Tensor]:
    images, samples = batch()
    torch.manual_seed(2)
    losses = (loss or model.loss)(images, samples)
    value = sum(v for k, v in losses.items() if '.loss' in k)
    model.zero_grad()
    value.backward()
    return value.item(), model.decode_head.conv_seg.weight.grad.clone()


def test_speed_options_give_the_same_training_step(tmp_path):
    usual = build(Config.fromfile(CONFIGS / 'pnl/segformer_b0_voc.py').model)
    config = read(
        tmp_path,
        'speed.py',
        'optim_wrapper = dict(**_base_.bf16_optim_wrapper, **_base_.grouped_parameters)\n'
        'custom_hooks = [*_base_.custom_hooks, _base_.channels_last_hook]\n'
        'compile = _base_.inductor',
    )
    assert config.optim_wrapper.type == 'BFloat16OptimWrapper'
    assert config.optim_wrapper.type in OPTIM_WRAPPERS
    assert config.optim_wrapper.optimizer.type == 'AdamW'
    assert config.optim_wrapper.constructor in OPTIM_WRAPPER_CONSTRUCTORS
    assert config.compile.backend == 'inductor'
    model = build(config.model)
    hook = HOOKS.build(config.custom_hooks[-1])
    assert isinstance(hook, ChannelsLastHook)
    value, grad = loss_and_grad(usual)

    class Runner:
        pass

    runner = Runner()
    runner.model = model
    hook.before_train(runner)
    weight = model.decode_head.fusion_conv.conv.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    laid_out_value, laid_out_grad = loss_and_grad(model)
    assert laid_out_value == pytest.approx(value, rel=1e-5)
    torch.testing.assert_close(laid_out_grad, grad, rtol=1e-4, atol=1e-6)
    # bfloat16 has 8 bits of mantissa; the loss itself stays in float32.
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half_value, half_grad = loss_and_grad(model)
    assert half_value == pytest.approx(value, rel=1e-2)
    assert (half_grad - grad).norm() < 0.1 * grad.norm()


@pytest.mark.parametrize('name', LOSSES)
def test_losses_of_the_comparison(tmp_path, name):
    config = read(
        tmp_path,
        f'losses/{name}',
        'model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.loss)))',
    )
    model = build(config.model)
    assert type(model.decode_head.loss_decode).__name__ == config.loss.type
    give_tags(model.decode_head.loss_decode)
    value, grad = loss_and_grad(model)
    assert value > 0
    assert grad.isfinite().all() and grad.any()


def example(name: str) -> str:
    """The config in the guide to losses that uses a base loss."""
    guide = (CONFIGS.parent / 'docs/advanced_guides/losses.md').read_text()
    (text,) = [block for block in guide.split('```python\n')[1:] if f'losses/{name}' in block]
    return text.split('```')[0].replace('mmseg_wsss::', f'{CONFIGS}/')


@pytest.mark.parametrize('name', ['nlnl', 'pn_hybrid_losing_votes', 'pn_hybrid_tag_set'])
def test_configs_in_the_guide(tmp_path, name):
    """They train on labels, tags and hooks as their loss needs them."""
    (tmp_path / 'config.py').write_text(example(name))
    config = Config.fromfile(tmp_path / 'config.py')
    loss = MODELS.build(config.model.decode_head.loss_decode)
    dataset = config.train_dataloader.dataset
    step = TRANSFORMS.build(dataset.pipeline[1])
    assert step.losing_votes == loss.reads_losing_votes and step.agreement_threshold == 6
    assert (dataset.get('tags') == 'records') == loss.reads_tags
    hooks = [HOOKS.build(hook) for hook in config.custom_hooks]
    assert any(isinstance(hook, TagsToLossHook) for hook in hooks) == loss.reads_tags
