"""BFloat16OptimWrapper: bfloat16 in the forward pass, float32 in all that lasts."""

from __future__ import annotations

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

import mmseg_wsss.register_all  # noqa: F401  # registers the wrapper
from mmseg_wsss.engine.optimizers import BFloat16OptimWrapper


@pytest.fixture
def network() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(5, 3)


def make(network: nn.Module, **options) -> BFloat16OptimWrapper:
    config = dict(type='BFloat16OptimWrapper', optimizer=dict(type='SGD', lr=0.5), **options)
    return build_optim_wrapper(network, config)


def test_a_step_is_that_of_hand_written_autocast(network):
    images = torch.randn(4, 5)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = network(images).float().square().mean()
    wanted = torch.autograd.grad(loss, network.weight)[0]
    before = network.weight.detach().clone()
    exact = network(images).detach()
    wrapper = make(network)
    with wrapper.optim_context(network):
        scores = network(images)
        wrapper.update_params(scores.float().square().mean())
    assert scores.dtype == torch.bfloat16
    assert network.weight.dtype == torch.float32
    torch.testing.assert_close(network.weight.detach(), before - 0.5 * wanted, rtol=0, atol=0)
    assert (exact - scores.float()).abs().max() > 1e-4  # and not that of float32


def test_gradients_are_accumulated_as_mmengine_does(network):
    wrapper = make(network, accumulative_counts=2)
    before = network.weight.detach().clone()
    for step in range(2):
        with wrapper.optim_context(network):
            wrapper.update_params(network(torch.ones(1, 5)).float().sum())
        assert torch.equal(network.weight, before) is (step == 0)


def test_autocast_ends_with_the_step_even_if_it_fails(network):
    wrapper = make(network)
    with pytest.raises(RuntimeError, match='shapes'), wrapper.optim_context(network):
        network(torch.ones(1, 4))
    assert network(torch.ones(1, 5)).dtype == torch.float32
