"""ClassActivationHead against a plain computation, and behind several backbones."""

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample

from mmseg_wsss.models.heads import ClassActivationHead
from mmseg_wsss.registry import MODELS

BACKBONES = {
    'resnet': dict(type='mmpretrain.ResNet', depth=18, strides=(1, 2, 2, 1)),
    'mobilenet': dict(type='mmpretrain.MobileNetV2', widen_factor=0.25),
    'mit': dict(
        type='mmseg.MixVisionTransformer',
        embed_dims=8,
        num_layers=[1, 1, 1, 1],
        num_heads=[1, 2, 5, 8],
        sr_ratios=[8, 4, 2, 1],
    ),
    'swin': dict(
        type='mmpretrain.SwinTransformer',
        arch=dict(embed_dims=16, depths=[1, 1, 1, 1], num_heads=[1, 2, 4, 8]),
        img_size=64,
        pad_small_map=True,
    ),
    'convnext': dict(
        type='mmpretrain.ConvNeXt',
        arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32]),
        gap_before_final_norm=False,
    ),
}
CHANNELS = dict(resnet=512, mobilenet=1280, mit=64, swin=128, convnext=32)


def build_classifier(name: str, **head):
    return MODELS.build(
        dict(
            type='mmpretrain.ImageClassifier',
            backbone=BACKBONES[name],
            head=dict(
                type='ClassActivationHead', num_classes=3, in_channels=CHANNELS[name], **head
            ),
            data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
        )
    )


@pytest.mark.parametrize('name', BACKBONES)
def test_works_behind_backbones(name):
    model = build_classifier(name, dropout=0.1)
    images = torch.rand(2, 3, 64, 96)
    samples = [DataSample().set_gt_label(torch.tensor([0, 2])), DataSample().set_gt_label([])]
    loss = model(images, samples, mode='loss')['loss']
    loss.backward()
    assert torch.isfinite(loss)
    assert model.head.class_layer.weight.grad.abs().sum() > 0
    assert next(model.backbone.parameters()).grad.abs().sum() > 0
    predicted = model.eval()(images, mode='predict')
    assert predicted[0].pred_score.shape == (3,)
    features = model.head.feature_map(model.extract_feat(images))
    assert features.ndim == 4
    assert model.head.class_weight.shape == (3, features.shape[1])


def test_scores_are_pooled_activation_maps():
    head = ClassActivationHead(num_classes=4, in_channels=6).eval()
    features = torch.randn(2, 6, 5, 7)
    maps = torch.einsum('kc,bchw->bkhw', head.class_weight, features)
    torch.testing.assert_close(head((None, features)), maps.mean(dim=(2, 3)))
    torch.testing.assert_close(head(features), maps.mean(dim=(2, 3)))
    assert [name for name, _ in head.named_parameters()] == ['class_layer.weight']


def test_loss_is_the_binary_cross_entropy_summed_over_classes():
    head = ClassActivationHead(num_classes=3, in_channels=2).eval()
    features = torch.randn(2, 2, 4, 4)
    samples = [DataSample().set_gt_label([1]), DataSample().set_gt_label([0, 2])]
    targets = torch.tensor([[0.0, 1, 0], [1, 0, 1]])
    expected = F.binary_cross_entropy_with_logits(head(features), targets, reduction='sum') / 2
    torch.testing.assert_close(head.loss((features,), samples)['loss'], expected)


def test_dropout_drops_whole_channels_in_training_only():
    head = ClassActivationHead(num_classes=1, in_channels=1000, dropout=0.3)
    torch.nn.init.ones_(head.class_layer.weight)
    features = torch.ones(64, 1000, 3, 3)
    # Of 1000 channels 700 stay on average, each worth 1 / 0.7 whatever its place.
    kept = head(features) * 0.7
    torch.testing.assert_close(kept, kept.round(), atol=1e-2, rtol=0)
    assert 690 < kept.mean() < 710
    assert kept.std() > 5
    torch.testing.assert_close(head.eval()(features), torch.full((64, 1), 1000.0))


def test_bare_name_and_scope_resolve():
    for name in ('ClassActivationHead', 'mmseg_wsss.ClassActivationHead'):
        built = MODELS.build(dict(type=name, num_classes=2, in_channels=3))
        assert isinstance(built, ClassActivationHead)


@pytest.mark.parametrize(
    ('features', 'message'),
    [
        (torch.zeros(2, 6), 'spatial'),
        ((torch.zeros(2, 6, 3, 3), torch.zeros(2, 6)), 'spatial'),
        (([torch.zeros(2, 6, 3, 3), torch.zeros(2, 6)],), 'spatial'),
        (torch.zeros(2, 5, 3, 3), '5 channels, in_channels is 6'),
    ],
)
def test_wrong_features(features, message):
    head = ClassActivationHead(num_classes=3, in_channels=6)
    with pytest.raises(ValueError, match=message):
        head(features)


@pytest.mark.parametrize('options', [dict(num_classes=0), dict(dropout=1.0), dict(dropout=-0.1)])
def test_bad_arguments(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        ClassActivationHead(**dict(dict(num_classes=3, in_channels=6), **options))
