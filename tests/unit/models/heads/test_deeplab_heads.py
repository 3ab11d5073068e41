from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmseg_wsss.models.heads import DeepLabV1Head, DeepLabV2Head

SCHEDULE = Path(__file__).parents[4] / 'configs/_base_/schedules/deeplab_20k.py'


@pytest.mark.parametrize(
    'head, dilations',
    [
        (DeepLabV2Head(5, 3), (6, 12, 18, 24)),
        (DeepLabV2Head(5, 3, dilations=(1, 2)), (1, 2)),
        (DeepLabV1Head(5, 3), (12,)),
        (DeepLabV1Head(5, 3, dilation=4), (4,)),
    ],
)
def test_sums_dilated_classifiers(head: DeepLabV2Head, dilations: tuple[int, ...]) -> None:
    feature = torch.rand(2, 5, 20, 17, generator=torch.Generator().manual_seed(0))
    expected = 0
    for branch, dilation in zip(head.conv_seg.branches, dilations, strict=True):
        # A dilated kernel is a plain one with zeros between its weights.
        spread = torch.zeros(3, 5, 2 * dilation + 1, 2 * dilation + 1)
        spread[:, :, ::dilation, ::dilation] = branch.weight.detach()
        expected = expected + F.conv2d(feature, spread, branch.bias, padding=dilation)
    torch.testing.assert_close(head.eval()((None, feature)), expected, rtol=1e-4, atol=1e-5)


def test_initialisation_and_no_leftover_classifier() -> None:
    head = DeepLabV2Head(64, 21)
    nn.init.constant_(head.conv_seg.branches[2].bias, 9.0)
    head.init_weights()
    weights = torch.stack([branch.weight for branch in head.conv_seg.branches])
    assert weights.std().item() == pytest.approx(0.01, rel=0.02)
    assert all(branch.bias.abs().max() == 0 for branch in head.conv_seg.branches)
    assert {name.split('.')[0] for name, _ in head.named_parameters()} == {'conv_seg'}


def test_channel_dropout_only_on_request() -> None:
    feature = torch.ones(1, 8, 4, 4)
    head = DeepLabV1Head(8, 3).train()
    assert torch.equal(head((feature,)), head((feature,)))
    head = DeepLabV1Head(8, 3, dropout_ratio=0.5).train()
    assert len({head((feature,)).sum().item() for _ in range(8)}) > 1


def test_learning_rates_of_the_recipe() -> None:
    model = nn.Module()
    model.backbone = nn.Conv2d(3, 4, 1)
    model.decode_head = DeepLabV2Head(4, 3)
    config = Config.fromfile(SCHEDULE).optim_wrapper
    optimizer = build_optim_wrapper(model, config).optimizer
    rates = {}
    for name, parameter in model.named_parameters():
        (group,) = [g for g in optimizer.param_groups if any(p is parameter for p in g['params'])]
        kind = ('head ' if 'decode_head' in name else 'backbone ') + name.rsplit('.', 1)[1]
        rates.setdefault(kind, set()).add((round(group['lr'], 9), group['weight_decay']))
    assert rates['backbone weight'] == {(1e-3, 5e-4)}
    assert rates['head weight'] == {(1e-2, 5e-4)}
    assert rates['head bias'] == {(2e-2, 0.0)}


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(dilations=()), 'dilations'),
        (dict(dilations=(0,)), 'dilations'),
        (dict(kernel_size=2), 'kernel_size=2'),
    ],
)
def test_rejects(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DeepLabV2Head(4, 3, **arguments)
