"""A loss made outside the package, by the public methods of SeedPixelLoss."""

import pytest
import torch
import torch.nn.functional as F
from helpers.loss_oracle import seed_batch, value_and_grad, with_losing_votes
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.structures import SegDataSample

from mmseg_wsss.models.losses import SeedPixelLoss
from mmseg_wsss.registry import MODELS


class FocalSeedLoss(SeedPixelLoss):
    """Focal loss on clean pixels, mean absolute error on noisy ones, weighted by the class."""

    def __init__(self, gamma=2.0, loss_weight=1.0, loss_name='loss_focal', reduction='mean'):
        super().__init__(loss_weight, loss_name, reduction)
        self.gamma = gamma

    def pixel_maps(self, labels, num_classes, dtype):
        onehot = F.one_hot(labels.label, num_classes).to(dtype)
        share = onehot.mean((1, 2))
        return {'rarity': 1 - share.gather(1, labels.label.flatten(1)).view_as(labels.label)}

    def pixel_loss(self, logits, labels):
        loss = F.cross_entropy(logits, labels.label, reduction='none')
        focal = labels.clean * (1 - torch.exp(-loss)) ** self.gamma * loss
        return labels.maps['rarity'] * focal

    def noisy_loss(self, logits, labels):
        at_label = logits.softmax(1).gather(1, labels.label[:, None])[:, 0]
        return labels.maps['rarity'] * (1 - at_label)


def straightforward(logits, codes):
    """Sum of the same loss, and how many pixels have one."""
    total, used = 0, codes != 255
    label = torch.where(used, codes % 256, 0)
    for image, own, image_codes in zip(logits, label, codes, strict=True):
        p = image.softmax(0)
        for k in range(len(image)):
            rarity = 1 - (own == k).double().mean()
            clean, noisy = image_codes == k, image_codes == k + 256
            total = total - rarity * ((1 - p[k]) ** 2 * p[k].log())[clean].sum()
            total = total + rarity * (1 - p[k])[noisy].sum()
    return total, used.sum()


def test_value_and_gradient():
    logits, codes = seed_batch()
    loss = FocalSeedLoss(loss_weight=0.4)

    def expected(z):
        total, count = straightforward(z, codes)
        return 0.4 * total / count

    found = value_and_grad(loss, logits, codes)
    torch.testing.assert_close(found, value_and_grad(expected, logits))
    pixels = loss(logits, codes, reduction_override='none')
    assert pixels.shape == codes.shape and not pixels[codes == 255].any()
    torch.testing.assert_close(
        loss(logits, codes, reduction_override='sum'), 0.4 * straightforward(logits, codes)[0]
    )


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    logits, codes = seed_batch()
    logits = logits.to(dtype)
    value, grad = value_and_grad(FocalSeedLoss(), logits, codes)
    expected, expected_grad = value_and_grad(FocalSeedLoss(), logits.double(), codes)
    assert value.dtype == torch.float32 and grad.dtype == dtype
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-6)
    tolerance = 2 * torch.finfo(dtype).eps
    torch.testing.assert_close(grad.double(), expected_grad, rtol=tolerance, atol=1e-6)


def test_values_at_ignored_pixels_do_not_count():
    class Careless(FocalSeedLoss):
        def pixel_loss(self, logits, labels):
            ignored = ~(labels.clean | labels.noisy)
            return super().pixel_loss(logits, labels) + 1e30 * ignored

    logits, codes = seed_batch()
    torch.testing.assert_close(
        value_and_grad(Careless(), logits, codes), value_and_grad(FocalSeedLoss(), logits, codes)
    )


def test_a_loss_that_asks_for_losing_votes_gets_them_for_its_pixels():
    class NumberOfLosers(SeedPixelLoss):
        reads_losing_votes = True

        def pixel_loss(self, logits, labels):
            return (labels.maps['losers'] != 255).sum(1) + 0 * logits.sum(1)

    logits, codes = seed_batch()
    codes = with_losing_votes(codes)
    losers = NumberOfLosers(1.0, 'loss_number')(logits, codes, reduction_override='none')
    fields = torch.stack([codes >> (16 + 8 * i) & 255 for i in range(5)])
    expected = (fields > 0).sum(0).masked_fill(codes % 65536 == 255, 0)
    assert torch.equal(losers.long(), expected) and expected.max() > 1


def test_in_a_decode_head_by_name():
    MODELS.register_module(module=FocalSeedLoss)
    try:
        head = FCNHead(
            in_channels=8, channels=4, num_convs=1, num_classes=5,
            loss_decode=dict(type='mmseg_wsss.FocalSeedLoss', gamma=1.0),
        )  # fmt: skip
    finally:
        del MODELS.module_dict['FocalSeedLoss']
    _, codes = seed_batch(size=(12, 12))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=c[None])) for c in codes]
    losses = head.loss([torch.randn(2, 8, 6, 6)], samples, None)
    losses['loss_focal'].backward()
    assert head.conv_seg.weight.grad.any()


def test_a_loss_has_to_say_what_it_computes():
    with pytest.raises(TypeError, match='pixel_loss'):
        SeedPixelLoss(1.0, 'loss_nothing')


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16], ids=str)
def test_a_gradient_that_is_the_same_for_all_classes(dtype):
    """Autograd gives it without memory of its own, to which nothing can be added."""

    class Sum(SeedPixelLoss):
        def __init__(self):
            super().__init__(1.0, 'loss_sum', 'sum')

        def pixel_loss(self, logits, labels):
            return logits.sum(1)

        noisy_loss = pixel_loss

    logits, codes = seed_batch()
    logits = logits.to(dtype)
    used, noisy = codes != 255, codes >= 256
    expected = (used.to(dtype) + noisy.to(dtype))[:, None].expand_as(logits)
    value, grad = value_and_grad(Sum(), logits, codes)
    torch.testing.assert_close(grad, expected)
    torch.testing.assert_close(value.double(), (logits.double() * expected.double()).sum())
