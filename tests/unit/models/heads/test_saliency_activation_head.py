"""SaliencyActivationHead: values and gradients against slow plain code, and behind a backbone."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample

from mmseg_wsss.models.heads import ClassActivationHead, SaliencyActivationHead
from mmseg_wsss.models.heads.saliency_activation_head import estimate_saliency, saliency_loss
from mmseg_wsss.registry import MODELS


def slow_loss(logits, saliency, tags, min_overlap, weight, sides=None):
    """The loss pixel by pixel; ``sides`` takes the side that each tagged class was counted on."""
    images, classes, height, width = logits.shape
    total = 0.0
    for image in range(images):
        rows, columns = saliency.shape[1] / height, saliency.shape[2] / width
        given, maps = {}, {}
        for y in range(height):
            for x in range(width):
                given[y, x] = float(saliency[image, int(y * rows), int(x * columns)])
                powers = [math.exp(logits[image, k, y, x]) for k in range(classes)]
                maps[y, x] = [power / sum(powers) for power in powers]
        foreground = dict.fromkeys(maps, 0.0)
        background = {pixel: maps[pixel][-1] for pixel in maps}
        for k in range(classes - 1):
            if not tags[image, k]:
                continue
            own = [pixel for pixel in maps if maps[pixel][k] > 0.5]
            inside = [pixel for pixel in own if given[pixel] > 0.5]
            side = background
            if own and len(inside) / len(own) > min_overlap:
                side = foreground
            if sides is not None:
                sides.append('foreground' if side is foreground else 'background')
            for pixel in maps:
                side[pixel] += maps[pixel][k]
        for pixel in maps:
            estimate = weight * foreground[pixel] + (1 - weight) * (1 - background[pixel])
            total += (estimate - given[pixel]) ** 2
    return total / (images * height * width)


def make_inputs(seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(3, 4, 5, 6, generator=generator, dtype=torch.float64)
    saliency = torch.rand(3, 10, 18, generator=generator, dtype=torch.float64)
    tags = torch.tensor([[1, 0, 1], [0, 1, 0], [0, 0, 0]])
    return logits, saliency, tags


@pytest.mark.parametrize(('min_overlap', 'weight'), [(0.4, 0.5), (0.0, 0.2), (0.5, 1.0)])
def test_value_and_gradient(min_overlap, weight):
    seen = []
    for seed in range(5):
        logits, saliency, tags = make_inputs(seed)
        expected = slow_loss(logits, saliency, tags, min_overlap, weight, seen)
        logits.requires_grad_()
        found = saliency_loss(logits, saliency, tags, min_overlap, weight)
        assert found.item() == pytest.approx(expected, abs=1e-12)
    assert {'foreground'} <= set(seen) and (min_overlap == 0 or 'background' in seen)
    found.backward()
    for place in [(0, 0, 1, 2), (0, 1, 4, 5), (0, 3, 0, 0), (1, 1, 2, 2), (2, 0, 3, 3)]:
        values = []
        for step in (1e-6, -1e-6):
            moved = logits.detach().clone()
            moved[place] += step
            values.append(slow_loss(moved, saliency, tags, min_overlap, weight))
        slope = (values[0] - values[1]) / 2e-6
        assert logits.grad[place].item() == pytest.approx(slope, abs=1e-8)


def test_estimate_by_hand():
    # Two foreground classes and the background, two pixels. The first class lies on the salient
    # pixel, the second beside it, like the rails below a train.
    maps = torch.tensor([[[[0.7, 0.1]], [[0.2, 0.6]], [[0.1, 0.3]]]])
    saliency = torch.tensor([[[1.0, 0.0]]])
    both = estimate_saliency(maps, saliency, torch.tensor([[1.0, 1.0]]))
    # 0.5 * first + 0.5 * (1 - background - second)
    assert torch.allclose(both, torch.tensor([[[0.35 + 0.35, 0.05 + 0.05]]]))
    # A class without a tag is in neither map.
    one = estimate_saliency(maps, saliency, torch.tensor([[1.0, 0.0]]))
    assert torch.allclose(one, torch.tensor([[[0.35 + 0.45, 0.05 + 0.35]]]))
    none = estimate_saliency(maps, saliency, torch.tensor([[0.0, 0.0]]), foreground_weight=0.2)
    assert torch.allclose(none, 0.8 * torch.tensor([[[0.9, 0.7]]]))


def test_a_class_of_no_pixel_is_background():
    maps = torch.tensor([[[[0.5, 0.2]], [[0.5, 0.8]]]])  # never above 0.5
    found = estimate_saliency(maps, torch.ones(1, 1, 2), torch.ones(1, 1))
    assert torch.allclose(found, torch.zeros(1, 1, 2))


def test_half_precision_is_computed_in_full():
    logits, saliency, tags = make_inputs()
    half = logits.bfloat16()
    found = saliency_loss(half, saliency, tags)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(
        slow_loss(half.double(), saliency, tags, 0.4, 0.5), abs=1e-6
    )


def build_samples(size=(64, 96)):
    random = np.random.default_rng(0)
    samples = [DataSample().set_gt_label([0, 2]), DataSample().set_gt_label([])]
    for sample in samples:
        sample.set_field(random.integers(0, 256, size, dtype=np.uint8), 'gt_saliency')
    return samples


def test_losses_of_a_head():
    head = SaliencyActivationHead(3, 6, min_overlap=0.3, foreground_weight=0.6, saliency_weight=2.0)
    torch.nn.init.normal_(head.class_layer.weight)
    features = torch.randn(2, 6, 4, 6)
    samples = build_samples()
    targets = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    losses = head.loss((features,), samples)
    maps = torch.einsum('kc,bchw->bkhw', head.class_layer.weight.flatten(1), features)
    scores = maps[:, :3].mean(dim=(2, 3))
    expected = F.multilabel_soft_margin_loss(scores, targets)
    torch.testing.assert_close(losses['loss_cls'], expected)
    saliency = torch.from_numpy(np.stack([one.gt_saliency for one in samples])) / 255.0
    expected = 2 * slow_loss(maps.detach().double(), saliency, targets, 0.3, 0.6)
    assert losses['loss_saliency'].item() == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(head(features), scores)
    torch.testing.assert_close(
        torch.cat([head.class_weight, head.background_weight]), head.class_layer.weight.flatten(1)
    )
    assert isinstance(head, ClassActivationHead) and head.supervision == 'I+S'
    assert ClassActivationHead(3, 6).supervision == 'I'


def test_the_loss_of_the_scores_can_be_chosen():
    loss = dict(type='mmpretrain.CrossEntropyLoss', use_sigmoid=True)
    head = SaliencyActivationHead(3, 6, loss=loss, saliency_weight=0)
    features = torch.randn(2, 6, 4, 6)
    losses = head.loss(features, build_samples())
    targets = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    expected = F.binary_cross_entropy_with_logits(head(features), targets, reduction='sum') / 2
    torch.testing.assert_close(losses['loss_cls'], expected)
    assert losses['loss_saliency'] == 0


def test_dropout_drops_whole_channels_in_training_only():
    head = SaliencyActivationHead(2, 400, dropout=0.5)
    torch.nn.init.ones_(head.class_layer.weight)
    features = torch.ones(2, 400, 2, 3)
    with torch.no_grad():
        dropped = head(features)
        assert (dropped != 400).all() and (dropped[:, 0] == dropped[:, 1]).all()
        torch.testing.assert_close(head.eval()(features), torch.full((2, 2), 400.0))


def test_behind_a_backbone():
    model = MODELS.build(
        dict(
            type='mmpretrain.ImageClassifier',
            backbone=dict(type='mmpretrain.MobileNetV2', widen_factor=0.25),
            head=dict(type='SaliencyActivationHead', num_classes=3, in_channels=1280),
            data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
        )
    )
    images = torch.rand(2, 3, 64, 96)
    losses = model(images, build_samples(), mode='loss')
    assert set(losses) == {'loss_cls', 'loss_saliency'}
    losses['loss_saliency'].backward()
    gradient = model.head.class_layer.weight.grad.abs().sum(dim=(1, 2, 3))
    assert gradient[[0, 2, 3]].min() > 0
    assert next(model.backbone.parameters()).grad.abs().sum() > 0
    # No saliency map is needed to predict.
    assert model.eval()(images, mode='predict')[0].pred_score.shape == (3,)


def test_an_image_without_a_map_is_refused():
    samples = build_samples()
    del samples[1].gt_saliency
    with pytest.raises(ValueError, match=r'without a saliency map.*saliency_path.*LoadSaliency'):
        SaliencyActivationHead(3, 6).loss(torch.randn(2, 6, 4, 6), samples)


@pytest.mark.parametrize(
    'options',
    [
        dict(min_overlap=-0.1),
        dict(min_overlap=1.1),
        dict(foreground_weight=1.1),
        dict(saliency_weight=-1),
        dict(saliency_weight=math.nan),
        dict(num_classes=0),
        dict(dropout=1),
    ],
)
def test_bad_arguments(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        SaliencyActivationHead(**dict(dict(num_classes=3, in_channels=6), **options))
