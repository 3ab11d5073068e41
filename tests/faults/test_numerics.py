"""Losses, activation maps and a whole segmentor at the edges of what numbers can hold."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import train as train_tool
from helpers.features import require_cpu_autocast
from helpers.killing import start
from helpers.network_run import TRAINING_CONFIG
from helpers.seed_generators import build_classifier, build_generator, build_images
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.registry import init_default_scope
from mmseg.models.segmentors import EncoderDecoder
from torch import nn

from mmseg_wsss.models.losses import (
    PNHybridLoss,
    SeedCrossEntropyLoss,
    SeedGeneralizedCrossEntropyLoss,
    SeedSymmetricCrossEntropyLoss,
)
from mmseg_wsss.registry import MODELS
from mmseg_wsss.store import read_mask

pytestmark = pytest.mark.filterwarnings('ignore:Anomaly Detection has been enabled')
LOSSES = {
    'hybrid': lambda: PNHybridLoss(indirect='mean', direct_gate='all'),
    'hybrid, drawn': lambda: PNHybridLoss(seed=0),
    'hybrid, cross-entropy': lambda: PNHybridLoss(positive='ce+constraint', indirect='unvoted'),
    'hybrid, JNPL': lambda: PNHybridLoss(positive='ce', indirect='mean', jnpl_weighting=True),
    'cross-entropy': SeedCrossEntropyLoss,
    'generalized': SeedGeneralizedCrossEntropyLoss,
    'symmetric': SeedSymmetricCrossEntropyLoss,
}
# Relative bounds of loss and gradient against float64. The losses compute in float32; the gradient
# comes back in the type of the logits, with 11 and 8 significant bits; where p is near 1 it is
# p - 1, whose rounding error is relative to 1.
BOUNDS = {torch.float32: 1e-4, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}


def batch(shape=(2, 6, 9, 7), scale=4.0):
    """Logits that every type holds exactly, and codes of all kinds."""
    logits = (torch.randn(shape) * scale).bfloat16().half().float()
    codes = torch.randint(0, shape[1], (shape[0], *shape[2:]))
    codes += 256 * (torch.rand(codes.shape) < 0.4)
    codes[torch.rand(codes.shape) < 0.2] = 255
    return logits, codes


def value_and_gradient(name, logits, codes):
    logits = logits.clone().requires_grad_()
    loss = LOSSES[name]()(logits, codes)
    loss.backward()
    return loss.detach().double(), logits.grad.double()


@pytest.mark.parametrize('dtype', BOUNDS, ids=str)
@pytest.mark.parametrize('name', LOSSES)
def test_loss_and_gradient_are_near_float64(name, dtype):
    logits, codes = batch()
    expected, expected_gradient = value_and_gradient(name, logits.double(), codes)
    found, gradient = value_and_gradient(name, logits.to(dtype), codes)
    assert abs(found - expected) <= 2e-6 * abs(expected)
    # float16 cannot hold gradients below 6e-8, which is what loss scaling is for.
    bound = BOUNDS[dtype] * expected_gradient.abs() + (1e-6 if dtype == torch.float16 else 1e-9)
    assert ((gradient - expected_gradient).abs() <= bound).all()


@pytest.mark.parametrize('dtype', BOUNDS, ids=str)
@pytest.mark.parametrize('name', LOSSES)
def test_finite_where_probabilities_are_0_and_1(name, dtype):
    logits = torch.zeros(1, 4, 3, 6)
    for column, gap in enumerate((20.0, 90.0, 1e3, 6e4, -90.0, -6e4)):
        logits[0, 1, :, column] = gap  # class 1 takes it all, or nothing
    codes = torch.tensor([[1] * 6, [257] * 6, [256] * 6])[None]
    with torch.autograd.detect_anomaly(check_nan=True):
        loss, gradient = value_and_gradient(name, logits.to(dtype), codes)
    assert loss.isfinite() and gradient.isfinite().all()


@pytest.mark.parametrize('dtype', BOUNDS, ids=str)
@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('code', [255, 0, 3, 256, 259])
def test_single_pixels_and_crops_of_one_code(name, dtype, code):
    for size in ((1, 1), (3, 4)):
        logits = torch.randn(1, 4, *size)
        codes = torch.full((1, *size), code)
        with torch.autograd.detect_anomaly(check_nan=True):
            loss, gradient = value_and_gradient(name, logits.to(dtype), codes)
        assert loss.isfinite() and gradient.isfinite().all()
        if code == 255:
            assert loss == 0 and not gradient.any()
        expected, _ = value_and_gradient(name, logits.to(dtype).double(), codes)
        assert loss == pytest.approx(float(expected), rel=1e-5, abs=1e-6)


def build_segmentor(loss):
    init_default_scope('mmseg')
    return MODELS.build(
        dict(
            type='EncoderDecoder',
            data_preprocessor=dict(type='SegDataPreProcessor', size=(8, 8), seg_pad_val=255),
            backbone=dict(
                type='ResNetV1c', depth=18, base_channels=4, stem_channels=4, num_stages=1,
                strides=(1,), dilations=(1,), out_indices=(0,), norm_cfg=dict(type='BN'),
            ),
            decode_head=dict(
                type='FCNHead', in_channels=4, channels=4, in_index=0, num_convs=1, num_classes=6,
                norm_cfg=dict(type='BN'), loss_decode=dict(type=loss),
            ),
        )
    ).train()  # fmt: skip


@pytest.mark.parametrize('loss', ['PNHybridLoss', 'SeedCrossEntropyLoss'])
@pytest.mark.parametrize('dtype', [None, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize('ignored', [False, True], ids=['', 'all ignored'])
def test_a_segmentor_under_autocast(loss, dtype, ignored):
    require_cpu_autocast(dtype)
    model = build_segmentor(loss)
    _, codes = batch()
    codes = torch.full_like(codes, 255) if ignored else codes
    features = torch.randn(2, 3, 9, 7) * 60
    with (
        torch.autograd.detect_anomaly(check_nan=True),
        torch.autocast('cpu', dtype, enabled=dtype is not None),
    ):
        logits = model.decode_head(model.backbone(features))
        logits = torch.nn.functional.interpolate(logits, codes.shape[1:], mode='bilinear')
        value = model.decode_head.loss_decode(logits, codes)
        value.backward()
    assert value.isfinite() and (value == 0) == ignored
    for parameter in model.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
def test_bad_activation_maps_stop_with_the_image_id(tmp_path, bad):
    images = build_images(tmp_path)
    model = build_classifier()
    with torch.no_grad():
        model.head.class_layer.weight[2, 3] = bad  # class 3, which only some images have
    generator = build_generator(model)
    with pytest.raises(ValueError, match=r'Image image 1 .*image 1\.png.*NaN or infinite'):
        generator.run(images, tmp_path / 'seeds')
    written = {path.stem for path in (tmp_path / 'seeds').rglob('*.png')}
    assert written == {'image 0'}


def test_maps_without_any_activation_are_background(tmp_path):
    """A class that scores below zero everywhere: no division by its maximum, no label."""
    images = build_images(tmp_path, 3)
    model = build_classifier()
    with torch.no_grad():
        model.head.class_layer.weight.fill_(-1)
    generator = build_generator(model, refine='irn')
    generator.run(images, tmp_path / 'seeds')
    for path in (tmp_path / 'seeds' / 'aggregated').glob('*.png'):
        assert not read_mask(path).any()


@pytest.mark.parametrize('amp', ['bfloat16', 'float16'])
def test_seeds_in_half_precision_are_near_those_in_full(tmp_path, amp):
    require_cpu_autocast(getattr(torch, amp))
    images = build_images(tmp_path)
    summaries = [
        build_generator(amp=one).run(images, tmp_path / str(one)).labels for one in (None, amp)
    ]
    assert np.abs(summaries[0] - summaries[1]).sum() <= 0.02 * summaries[0].sum()


@pytest.fixture
def project(tmp_path):
    """Images, seeds and a config of a tiny network."""
    ids = ['one', 'two', 'three', 'four']
    write_images(tmp_path / 'images', ids)
    write_split(tmp_path / 'train.txt', ids)
    write_seed_root(tmp_path / 'seeds', ids)
    (tmp_path / 'config.py').write_text(TRAINING_CONFIG.replace('DATA', str(tmp_path)))
    return tmp_path


def train(project, *options, patch=None):
    """Run tools/train.py in a process of its own; return status and output."""

    def run():
        if patch is not None:
            patch()
        sys.argv = ['train.py', str(project / 'config.py'), '--work-dir', str(project / 'work')]
        sys.argv += ['--cfg-options', 'val_cfg=None', 'val_dataloader=None', 'val_evaluator=None']
        sys.argv += ['default_hooks.checkpoint.interval=2', 'train_cfg.max_iters=12', *options]
        return train_tool.main()

    process = start(run, project / 'log')
    process.join(120)
    return process.exitcode, (project / 'log').read_text()


def at_iteration(number, act):
    """Let a network act before a training step, counted from 1."""
    step = EncoderDecoder.train_step
    count = iter(range(1, 10**6))

    def changed(self, *args, **kwargs):
        if next(count) == number:
            act(self)
        return step(self, *args, **kwargs)

    EncoderDecoder.train_step = changed


@pytest.mark.parametrize('options', [(), ('optim_wrapper.accumulative_counts=2',)])
def test_a_diverging_training_stops_and_keeps_the_last_good_checkpoint(project, options):
    def spoil():
        at_iteration(5, lambda model: nn.init.constant_(model.decode_head.conv_seg.bias, 1e38))

    status, output = train(
        project, 'default_hooks.logger.interval=6', 'optim_wrapper.optimizer.lr=1e35', *options,
        patch=spoil,
    )  # fmt: skip
    assert status == 1 and 'Traceback' not in output
    assert 'Training has diverged' in output and 'learning rate 1e+35' in output
    kept = sorted((project / 'work').glob('*.pth'))
    for path in kept:
        state = torch.load(path, weights_only=False)['state_dict']
        assert all(tensor.isfinite().all() for tensor in state.values()), path
    last = project / 'work' / 'last_checkpoint'
    assert last.exists() == bool(kept)
    if kept:
        assert last.read_text() in output and Path(last.read_text()) in kept


def test_weights_that_are_not_finite_are_not_saved(project):
    """The loss is finite still: a statistic that training does not read is spoilt."""

    def spoil():
        at_iteration(4, lambda model: nn.init.constant_(model.backbone.layer1[0].bn1.running_mean,
                                                        float('nan')))  # fmt: skip

    status, output = train(project, 'default_hooks.logger.interval=50', patch=spoil)
    assert status == 1
    assert 'iteration 4: weights or running statistics are not finite' in output
    assert 'backbone.layer1.0.bn1.running_mean' in output
    assert [path.name for path in (project / 'work').glob('*.pth')] == ['iter_2.pth']
    assert (project / 'work' / 'last_checkpoint').read_text().endswith('iter_2.pth')


def test_an_error_that_comes_of_weights_that_are_not_finite_says_so(project):
    def spoil():
        def act(model):
            nn.init.constant_(model.decode_head.conv_seg.weight, float('inf'))
            raise ValueError('matrix contains invalid numeric entries')

        at_iteration(3, act)

    status, output = train(project, patch=spoil)
    assert status == 1 and 'decode_head.conv_seg.weight' in output
    assert 'Training has diverged' in output and 'Traceback' not in output
