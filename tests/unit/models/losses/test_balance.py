"""Equal weight for background and foreground, or for every class, in any loss on seed codes."""

import pytest
import torch
from helpers.loss_oracle import hybrid, seed_batch, value_and_grad
from torch.nn.functional import cross_entropy

from mmseg_wsss.models.losses import (
    HybridSettings,
    PNHybridLoss,
    SeedCrossEntropyLoss,
    SeedGeneralizedCrossEntropyLoss,
    SeedSymmetricCrossEntropyLoss,
    SeedWeightedCrossEntropyLoss,
)
from mmseg_wsss.models.losses.seed_pixel_loss import balanced_weights

LOSSES = {
    'ce': SeedCrossEntropyLoss,
    'gce': SeedGeneralizedCrossEntropyLoss,
    'sce': SeedSymmetricCrossEntropyLoss,
    'weighted': SeedWeightedCrossEntropyLoss,
    'hybrid': lambda **options: PNHybridLoss(indirect='mean', **options),
}


def groups_of(codes, balance, num_classes=5):
    """The supervised pixels of each group that has any."""
    label, used = codes % 256, codes != 255
    if balance == 'foreground':
        masks = [used & (label == 0), used & (label != 0)]
    else:
        masks = [used & (label == k) for k in range(num_classes)]
    return [mask for mask in masks if mask.any()]


def weights_of(codes, balance):
    """Weight of each pixel, one after the other."""
    groups, weight = groups_of(codes, balance), torch.zeros(codes.shape, dtype=torch.float64)
    for mask in groups:
        weight[mask] = (codes != 255).sum().item() / (len(groups) * mask.sum().item())
    return weight


@pytest.mark.parametrize('balance', ['foreground', 'class'])
@pytest.mark.parametrize('name', LOSSES)
def test_the_mean_is_that_of_the_means_of_the_groups(name, balance):
    logits, codes = seed_batch()
    codes = torch.where(torch.rand(codes.shape) < 0.5, 0, codes)  # background prevails
    codes[codes % 256 == 3] = 255  # and the batch lacks a class
    plain = LOSSES[name](loss_weight=0.4)
    masks = groups_of(codes, balance)
    assert len(masks) == (2 if balance == 'foreground' else 4)

    def expected(z):
        pixels = plain(z, codes, reduction_override='none')
        return torch.stack([pixels[mask].mean() for mask in masks]).mean()

    balanced = LOSSES[name](loss_weight=0.4, balance=balance)
    torch.testing.assert_close(
        value_and_grad(lambda z: balanced(z, codes), logits), value_and_grad(expected, logits)
    )


def test_cross_entropy_with_the_halves_that_torch_averages():
    logits, codes = seed_batch()
    label = torch.where(codes > 255, codes - 256, codes)

    def halves(z):
        background = cross_entropy(z, label.masked_fill(label > 0, 255), ignore_index=255)
        foreground = cross_entropy(z, label.masked_fill(label == 0, 255), ignore_index=255)
        return 0.5 * background + 0.5 * foreground

    loss = SeedCrossEntropyLoss(balance='foreground')
    torch.testing.assert_close(
        value_and_grad(lambda z: loss(z, codes), logits), value_and_grad(halves, logits)
    )


def test_cross_entropy_with_weights_of_classes_that_torch_averages():
    logits, codes = seed_batch()
    label = torch.where(codes > 255, 255, codes)
    weight = 1 / label[label != 255].bincount(minlength=5).double()
    loss = SeedCrossEntropyLoss(noisy='ignore', balance='class')
    torch.testing.assert_close(
        value_and_grad(lambda z: loss(z, codes), logits),
        value_and_grad(lambda z: cross_entropy(z, label, weight, ignore_index=255), logits),
    )


@pytest.mark.parametrize('balance', ['foreground', 'class'])
@pytest.mark.parametrize('reduction', ['mean', 'sum', 'none'])
def test_hybrid_learning_with_every_reduction(balance, reduction):
    logits, codes = seed_batch()
    weight = weights_of(codes, balance)
    given = torch.rand(codes.shape, dtype=torch.float64)
    config = dict(indirect='mean', direct_gate='all', positive='ce+constraint')
    total, pixels, gradient = hybrid(logits, codes, HybridSettings(**config), weight=weight * given)
    loss = PNHybridLoss(**config, balance=balance, reduction=reduction)
    value, grad = value_and_grad(loss, logits, codes, given)
    count = (codes != 255).sum() if reduction == 'mean' else 1
    expected = pixels if reduction == 'none' else total / count
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(grad, gradient / count, rtol=1e-5, atol=1e-7)


def test_other_divisors_leave_the_weights_alone():
    logits, codes = seed_batch()
    loss = SeedCrossEntropyLoss(balance='class')
    total = loss(logits, codes, reduction_override='sum')
    torch.testing.assert_close(loss(logits, codes, avg_factor=7.0), total / 7)
    over_all = SeedCrossEntropyLoss(balance='class', avg_non_ignore=False)
    torch.testing.assert_close(over_all(logits, codes), total / codes.numel())


@pytest.mark.parametrize('label', [0, 3])
@pytest.mark.parametrize('balance', ['foreground', 'class'])
def test_a_group_that_is_absent_leaves_all_to_the_other(label, balance):
    logits, _ = seed_batch()
    codes = torch.full((2, 5, 6), label)
    codes[0, 0] = 255
    found, expected = (
        value_and_grad(PNHybridLoss(balance=name), logits, codes) for name in (balance, 'none')
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32])
@pytest.mark.parametrize('balance', ['foreground', 'class'])
def test_nothing_supervised_gives_zero_with_gradients(dtype, balance):
    logits = torch.randn(2, 5, 4, 4, dtype=dtype)
    value, grad = value_and_grad(
        SeedCrossEntropyLoss(balance=balance), logits, torch.full((2, 4, 4), 255)
    )
    assert value.item() == 0
    assert torch.equal(grad, torch.zeros_like(logits))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    logits, codes = seed_batch()
    logits, loss = logits.to(dtype), SeedCrossEntropyLoss(balance='class')
    value, grad = value_and_grad(loss, logits, codes)
    expected, gradient = value_and_grad(loss, logits.double(), codes)
    assert value.dtype == torch.float32 and grad.dtype == dtype
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(grad.double(), gradient, rtol=2e-2, atol=1e-5)


def test_points_weigh_what_maps_do():
    logits, codes = seed_batch()
    loss = SeedCrossEntropyLoss(balance='foreground')
    value, grad = value_and_grad(loss, logits, codes)
    flat_value, flat_grad = value_and_grad(loss, logits.flatten(2), codes.flatten(1))
    torch.testing.assert_close(flat_value, value)
    torch.testing.assert_close(flat_grad, grad.flatten(2))


@pytest.mark.parametrize('balance', ['foreground', 'class'])
def test_weights_have_a_mean_of_one(balance):
    label = torch.randint(254, (3, 40))
    used = torch.rand(label.shape) < 0.5
    weight = balanced_weights(label, used, 255, balance, torch.float64)
    assert weight[label[used]].mean().item() == pytest.approx(1)
    assert weight[254] == 0


def test_a_wrong_balance_is_named():
    with pytest.raises(ValueError, match="balance must be .*'classes'"):
        SeedCrossEntropyLoss(balance='classes')
