"""On an accelerator the host never waits for a loss: shown by tensors that have no values."""

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from helpers.features import require_torch
from helpers.loss_oracle import give_tags, seed_batch, value_and_grad, with_losing_votes
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from mmseg_wsss.models.losses import (
    FilteredLoss,
    PNHybridLoss,
    SeedCrossEntropyLoss,
    SeedGeneralizedCrossEntropyLoss,
    SeedPixelLoss,
    SeedSymmetricCrossEntropyLoss,
    SeedWeightedCrossEntropyLoss,
    pn_hybrid_loss,
)

LOSSES = {
    'hybrid': PNHybridLoss,
    'hybrid, every term': lambda: PNHybridLoss(
        'ce+constraint', indirect='unvoted', direct_gate='untagged', jnpl_weighting=True
    ),
    'hybrid, votes and tags': lambda: give_tags(
        PNHybridLoss(direct='losers', noisy_set_weight=0.5, tag_set_weight=0.5)
    ),
    'hybrid, untagged losers': lambda: PNHybridLoss(
        direct='losers', direct_gate='untagged', indirect='mean'
    ),
    'cross-entropy': SeedCrossEntropyLoss,
    'cross-entropy over all pixels': lambda: SeedCrossEntropyLoss('ignore', avg_non_ignore=False),
    'cross-entropy, balanced': lambda: SeedCrossEntropyLoss(
        balance='foreground', label_smoothing=0.1
    ),
    'hybrid, balanced': lambda: PNHybridLoss(balance='class', positive='ce', label_smoothing=0.1),
    'generalized': SeedGeneralizedCrossEntropyLoss,
    'symmetric': SeedSymmetricCrossEntropyLoss,
    'weighted': SeedWeightedCrossEntropyLoss,
    'filtered': lambda: FilteredLoss(dict(type='PNHybridLoss')),
}


@pytest.fixture(autouse=True)
def _no_autocast(monkeypatch):
    """The meta device, whose tensors have a shape and no values, has no autocast."""
    monkeypatch.setattr(torch, 'autocast', lambda *args, **kwargs: nullcontext())


@pytest.fixture(autouse=True)
def _nothing_compiled():
    """The compiler gives up on a function that it has compiled in eight ways."""
    torch._dynamo.reset()


class NoCopies(TorchDispatchMode):
    """Refuses copies between the host and the device, for which the host waits."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        kinds = {
            tensor.device.type
            for tensor in tree_flatten((args, kwargs, result))[0]
            if isinstance(tensor, torch.Tensor) and tensor.dim()
        }
        assert len(kinds) < 2, f'{function} goes from device to device'
        return result


class Peeking(SeedPixelLoss):
    """Looks at values in the ways that are forbidden."""

    def __init__(self, peek):
        super().__init__(1.0, 'loss_peeking')
        self.peek = peek

    def pixel_loss(self, logits, labels):
        return F.cross_entropy(logits, labels.label, reduction='none') + self.peek(labels.noisy)


def step(loss, **kwargs):
    """Forward and backward pass on the meta device."""
    loss = loss().to('meta')
    if getattr(loss, 'tags', None) is not None:  # TagsToLossHook puts them on the device
        loss.tags = loss.tags.to('meta')
    logits = torch.empty(2, 21, 12, 13, device='meta', requires_grad=True)
    codes = torch.empty(2, 12, 13, device='meta', dtype=torch.long)
    with NoCopies():
        loss(logits, codes, **kwargs).sum().backward()
        assert logits.grad.shape == logits.shape and logits.grad.device.type == 'meta'
        assert loss.statistics['clean_right'].device.type == 'meta'


@pytest.mark.parametrize('triton', [False, True])
@pytest.mark.parametrize('name', LOSSES)
def test_a_step_depends_on_no_value(name, triton, monkeypatch):
    if name == 'hybrid, every term':
        require_torch('2.3', 'refuses shapes without values that it takes with values')
    if triton and not pn_hybrid_loss.HAS_TRITON:
        pytest.skip('no Triton, or a torch before 2.4')
    monkeypatch.setattr(pn_hybrid_loss, 'kernel_available', lambda logits: triton)
    step(LOSSES[name])
    step(LOSSES[name], avg_factor=7.0)
    step(LOSSES[name], reduction_override='none')


@pytest.mark.parametrize(
    'peek',
    [
        lambda noisy: noisy.any().item(),
        lambda noisy: 1 if noisy.any() else 0,
        lambda noisy: noisy[noisy].sum(),
        lambda noisy: len(noisy.nonzero()),
        lambda noisy: noisy.cpu().sum(),
        lambda noisy: torch.ones(noisy.shape).to(noisy.device),
    ],
    ids=['item', 'if', 'boolean index', 'nonzero', 'copy', 'copy back'],
)
def test_what_depends_on_values_is_found(peek):
    with pytest.raises((RuntimeError, AssertionError), match=r'(?i)meta|device'):
        step(lambda: Peeking(peek))


@pytest.mark.parametrize('name', LOSSES)
def test_compiled_without_a_break(name):
    require_torch('2.3', 'does not compile data classes')
    # All are noisy: outside the compiler the CPU draws for noisy pixels alone.
    logits, codes = seed_batch(size=(6, 7), noisy=1.0, ignored=0.0)
    codes = with_losing_votes(codes)
    loss = LOSSES[name]()
    compiled = torch.compile(loss, backend='eager', fullgraph=True)
    torch.manual_seed(0)
    expected = value_and_grad(loss, logits, codes)
    torch.manual_seed(0)
    torch.testing.assert_close(value_and_grad(compiled, logits, codes), expected)
    torch.testing.assert_close(compiled.statistics, loss.statistics, equal_nan=True)


def test_wrong_labels_are_found_in_compiled_code():
    require_torch('2.3', 'does not compile data classes')
    logits, codes = seed_batch()
    codes[0, 0, 0] = 5
    compiled = torch.compile(SeedCrossEntropyLoss(), backend='eager', fullgraph=True)
    with pytest.raises(RuntimeError, match=r'labels 0\.\.4 for 5 classes'):
        compiled(logits, codes)
