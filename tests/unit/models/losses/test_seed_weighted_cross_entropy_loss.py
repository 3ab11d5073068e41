"""Weighted cross-entropy against a plain loop over pixels."""

import math

import pytest
import torch
from helpers.loss_oracle import value_and_grad

from mmseg_wsss.models.losses import SeedCrossEntropyLoss, SeedWeightedCrossEntropyLoss
from mmseg_wsss.registry import MODELS

SEEDS = 6
# 1 minus the variance of six votes over its greatest value, worked out by hand: with v votes for
# the label 1 - 4 (v / 6) (1 - v / 6), and never more for a minority.
CERTAINTY = {6: 1.0, 5: 4 / 9, 4: 1 / 9, 3: 0.0, 2: 0.0, 1: 0.0}


def graded_batch(num_classes=5, size=(6, 7), batch=2):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(batch, num_classes, *size, generator=generator, dtype=torch.float64)
    label = torch.randint(num_classes, (batch, *size), generator=generator)
    disagreement = torch.randint(SEEDS, label.shape, generator=generator)
    codes = label + 256 * disagreement
    codes[torch.rand(label.shape, generator=generator) < 0.1] = 255
    assert codes.div(256, rounding_mode='floor').unique().tolist() == list(range(SEEDS))
    return logits, codes


def weight_of(disagreement, weighting, lowest):
    certainty = CERTAINTY[SEEDS - disagreement]
    if weighting == 'two-level':
        return 1.0 if certainty > lowest else lowest
    return max(certainty, lowest)


def plain_sum(logits, codes, weighting='certainty', lowest=0.05, outer=None):
    """Sum over the pixels, one by one, and how many there are."""
    total, count = torch.zeros((), dtype=torch.float64), 0
    for image, row, column in torch.ones_like(codes).nonzero().tolist():
        code = int(codes[image, row, column])
        if code == 255:
            continue
        scores = logits[image, :, row, column]
        entropy = torch.log(torch.exp(scores).sum()) - scores[code % 256]
        weight = weight_of(code // 256, weighting, lowest)
        if outer is not None:
            weight = weight * outer[image, row, column]
        total, count = total + weight * entropy, count + 1
    return total, count


@pytest.mark.parametrize('weighting', ['certainty', 'two-level'])
@pytest.mark.parametrize('lowest', [0.0, 0.05, 0.2, 1.0])
def test_value_and_gradient(weighting, lowest):
    logits, codes = graded_batch()
    loss = SeedWeightedCrossEntropyLoss(SEEDS, weighting, lowest, loss_weight=0.4)

    def expected(z):
        total, count = plain_sum(z, codes, weighting, lowest)
        return 0.4 * total / count

    torch.testing.assert_close(
        value_and_grad(lambda z: loss(z, codes), logits), value_and_grad(expected, logits)
    )


def test_weight_of_a_sampler_reductions_and_rows_of_points():
    logits, codes = graded_batch()
    outer = torch.rand(codes.shape, dtype=torch.float64)
    total, count = plain_sum(logits, codes, outer=outer)
    loss = SeedWeightedCrossEntropyLoss()
    torch.testing.assert_close(loss(logits, codes, outer), total / count)
    torch.testing.assert_close(loss(logits, codes, outer, avg_factor=7), total / 7)
    pixels = loss(logits, codes, outer, reduction_override='none')
    assert pixels.shape == codes.shape
    torch.testing.assert_close(pixels.sum(), total)
    rows = loss(logits.flatten(2), codes.flatten(1), outer.flatten(1))
    torch.testing.assert_close(rows, total / count)


def test_unanimous_pixels_are_plain_cross_entropy():
    logits, codes = graded_batch()
    codes = codes % 256
    torch.testing.assert_close(
        value_and_grad(lambda z: SeedWeightedCrossEntropyLoss()(z, codes), logits),
        value_and_grad(lambda z: SeedCrossEntropyLoss()(z, codes), logits),
    )


def test_statistics_call_any_disagreement_noisy():
    logits, codes = graded_batch()
    loss = SeedWeightedCrossEntropyLoss()
    loss(logits, codes)
    assert loss.statistics['noisy_share'] == (codes >= 256).double().mean()
    clean = codes < 255
    right = (logits.argmax(1) == codes)[clean].double().mean()
    torch.testing.assert_close(loss.statistics['clean_right'], right)


def test_another_number_of_seeds():
    loss = SeedWeightedCrossEntropyLoss(num_seeds=3, min_weight=0.0)
    logits = torch.zeros(1, 2, 1, 3)
    codes = torch.tensor([[[1, 257, 513]]])
    pixels = loss(logits, codes, reduction_override='none')
    expected = math.log(2) * torch.tensor([[[1.0, 1 / 9, 0.0]]])
    torch.testing.assert_close(pixels, expected)


def test_more_disagreement_than_seeds_is_refused():
    codes = torch.full((1, 2, 2), 3 * 256 + 1)
    with pytest.raises(ValueError, match='3 seeds disagreement, expected at most 2 of num_seeds=3'):
        SeedWeightedCrossEntropyLoss(num_seeds=3)(torch.zeros(1, 4, 2, 2), codes)


def test_nothing_supervised_is_a_finite_zero():
    loss = MODELS.build(dict(type='SeedWeightedCrossEntropyLoss'))
    codes = torch.full((1, 3, 3), 255)
    value, grad = value_and_grad(lambda z: loss(z, codes), torch.randn(1, 4, 3, 3))
    assert value == 0 and (grad == 0).all()
    assert not loss.state_dict() and loss.loss_name.startswith('loss_')


@pytest.mark.parametrize(
    'wrong', [dict(num_seeds=0), dict(min_weight=-0.1), dict(min_weight=2), dict(weighting='soft')]
)
def test_wrong_options_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SeedWeightedCrossEntropyLoss(**wrong)


@pytest.mark.parametrize(
    ('logits', 'label', 'message'),
    [
        (torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, dtype=torch.long), 'does not fit'),
        (torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2), 'expected integer codes'),
        (torch.zeros(1, 3, 2, 2), torch.full((1, 2, 2), 256 + 3), 'out of range'),
    ],
)
def test_wrong_labels_are_named(logits, label, message):
    with pytest.raises(ValueError, match=message):
        SeedWeightedCrossEntropyLoss()(logits, label)
