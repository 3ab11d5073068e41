"""Folding BatchNorm changes no feature, and is left out where it would."""

import pytest
import torch
from torch import nn

from mmseg_wsss.generation.classifiers import inference_copy
from mmseg_wsss.registry import MODELS

BACKBONES = {
    'resnet': dict(type='mmpretrain.ResNet', depth=50, style='caffe', strides=(1, 2, 2, 1)),
    'mobilenet': dict(type='mmpretrain.MobileNetV2', widen_factor=0.5),
    'mit': dict(type='mmseg.MixVisionTransformer', embed_dims=8, num_layers=[1, 1, 1, 1]),
}


class Classifier(nn.Module):
    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone


class Misleading(nn.Module):
    """The order of definition is not the order of use."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images):
        return self.conv(self.norm(images).square())


def shuffle_statistics(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.7, 1.3)
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    return model


def count_norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize('name', BACKBONES)
def test_features_stay(name):
    model = Classifier(shuffle_statistics(MODELS.build(BACKBONES[name]))).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    copied = inference_copy(model)
    assert count_norms(copied) == 0 and not copied.training
    assert model.training
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])
    images = torch.randn(2, 3, 64, 80)
    with torch.no_grad():
        expected = model.eval().backbone(images)[-1]
        for format in (torch.contiguous_format, torch.channels_last):
            found = copied.to(memory_format=format).backbone(images.to(memory_format=format))[-1]
            torch.testing.assert_close(
                found, expected, rtol=0, atol=1e-4 * expected.abs().max().item()
            )


def test_a_wrong_fold_is_not_used():
    model = Classifier(shuffle_statistics(Misleading())).eval()
    copied = inference_copy(model)
    assert count_norms(copied) == 1
    images = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(copied.backbone(images), model.backbone(images))
