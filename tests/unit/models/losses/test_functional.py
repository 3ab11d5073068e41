import functools
import math

import pytest
import torch
from helpers.loss_oracle import (
    DEFAULTS,
    OPTIONS,
    hybrid,
    loser_map,
    option_names,
    seed_batch,
    tag_map,
    value_and_grad,
    with_losing_votes,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_wsss.models.losses import (
    HybridSettings,
    PixelLabels,
    draw_complementary_labels,
    negative_log_complement,
    pn_hybrid_pixel_loss,
    prediction_constraint,
)
from mmseg_wsss.models.losses.functional import (
    HybridTargets,
    hybrid_loss,
    labels_present,
    pack_classes,
    unpack_classes,
)


def crop(settings, **kwargs):
    """Logits, codes, their labels and a drawn class for every pixel."""
    logits, codes = seed_batch(**kwargs)
    num_classes = logits.shape[1]
    codes = with_losing_votes(codes, num_classes) if settings.losers else codes
    labels = PixelLabels.from_codes(codes, num_classes)
    draws = draw_complementary_labels(labels.label.flatten(), num_classes, settings.num_draws)
    draws = draws.to(torch.uint8).view(*codes.shape, -1).movedim(-1, 1)
    return logits, codes, (labels.label, labels.clean, labels.noisy), draws


@pytest.mark.parametrize('options', OPTIONS, ids=option_names)
def test_equals_the_loop_over_pixels(options):
    config = HybridSettings(**{**DEFAULTS, **options})
    logits, codes, labels, draws = crop(config)
    _, pixels, gradient = hybrid(logits, codes, config, draws if config.draws else None)
    given = loser_map(codes), tag_map(codes.shape[1:], 5)
    value, grad = value_and_grad(
        lambda z: pn_hybrid_pixel_loss(z, *labels, config, draws, *given), logits
    )
    torch.testing.assert_close(value, pixels, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(grad, gradient, rtol=1e-6, atol=1e-7)


def test_has_a_second_derivative():
    config = HybridSettings(
        indirect='mean', positive='ce+constraint', noisy_set_weight=0.5, tag_set_weight=0.7
    )
    logits, codes, labels, _ = crop(config, size=(2, 2))
    loss = functools.partial(pn_hybrid_pixel_loss, label=labels[0], clean=labels[1],
                             noisy=labels[2], settings=config, losers=loser_map(codes),
                             tags=tag_map((2, 2), 5))  # fmt: skip
    assert torch.autograd.gradgradcheck(loss, logits.requires_grad_())


@pytest.mark.parametrize(
    ('options', 'missing'),
    [
        (dict(), 'draws'),
        (dict(indirect='mean', direct='losers'), 'losing votes'),
        (dict(indirect='mean', noisy_set_weight=1.0), 'losing votes'),
        (dict(indirect='mean', tag_set_weight=1.0), 'tags'),
    ],
)
def test_what_is_missing_is_asked_for(options, missing):
    config = HybridSettings(**options)
    logits, _, labels, _ = crop(config)
    with pytest.raises(ValueError, match=f'{missing}.*got None'):
        pn_hybrid_pixel_loss(logits, *labels, config)


@pytest.mark.parametrize('num_classes', [2, 8, 9, 255])
def test_sets_of_classes(num_classes):
    member = torch.rand(2, num_classes, 3, 5) < 0.3
    packed = pack_classes(member)
    assert packed.shape == (2, math.ceil(num_classes / 8), 3, 5)
    assert torch.equal(unpack_classes(packed, num_classes), member)


@pytest.mark.parametrize('jnpl', [False, True])
def test_a_set_of_classes_for_each_pixel(jnpl):
    """Weights and sets that no option makes, as terms of the votes at each pixel would."""
    config = HybridSettings(indirect='mean', jnpl_weighting=jnpl, direct_gate='all')
    logits, codes = seed_batch(num_classes=11, size=(3, 4))
    label = torch.where(codes == 255, 0, codes % 256)
    member = torch.rand(logits.shape) < 0.4
    weights = torch.rand(3, *codes.shape, dtype=torch.float64)
    targets = HybridTargets(label, *weights, pack_classes(member))
    p = logits.softmax(1)
    expected = weights[0] * prediction_constraint(logits, label)
    for k in range(11):
        factor = weights[2] * member[:, k] * (label != k) * (1 - p[:, k] if jnpl else 1)
        factor = factor + weights[1] * (label == k)
        expected = expected - factor * torch.log1p(-p[:, k])
    torch.testing.assert_close(hybrid_loss(logits, targets, config), expected)


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


@pytest.mark.parametrize('logits', [[3.0, 3.0], [2.0, 2.0, -1.0], [0.0, 0.0, 0.0, 0.0]])
def test_complement_where_several_classes_share_the_top(logits):
    logits = torch.tensor([logits], dtype=torch.float64, requires_grad=True)
    plain = -torch.log1p(-logits.softmax(1))
    torch.testing.assert_close(negative_log_complement(logits), plain)
    factor = torch.arange(1.0, 1 + logits.shape[1], dtype=torch.float64)
    grads = [
        torch.autograd.grad((value * factor).sum(), logits)[0]
        for value in (negative_log_complement(logits), -torch.log1p(-logits.softmax(1)))
    ]
    torch.testing.assert_close(*grads)


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
