"""GroupedOptimWrapperConstructor: fewer groups, the same updates."""

from __future__ import annotations

import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

import mmseg_wsss  # noqa: F401  # registers the constructor

OPTIMIZERS = [
    dict(type='AdamW', lr=0.02, weight_decay=0.1),
    dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=0.1),
]
PARAMWISE = dict(
    norm_decay_mult=0.0,
    bias_lr_mult=2.0,
    custom_keys={'head': dict(lr_mult=10.0), 'frozen': dict(lr_mult=3.0)},
)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 4))
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.head = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.frozen(self.body(batch)))


def make(model: nn.Module, optimizer: dict, grouped: bool, paramwise: dict | None):
    config = dict(type='OptimWrapper', optimizer=dict(optimizer))
    if paramwise is not None:
        config['paramwise_cfg'] = copy.deepcopy(paramwise)
    if grouped:
        config['constructor'] = 'GroupedOptimWrapperConstructor'
    return build_optim_wrapper(model, config)


def train(model: nn.Module, wrapper, steps: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        batch = torch.randn(8, 3, generator=generator)
        # What a scheduler does: every group by its own rate.
        for group in wrapper.optimizer.param_groups:
            group['lr'] = group.setdefault('initial_lr', group['lr']) * 0.9**step
        wrapper.update_params(model(batch).square().mean())


def rates(wrapper) -> dict[int, tuple[float, float]]:
    return {
        id(one): (group['lr'], group['weight_decay'])
        for group in wrapper.optimizer.param_groups
        for one in group['params']
    }


@pytest.mark.parametrize('optimizer', OPTIMIZERS, ids=lambda config: config['type'])
@pytest.mark.parametrize('paramwise', [PARAMWISE, None], ids=['paramwise', 'uniform'])
def test_updates_are_those_of_mmengines_constructor(optimizer, paramwise):
    torch.manual_seed(0)
    usual = Network()
    ours = copy.deepcopy(usual)
    of_usual, of_ours = (
        make(usual, optimizer, False, paramwise),
        make(ours, optimizer, True, paramwise),
    )
    train(usual, of_usual, 4)
    train(ours, of_ours, 4)
    for name, value in usual.state_dict().items():
        assert torch.equal(value, ours.state_dict()[name]), name


def test_parameters_with_the_same_options_share_a_group():
    model = Network()
    usual, ours = (make(model, OPTIMIZERS[0], grouped, PARAMWISE) for grouped in (False, True))
    assert rates(ours) == rates(usual)
    assert len(usual.optimizer.param_groups) == 10
    # Plain, norm without decay, bias at twice the rate, head.
    assert len(ours.optimizer.param_groups) == 4
    members = [one for group in ours.optimizer.param_groups for one in group['params']]
    assert len(members) == len({id(one) for one in members}) == 10
    assert not any(one is frozen for one in members for frozen in model.frozen.parameters())


def test_a_training_is_resumed_from_its_state():
    torch.manual_seed(0)
    model = Network()
    wrapper = make(model, OPTIMIZERS[0], True, PARAMWISE)
    train(model, wrapper, 2)
    other = copy.deepcopy(model)
    of_other = make(other, OPTIMIZERS[0], True, PARAMWISE)
    of_other.load_state_dict(copy.deepcopy(wrapper.state_dict()))
    train(model, wrapper, 2)
    train(other, of_other, 2)
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    # The state of another number of groups is refused, not mixed up.
    with pytest.raises(ValueError, match='different number of parameter groups'):
        make(other, OPTIMIZERS[0], False, PARAMWISE).load_state_dict(wrapper.state_dict())


def test_it_is_found_by_its_full_name():
    config = dict(
        type='OptimWrapper',
        optimizer=OPTIMIZERS[0],
        constructor='mmseg_wsss.GroupedOptimWrapperConstructor',
    )
    assert len(build_optim_wrapper(Network(), config).optimizer.param_groups) == 1
