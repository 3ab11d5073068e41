import itertools
import math

import pytest
import torch
from helpers.loss_oracle import hybrid, seed_batch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_wsss.models.losses import (
    HybridSettings,
    draw_complementary_labels,
    negative_log_complement,
    pn_hybrid_pixel_loss,
    prediction_constraint,
)
from mmseg_wsss.models.losses.functional import labels_present
from mmseg_wsss.models.losses.pixel_labels import PixelLabels

OPTIONS = [
    dict(positive=positive, direct_gate=gate, indirect=indirect, jnpl_weighting=jnpl)
    for positive, gate, indirect, jnpl in itertools.product(
        ('constraint', 'ce', 'ce+constraint'),
        ('all', 'low_confidence', 'untagged'),
        ('draws', 'mean', 'unvoted'),
        (False, True),
    )
] + [
    dict(direct_weight=0.0),
    dict(indirect_weight=0.0),
    dict(constraint_weight=0.0),
    dict(noisy_positive_weight=0.4, positive='ce+constraint'),
]


@pytest.mark.parametrize('options', OPTIONS, ids=lambda o: '-'.join(map(str, o.values())))
def test_equals_the_loop_over_pixels(options):
    defaults = dict(
        temperature=0.6, constraint_weight=0.3, direct_weight=0.7, indirect_weight=1.3, num_draws=3
    )
    config = HybridSettings(**{**defaults, **options})
    logits, codes = seed_batch()
    labels = PixelLabels.from_codes(codes, 5)
    draws = draw_complementary_labels(labels.label[labels.noisy], 5, 3)
    total, pixels, gradient = hybrid(logits, codes, config, draws)
    logits.requires_grad_()
    loss = pn_hybrid_pixel_loss(logits, labels.label, labels.clean, labels.noisy, config, draws)
    loss.sum().backward()
    torch.testing.assert_close(loss.detach(), pixels, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(loss.sum().detach(), total, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(logits.grad, gradient, rtol=1e-6, atol=1e-8)


def test_draws_are_asked_for():
    logits, codes = seed_batch()
    labels = PixelLabels.from_codes(codes, 5)
    with pytest.raises(ValueError, match='draws'):
        pn_hybrid_pixel_loss(logits, labels.label, labels.clean, labels.noisy, HybridSettings())


@pytest.mark.parametrize('num_classes', [2, 21, 81])
@pytest.mark.parametrize('temperature', [0.1, 1.0])
def test_floor_of_the_constraint(num_classes, temperature):
    k = num_classes
    floor = math.log(1 + (k - 1) * math.exp(-math.sqrt(k / (k - 1)) / temperature))
    best = torch.full((1, k), -1.0, dtype=torch.float64)
    best[0, 0] = k - 1  # the direction of onehot - 1/K
    label = torch.tensor([0])
    assert prediction_constraint(best, label, temperature).item() == pytest.approx(floor, rel=1e-6)
    others = torch.randn(500, k, dtype=torch.float64)
    others[:, 0] += 3
    loss = prediction_constraint(others, torch.zeros(500, dtype=torch.long), temperature)
    assert loss.min() >= floor - 1e-6


def test_constraint_of_vanishing_logits_is_that_of_a_uniform_guess():
    logits = torch.zeros(1, 7, requires_grad=True)
    loss = prediction_constraint(logits, torch.tensor([3]))
    loss.sum().backward()
    assert loss.item() == pytest.approx(math.log(7))
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize('gap', [0.0, 20.0, 1e3, 6e4])
def test_complement_is_finite_where_a_class_takes_it_all(dtype, gap):
    logits = torch.zeros(1, 4, dtype=dtype)
    logits[0, 2] = gap
    logits.requires_grad_()
    value = negative_log_complement(logits)
    value.sum().backward()
    assert logits.grad.isfinite().all()
    top = math.log1p(math.exp(-abs(gap - math.log(3)))) + max(gap - math.log(3), 0)
    assert value[0, 2].item() == pytest.approx(top, rel=1e-2 if dtype == torch.bfloat16 else 1e-3)
    assert value[0, 0].item() == pytest.approx(-math.log1p(-1 / (3 + math.exp(min(gap, 700)))))


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 9), st.integers(0, 2**31), st.floats(0.1, 50))
def test_complement_equals_the_softmax_in_float64(num_classes, seed, scale):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(6, num_classes, generator=generator, dtype=torch.float64)
    rest = torch.stack(
        [logits[:, [j for j in range(num_classes) if j != k]].logsumexp(1)
         for k in range(num_classes)], 1,
    )  # fmt: skip
    expected = logits.logsumexp(1, keepdim=True) - rest
    torch.testing.assert_close(negative_log_complement(logits), expected, rtol=1e-9, atol=1e-13)


def test_draws_are_uniform_over_the_other_classes_and_reproducible():
    label = torch.full((1000,), 2)
    draws = draw_complementary_labels(label, 5, 20, torch.Generator().manual_seed(1))
    again = draw_complementary_labels(label, 5, 20, torch.Generator().manual_seed(1))
    assert torch.equal(draws, again)
    counts = draws.flatten().bincount(minlength=5)
    assert counts[2] == 0
    # Five standard deviations of a binomial count of 20000 draws with p = 1/4.
    assert (counts[[0, 1, 3, 4]] - 5000).abs().max() < 5 * math.sqrt(20000 * 0.25 * 0.75)


def test_labels_present():
    label = torch.tensor([[[0, 3]], [[1, 1]]])
    mask = torch.tensor([[[True, False]], [[True, True]]])
    expected = torch.tensor([[True, False, False, False], [False, True, False, False]])
    assert torch.equal(labels_present(label, mask, 4), expected)
