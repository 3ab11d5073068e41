import itertools
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from helpers.loss_oracle import seed_batch

from mmseg_wsss.models.losses import (
    PNHybridLoss,
    SeedCrossEntropyLoss,
    SeedGeneralizedCrossEntropyLoss,
    SeedSymmetricCrossEntropyLoss,
)

LOSSES = [
    partial(PNHybridLoss, **options, temperature=0.7, seed=4, loss_weight=0.4)
    for options in (
        dict(positive=positive, direct_gate=gate, indirect=indirect, jnpl_weighting=jnpl)
        for positive, gate, indirect, jnpl in itertools.product(
            ('constraint', 'ce', 'ce+constraint'),
            ('all', 'low_confidence', 'untagged'),
            ('draws', 'mean', 'unvoted'),
            (False, True),
        )
    )
] + [
    SeedCrossEntropyLoss,
    partial(SeedCrossEntropyLoss, noisy='ignore', avg_non_ignore=False),
    SeedGeneralizedCrossEntropyLoss,
    SeedSymmetricCrossEntropyLoss,
    partial(PNHybridLoss, seed=4, reduction='sum'),
    partial(PNHybridLoss, seed=4, noisy_positive_weight=0.7, positive='ce+constraint'),
]
SIZES = [
    ((4, 5), (16, 20)),
    ((3, 7), (11, 23)),
    ((1, 1), (6, 5)),
    ((9, 8), (4, 5)),
    ((5, 6), (5, 6)),
]


def value_and_grad(function, logits):
    logits = logits.detach().clone().requires_grad_()
    value = function(logits)
    value.backward()
    return value.detach(), logits.grad


def compare(make_loss, low, codes, align_corners, weight=None, **tolerance):
    """Fused against F.interpolate followed by the loss, and their statistics."""
    fused, separate = make_loss(), make_loss()
    value, grad = value_and_grad(lambda z: fused.fused(z, codes, align_corners, weight=weight), low)
    expected, expected_grad = value_and_grad(
        lambda z: separate(
            F.interpolate(z, codes.shape[1:], mode='bilinear', align_corners=align_corners),
            codes,
            weight,
        ),
        low,
    )
    torch.testing.assert_close(value, expected, **tolerance)
    scale = expected_grad.abs().max()
    torch.testing.assert_close(grad / scale, expected_grad / scale, **tolerance)
    for name, share in separate.statistics.items():
        torch.testing.assert_close(fused.statistics[name], share, equal_nan=True)


@pytest.mark.parametrize('make_loss', LOSSES)
def test_every_option_in_float64(make_loss):
    _, codes = seed_batch(size=(11, 14))
    low = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    compare(make_loss, low, codes, align_corners=False, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize('make_loss', [partial(PNHybridLoss, seed=4), SeedCrossEntropyLoss])
@pytest.mark.parametrize('low_size', [(3, 4), (11, 14)])
def test_weights_of_pixels(make_loss, low_size):
    _, codes = seed_batch(size=(11, 14))
    low = torch.randn(2, 5, *low_size, dtype=torch.float64)
    weight = torch.rand(codes.shape, dtype=torch.float64)
    compare(make_loss, low, codes, False, weight, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize(('low_size', 'size'), SIZES)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_sizes(low_size, size, align_corners, dtype):
    _, codes = seed_batch(size=size)
    low = torch.randn(2, 5, *low_size, dtype=dtype)
    compare(lambda: PNHybridLoss(seed=1), low, codes, align_corners, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize('make_loss', [partial(PNHybridLoss, seed=4), SeedCrossEntropyLoss])
def test_a_crop_in_float32(make_loss, align_corners):
    """Many strips; value and gradient within 1e-5 of upsampling first."""
    _, codes = seed_batch(21, size=(192, 256))
    low = torch.randn(2, 21, 48, 64) * 4
    fused, separate = make_loss(), make_loss()
    torch.manual_seed(5)
    value, grad = value_and_grad(lambda z: fused.fused(z, codes, align_corners), low)
    torch.manual_seed(5)
    expected, expected_grad = value_and_grad(
        lambda z: separate(
            F.interpolate(z, codes.shape[1:], mode='bilinear', align_corners=align_corners),
            codes,
        ),
        low,
    )
    assert abs(value / expected - 1) < 1e-5
    assert (grad - expected_grad).norm() / expected_grad.norm() < 1e-5


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    _, codes = seed_batch(size=(16, 16))
    low = (torch.randn(2, 5, 4, 4) * 3).to(dtype)
    loss = PNHybridLoss(indirect='mean')
    expected, expected_grad = value_and_grad(lambda z: loss.fused(z, codes), low.double())
    with torch.autocast('cpu', dtype=dtype):
        value, grad = value_and_grad(lambda z: loss.fused(z, codes), low)
    assert value.dtype == torch.float32
    assert grad.dtype == dtype
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        grad.double(), expected_grad, rtol=2 * torch.finfo(dtype).eps, atol=1e-7
    )


def test_reduced_product_precision_is_not_used_and_left_as_set():
    _, codes = seed_batch(21, size=(64, 64))
    low = torch.randn(2, 21, 16, 16)
    loss = PNHybridLoss(indirect='mean')
    expected = value_and_grad(lambda z: loss.fused(z, codes), low)
    try:
        torch.set_float32_matmul_precision('medium')
        result = value_and_grad(lambda z: loss.fused(z, codes), low)
        assert torch.get_float32_matmul_precision() == 'medium'
    finally:
        torch.set_float32_matmul_precision('highest')
    torch.testing.assert_close(result, expected, rtol=0, atol=0)


def test_gradcheck():
    _, codes = seed_batch(size=(6, 7))
    low = torch.randn(2, 5, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: PNHybridLoss(seed=2).fused(z, codes, True), low)


def test_nothing_supervised_gives_zero_with_gradients():
    low = torch.randn(2, 5, 3, 3)
    value, grad = value_and_grad(
        lambda z: PNHybridLoss().fused(z, torch.full((2, 12, 12), 255)), low
    )
    assert value == 0
    assert torch.equal(grad, torch.zeros_like(low))


def test_no_grad_and_backward_twice():
    _, codes = seed_batch(size=(12, 12))
    low = torch.randn(2, 5, 3, 3, requires_grad=True)
    loss = PNHybridLoss(indirect='mean')
    with torch.no_grad():
        silent = loss.fused(low, codes)
    value = loss.fused(low, codes)
    value.backward(retain_graph=True)
    once = low.grad.clone()
    value.backward()
    assert not silent.requires_grad
    torch.testing.assert_close(silent, value.detach())
    torch.testing.assert_close(low.grad, 2 * once)


@pytest.mark.parametrize(
    ('shape', 'codes', 'message'),
    [
        ((2, 5, 3, 3), torch.zeros(1, 6, 6).long(), 'same B'),
        ((2, 5, 9), torch.zeros(2, 9).long(), r'\(B, K, H, W\)'),
        ((2, 5, 3, 3), torch.full((2, 6, 6), 5), '5 classes'),
    ],
)
def test_errors_name_what_is_wrong(shape, codes, message):
    with pytest.raises(ValueError, match=message):
        PNHybridLoss().fused(torch.zeros(shape), codes)


def test_no_fused_loss_per_pixel():
    with pytest.raises(ValueError, match="'none'"):
        PNHybridLoss(reduction='none').fused(torch.zeros(1, 2, 1, 1), torch.zeros(1, 2, 2).long())
