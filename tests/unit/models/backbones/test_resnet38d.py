from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmseg_wsss.models.backbones import ResNet38d

BLOCKS = {'b2': 3, 'b3': 3, 'b4': 6, 'b5': 3, 'b6': 1, 'b7': 1}


@pytest.fixture(scope='module')
def network() -> ResNet38d:
    torch.manual_seed(0)
    network = ResNet38d(out_indices=range(6), frozen_stages=0, norm_frozen=False)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(('running_var', 'bn7.weight')) or ('bn_' in name and 'weight' in name):
                value.uniform_(0.5, 1.5)
            elif name.endswith(('running_mean', 'bias')):
                value.uniform_(-0.1, 0.1)
    return network.eval()


def plain_forward(state: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    """The dilated network as AffinityNet describes it, one operation after the other."""

    def activate(prefix: str, x: Tensor) -> Tensor:
        names = ('running_mean', 'running_var', 'weight', 'bias')
        return F.relu(F.batch_norm(x, *(state[f'{prefix}.{name}'] for name in names)))

    def convolve(name: str, x: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
        weight = state[f'{name}.weight']
        padding = dilation * (weight.shape[-1] // 2)
        return F.conv2d(x, weight, None, stride, padding, dilation)

    strides = dict(b2=2, b3=2, b4=2)
    dilations = dict(b5=2, b6=4, b7=4)
    features = []
    x = convolve('conv1a', x)
    for stage, count in BLOCKS.items():
        dilation = dilations.get(stage, 1)
        for number in range(count):
            block = f'{stage}_{number}' if number else stage
            stride = strides.get(stage, 1) if number == 0 else 1
            a = activate(f'{block}.bn_branch2a', x)
            if number == 0 and stage not in ('b2',):
                features.append(a)
            has_shortcut = f'{block}.conv_branch1.weight' in state
            shortcut = convolve(f'{block}.conv_branch1', a, stride) if has_shortcut else x
            if stage in ('b6', 'b7'):
                y = convolve(f'{block}.conv_branch2a', a)
                y = activate(f'{block}.bn_branch2b1', y)
                y = convolve(f'{block}.conv_branch2b1', y, 1, dilation)
                y = activate(f'{block}.bn_branch2b2', y)
                x = shortcut + convolve(f'{block}.conv_branch2b2', y)
            else:
                first = 1 if number == 0 else dilation
                y = convolve(f'{block}.conv_branch2a', a, stride, first)
                y = activate(f'{block}.bn_branch2b1', y)
                x = shortcut + convolve(f'{block}.conv_branch2b1', y, 1, dilation)
    features.append(activate('bn7', x))
    return features


def test_features_are_those_of_the_plain_form(network: ResNet38d) -> None:
    image = torch.rand(1, 3, 41, 50)
    with torch.no_grad():
        outputs = network(image)
        expected = plain_forward(network.state_dict(), image)
    assert [tuple(output.shape) for output in outputs] == [
        (1, 128, 21, 25),
        (1, 256, 11, 13),
        (1, 512, 6, 7),
        (1, 1024, 6, 7),
        (1, 2048, 6, 7),
        (1, 4096, 6, 7),
    ]
    for output, plain in zip(outputs, expected, strict=True):
        torch.testing.assert_close(output, plain, rtol=1e-4, atol=1e-4)


def test_number_of_parameters() -> None:
    """Counted layer by layer from Table 1 of the paper (kernel 3x3 but in b6 and b7)."""
    convolutions = 3 * 64 * 9
    norms = 0
    channels = 64
    for out, count, mid in ((128, 3, 128), (256, 3, 256), (512, 6, 512), (1024, 3, 512)):
        for _ in range(count):
            convolutions += 9 * (channels * mid + mid * out)
            convolutions += channels * out if channels != out else 0
            norms += channels + mid
            channels = out
    for out in (2048, 4096):
        convolutions += channels * out // 4 + 9 * (out // 4) * (out // 2) + (out // 2) * out
        convolutions += channels * out
        norms += channels + out // 4 + out // 2
        channels = out
    norms += channels
    with torch.device('meta'):
        counted = sum(parameter.numel() for parameter in ResNet38d().parameters())
    assert counted == convolutions + 2 * norms == 105_070_912


@pytest.mark.parametrize('output_stride, grid', [(8, 6), (16, 3), (32, 2)])
def test_output_stride(output_stride: int, grid: int) -> None:
    with torch.device('meta'):
        (feature,) = ResNet38d(output_stride).eval()(torch.empty(1, 3, 48, 48))
    assert feature.shape == (1, 4096, grid, grid)


def test_dropout_sits_in_the_last_two_stages_and_only_in_training(network: ResNet38d) -> None:
    with torch.device('meta'):
        dropped = ResNet38d(dropout=(0.2, 0.4))
    rates = {name: m.p for name, m in dropped.named_modules() if isinstance(m, torch.nn.Dropout2d)}
    assert rates == {
        'b6.dropout_2b1': 0.2,
        'b6.dropout_2b2': 0.2,
        'b7.dropout_2b1': 0.4,
        'b7.dropout_2b2': 0.4,
    }
    image = torch.rand(1, 3, 16, 16)
    trained = copy.copy(network)
    trained.norm_frozen = True
    with torch.no_grad():
        assert torch.equal(trained.eval()(image)[-1], trained(image)[-1])
        first, second = trained.train()(image), trained(image)
    network.eval()
    for index in range(6):  # stage b6 (index 4) is the first with dropout
        assert torch.equal(first[index], second[index]) == (index < 4)


def test_frozen_parts_stay_frozen() -> None:
    with torch.device('meta'):
        network = ResNet38d(frozen_stages=2).train()
        free = ResNet38d(frozen_stages=0, norm_frozen=False).train()
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert not any('bn' in name for name in trained)
    assert not any(name.startswith(('conv1a', 'b2.', 'b2_')) for name in trained)
    assert {'b3.conv_branch2a.weight', 'b7.conv_branch2b2.weight'} <= trained
    assert not network.b7.bn_branch2a.training and not network.b2_1.training
    assert all(p.requires_grad for p in free.parameters()) and free.b7.bn_branch2a.training


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(output_stride=4), 'output_stride=4'),
        (dict(dropout=(0.5,)), 'two values'),
        (dict(out_indices=(6,)), 'out_indices'),
        (dict(frozen_stages=8), 'frozen_stages=8'),
    ],
)
def test_rejects(arguments: dict, message: str) -> None:
    with torch.device('meta'), pytest.raises(ValueError, match=message):
        ResNet38d(**arguments)
