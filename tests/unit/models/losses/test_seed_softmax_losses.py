import pytest
import torch
from helpers.loss_oracle import seed_batch, value_and_grad
from mmseg.models.losses import CrossEntropyLoss
from torch.nn.functional import cross_entropy

from mmseg_wsss.models.losses import (
    SeedCrossEntropyLoss,
    SeedGeneralizedCrossEntropyLoss,
    SeedSymmetricCrossEntropyLoss,
    SeedWeightedCrossEntropyLoss,
)
from mmseg_wsss.registry import MODELS


def as_labels(codes, noisy):
    """What the codes mean to a loss that reads plain labels."""
    return torch.where(codes > 255, 255 if noisy == 'ignore' else codes - 256, codes)


@pytest.mark.parametrize('noisy', ['keep', 'ignore'])
@pytest.mark.parametrize('avg_non_ignore', [False, True])
@pytest.mark.parametrize('reduction', ['mean', 'sum', 'none'])
def test_cross_entropy_equals_that_of_mmseg(noisy, avg_non_ignore, reduction):
    logits, codes = seed_batch()
    weight = torch.rand(codes.shape)
    ours = SeedCrossEntropyLoss(noisy, avg_non_ignore, loss_weight=0.4, reduction=reduction)
    theirs = CrossEntropyLoss(avg_non_ignore=avg_non_ignore, loss_weight=0.4, reduction=reduction)
    labels = as_labels(codes, noisy)
    result = value_and_grad(lambda z: ours(z, codes, weight), logits)
    expected = value_and_grad(lambda z: theirs(z, labels, weight, ignore_index=255), logits)
    torch.testing.assert_close(result, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('noisy', ['keep', 'ignore'])
@pytest.mark.parametrize('label_smoothing', [0.1, 1.0])
def test_label_smoothing_equals_that_of_torch(noisy, label_smoothing):
    logits, codes = seed_batch()
    labels = as_labels(codes, noisy)
    ours = SeedCrossEntropyLoss(noisy, label_smoothing=label_smoothing)

    def theirs(z):
        return cross_entropy(z, labels, ignore_index=255, label_smoothing=label_smoothing)

    torch.testing.assert_close(
        value_and_grad(lambda z: ours(z, codes), logits), value_and_grad(theirs, logits)
    )


def test_weighted_cross_entropy_is_smoothed_too():
    logits, codes = seed_batch()
    codes = codes.masked_fill(codes > 255, 255)  # all seeds agree
    found, expected = (
        value_and_grad(lambda z, loss=loss: loss(z, codes), logits)
        for loss in (
            SeedWeightedCrossEntropyLoss(label_smoothing=0.3),
            SeedCrossEntropyLoss(label_smoothing=0.3),
        )
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('noisy', ['keep', 'ignore'])
@pytest.mark.parametrize('q', [0.3, 0.7, 1.0])
def test_generalized_cross_entropy(noisy, q):
    logits, codes = seed_batch()
    labels = as_labels(codes, noisy)
    used = labels != 255

    def expected(z):
        p = z.softmax(1).movedim(1, -1)[used].gather(1, labels[used][:, None])
        return ((1 - p**q) / q).mean()

    ours = SeedGeneralizedCrossEntropyLoss(q, noisy)
    torch.testing.assert_close(
        value_and_grad(lambda z: ours(z, codes), logits), value_and_grad(expected, logits)
    )


@pytest.mark.parametrize('noisy', ['keep', 'ignore'])
@pytest.mark.parametrize(('alpha', 'beta'), [(0.1, 1.0), (1.0, 0.0), (0.0, 2.0)])
def test_symmetric_cross_entropy(noisy, alpha, beta):
    logits, codes = seed_batch()
    labels = as_labels(codes, noisy)
    used = labels != 255

    def expected(z):
        log_p = z.log_softmax(1).movedim(1, -1)[used]
        onehot = torch.nn.functional.one_hot(labels[used], 5).double()
        log_label = torch.where(onehot > 0, 0.0, -4.0)
        reverse = -(log_p.exp() * log_label).sum(1)
        return (-alpha * (onehot * log_p).sum(1) + beta * reverse).mean()

    ours = SeedSymmetricCrossEntropyLoss(alpha, beta, noisy=noisy)
    torch.testing.assert_close(
        value_and_grad(lambda z: ours(z, codes), logits), value_and_grad(expected, logits)
    )


@pytest.mark.parametrize(
    'name', ['SeedCrossEntropyLoss', 'SeedGeneralizedCrossEntropyLoss',
             'SeedSymmetricCrossEntropyLoss'],
)  # fmt: skip
@pytest.mark.parametrize('noisy', ['keep', 'ignore'])
def test_only_noisy_pixels(name, noisy):
    loss = MODELS.build(dict(type=name, noisy=noisy))
    codes = torch.full((1, 3, 3), 257)
    value, grad = value_and_grad(lambda z: loss(z, codes), torch.randn(1, 4, 3, 3))
    assert (value > 0) == (noisy == 'keep')
    assert grad.isfinite().all()
    assert loss.loss_name.startswith('loss_')


@pytest.mark.parametrize(
    ('loss', 'wrong'),
    [
        (SeedCrossEntropyLoss, dict(noisy='drop')),
        (SeedCrossEntropyLoss, dict(label_smoothing=-0.1)),
        (SeedWeightedCrossEntropyLoss, dict(label_smoothing=2)),
        (SeedGeneralizedCrossEntropyLoss, dict(q=0)),
        (SeedSymmetricCrossEntropyLoss, dict(log_zero=0)),
        (SeedSymmetricCrossEntropyLoss, dict(alpha=-1)),
    ],
)
def test_wrong_options_are_named(loss, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        loss(**wrong)
