import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.decode_heads import DAHead, FCNHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_wsss.models.heads import FusedLossHead, fused_head_class
from mmseg_wsss.models.segmentors import FusedLossEncoderDecoder

HYBRID = dict(type='PNHybridLoss', seed=3)
BACKBONE = dict(
    type='ResNetV1c',
    depth=18,
    strides=(1, 1, 1, 1),
    base_channels=4,
    norm_cfg=dict(type='BN'),
)


def fcn(loss, **kwargs):
    return dict(
        type='FCNHead', in_channels=32, channels=4, num_convs=1, num_classes=5, dropout_ratio=0,
        in_index=3, loss_decode=loss, **kwargs,
    )  # fmt: skip


def config(decode_head, auxiliary_head=None):
    return dict(
        type='EncoderDecoder', backbone=BACKBONE, decode_head=decode_head,
        auxiliary_head=auxiliary_head, train_cfg=dict(), test_cfg=ConfigDict(mode='whole'),
    )  # fmt: skip


def batch(size=(32, 40)):
    images = torch.randn(2, 3, *size)
    codes = torch.randint(5, (2, 1, *size)) + 256 * (torch.rand(2, 1, *size) < 0.2)
    codes[torch.rand(2, 1, *size) < 0.1] = 255
    return images, [SegDataSample(gt_sem_seg=PixelData(data=code)) for code in codes]


def both(cfg):
    """mmseg's model, and the fused one by the single override, with the same weights."""
    usual = MODELS.build(copy.deepcopy(cfg))
    fused = MODELS.build({**copy.deepcopy(cfg), 'type': 'FusedLossEncoderDecoder'})
    fused.load_state_dict(usual.state_dict(), strict=True)
    return usual, fused


def losses_and_grads(model, images, samples):
    torch.manual_seed(0)
    losses = model.loss(images, samples)
    sum(v for k, v in losses.items() if '.loss' in k).backward()
    return losses, [p.grad for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize(
    'loss',
    [
        HYBRID,
        dict(type='SeedCrossEntropyLoss'),
        [HYBRID, dict(type='SeedCrossEntropyLoss', noisy='ignore')],
        [HYBRID, dict(type='PNHybridLoss', seed=5, positive='ce')],
    ],
    ids=['hybrid', 'ce', 'two', 'same-name'],
)
def test_equals_the_usual_model(loss, align_corners):
    auxiliary = [fcn(dict(HYBRID, loss_weight=0.4)), fcn(HYBRID, concat_input=False)]
    usual, fused = both(config(fcn(loss, align_corners=align_corners), auxiliary))
    images, samples = batch()
    expected, expected_grads = losses_and_grads(usual, images, samples)
    losses, grads = losses_and_grads(fused, images, samples)
    assert list(losses) == list(expected)
    for name, value in losses.items():
        if name.endswith('acc_seg'):
            continue
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)
    assert len(grads) == len(expected_grads)
    for grad, expected_grad in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(grad, expected_grad, rtol=1e-3, atol=1e-5)
    assert isinstance(fused.decode_head, FCNHead)
    assert isinstance(fused.auxiliary_head[1], FusedLossHead)


def test_accuracy_is_that_of_mmseg_on_plain_labels():
    usual, fused = both(config(fcn(HYBRID)))
    images, samples = batch()
    for sample in samples:
        code = sample.gt_sem_seg.data
        sample.gt_sem_seg.data = torch.where(code > 255, code - 256, code)
    expected, _ = losses_and_grads(usual, images, samples)
    losses, _ = losses_and_grads(fused, images, samples)
    assert losses['decode.acc_seg'].item() == pytest.approx(
        expected['decode.acc_seg'].item(), abs=0.2
    )


def test_predictions_stay_what_they_are():
    usual, fused = both(config(fcn(HYBRID)))
    images = torch.randn(1, 3, 32, 40)
    for model in (usual, fused):
        model.eval()
    with torch.no_grad():
        ours, theirs = fused.predict(images), usual.predict(images)
    assert torch.equal(ours[0].seg_logits.data, theirs[0].seg_logits.data)


def test_a_head_with_several_outputs():
    """DAHead calls the common loss once per output; its own part runs as ever."""
    head = dict(
        type='DAHead', in_channels=32, channels=4, pam_channels=2, num_classes=5, in_index=3,
        dropout_ratio=0, loss_decode=HYBRID,
    )  # fmt: skip
    usual, fused = both(config(head))
    assert isinstance(fused.decode_head, DAHead)
    images, samples = batch()
    expected, _ = losses_and_grads(usual, images, samples)
    losses, _ = losses_and_grads(fused, images, samples)
    assert set(losses) == set(expected)
    for name in losses:
        if '.loss' in name:
            torch.testing.assert_close(losses[name], expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ('head', 'reason'),
    [
        (fcn(dict(type='CrossEntropyLoss', avg_non_ignore=True)), 'CrossEntropyLoss'),
        (fcn(HYBRID, sampler=dict(type='OHEMPixelSampler', min_kept=50)), 'sampler'),
    ],
)
def test_what_cannot_be_fused_runs_as_ever_and_is_told_once(head, reason, caplog, monkeypatch):
    told = []
    monkeypatch.setattr(
        'mmseg_wsss.models.heads.fused_loss_head.print_log', lambda text, **_: told.append(text)
    )
    usual, fused = both(config(head))
    images, samples = batch()
    for sample in samples:
        code = sample.gt_sem_seg.data
        sample.gt_sem_seg.data = torch.where(code > 255, code - 256, code)
    expected, _ = losses_and_grads(usual, images, samples)
    for _ in range(2):
        losses, _ = losses_and_grads(fused, images, samples)
    for name in expected:
        torch.testing.assert_close(losses[name], expected[name])
    assert len(told) == 1
    assert reason in told[0]


def test_unsupervised_batch():
    _, fused = both(config(fcn(HYBRID)))
    images, samples = batch()
    for sample in samples:
        sample.gt_sem_seg.data = torch.full_like(sample.gt_sem_seg.data, 255)
    losses, grads = losses_and_grads(fused, images, samples)
    assert losses['decode.loss_pn_hybrid'] == 0
    assert losses['decode.acc_seg'] == 100
    assert all(not g.any() for g in grads)


def test_head_class_is_made_once_and_only_for_decode_heads():
    assert fused_head_class(FCNHead) is fused_head_class(FCNHead)
    assert fused_head_class(fused_head_class(FCNHead)) is fused_head_class(FCNHead)
    assert fused_head_class(torch.nn.Conv2d) is torch.nn.Conv2d


def test_unknown_head_gets_the_registry_error():
    with pytest.raises(KeyError, match='NoSuchHead'):
        MODELS.build({**config(dict(type='NoSuchHead')), 'type': 'FusedLossEncoderDecoder'})


def test_head_given_as_a_class():
    head = {**fcn(HYBRID), 'type': FCNHead}
    model = FusedLossEncoderDecoder(backbone=copy.deepcopy(BACKBONE), decode_head=head)
    assert isinstance(model, EncoderDecoder)
    assert isinstance(model.decode_head, FusedLossHead)
