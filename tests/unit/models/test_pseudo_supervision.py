import math

import pytest
import torch
import torch.nn.functional as F
from helpers.tiny_networks import SIZE, build_network, seed_batch
from torch import nn

from mmseg_wsss.models.losses import FilteredLoss
from mmseg_wsss.models.pseudo_supervision import (
    check_kinds,
    class_logits,
    class_probabilities,
    evaluation_mode,
    inside_images,
    pixels_of,
    pseudo_label_loss,
    stack_codes,
)


def test_loss_is_that_of_a_loop_over_pixels():
    logits = torch.randn(2, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    target = torch.randn(2, 4, 5, 6).mul(2).softmax(1)
    where = torch.rand(2, 5, 6) < 0.6
    total, number = pseudo_label_loss(logits, target, where, 0.7)
    expected, count = 0.0, 0
    for b, y, x in where.nonzero().tolist():
        chances = target[b, :, y, x].tolist()
        if max(chances) >= 0.7:
            scores = logits[b, :, y, x].tolist()
            label = chances.index(max(chances))
            expected += math.log(sum(math.exp(s - scores[label]) for s in scores))
            count += 1
    assert number == count and 0 < count < where.sum()
    assert total.item() == pytest.approx(expected, rel=1e-5)
    total.backward()
    counted = where & (target.max(1).values >= 0.7)
    assert torch.equal(logits.grad.abs().sum(1) > 0, counted)


def test_loss_of_no_pixel_is_0_with_gradients():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    total, number = pseudo_label_loss(logits, logits.softmax(1), torch.zeros(1, 2, 2).bool())
    total.backward()
    assert total == number == 0 and torch.equal(logits.grad, torch.zeros_like(logits))


def test_probabilities_of_several_scales_are_the_mean_of_single_predictions():
    model = build_network()
    images = torch.randn(2, 3, *SIZE)
    found = class_probabilities(model, images, (0.5, 1.0, 1.5))
    assert model.training and not found.requires_grad
    model.eval()
    expected = 0
    with torch.no_grad():
        for factor in (0.5, 1.0, 1.5):
            sides = [round(side * factor) for side in SIZE]
            view = F.interpolate(images, sides, mode='bilinear')
            logits = model.decode_head(model.extract_feat(view))
            chances = F.interpolate(logits, sides, mode='bilinear').softmax(1)
            expected = expected + F.interpolate(chances, SIZE, mode='bilinear') / 3
    torch.testing.assert_close(found, expected)


def test_scores_of_a_head_of_masks_become_logits(monkeypatch):
    """Its scores are sums of probabilities, which a softmax would flatten."""
    from mmseg_wsss.models import pseudo_supervision

    model = build_network().eval()
    scores = torch.tensor([0.9, 0.05, 0.3])[None, :, None, None].expand(1, 3, *SIZE)
    monkeypatch.setattr(type(model.decode_head), 'predict', lambda *args: scores)
    monkeypatch.setattr(pseudo_supervision, 'Mask2FormerHead', type(model.decode_head))
    found = class_logits(model, torch.zeros(1, 3, *SIZE)).softmax(1)
    torch.testing.assert_close(found, scores / scores.sum(1, keepdim=True), atol=1e-5, rtol=0)


def test_modes_of_parts_are_kept_also_after_an_error():
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    model[1].eval()
    with pytest.raises(KeyError), evaluation_mode(model):
        assert not any(part.training for part in model.modules())
        raise KeyError
    assert [part.training for part in model.modules()] == [True, True, False]


def test_kinds_of_pixels():
    codes = torch.tensor([[[0, 2, 256, 258, 255, 511]]])
    head = nn.Module()
    head.loss_decode = FilteredLoss(dict(type='SeedCrossEntropyLoss'))
    head.loss_decode.filtered = torch.tensor([[[True, False, False, True, True, False]]])
    expected = dict(
        clean=[0, 1, 0, 0, 0, 0], noisy=[0, 0, 1, 1, 0, 0], ignored=[0, 0, 0, 0, 1, 1],
        filtered=[1, 0, 0, 0, 0, 0],
    )  # fmt: skip
    for kind, mask in expected.items():
        assert pixels_of([kind], codes, head).int()[0, 0].tolist() == mask
    assert pixels_of(['noisy', 'filtered'], codes, head).int()[0, 0].tolist() == [1, 0, 1, 1, 0, 0]
    assert pixels_of(['clean'], codes).int()[0, 0].tolist() == [1, 1, 0, 0, 0, 0]
    for wrong in ([], 'noisy', ['odd']):
        with pytest.raises(ValueError, match='pixels'):
            check_kinds(wrong)


def test_padding_is_not_inside_an_image():
    model = build_network()
    batch = seed_batch(size=(20, 28))
    data = model.data_preprocessor(batch, training=True)
    codes = stack_codes(data['data_samples'])
    assert codes.shape == (2, *SIZE)
    expected = torch.zeros(2, *SIZE, dtype=torch.bool)
    expected[:, :20, :28] = True
    assert torch.equal(inside_images(data['data_samples'], codes), expected)
