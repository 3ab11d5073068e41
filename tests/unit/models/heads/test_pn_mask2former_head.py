from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_wsss import compat
from mmseg_wsss.models.heads import PNMask2FormerHead
from mmseg_wsss.seeds import encode_seed_label

CONFIG = Path(__file__).parents[4] / 'configs/_base_/models/mask2former_r50.py'
CLASSES = 5
SIZE = 64
needs_mmdet = pytest.mark.skipif(
    find_spec('mmdet') is None or find_spec('mmcv._ext') is None,
    reason="Mask2Former needs mmdetection and mmcv's compiled operators",
)


def build(dense: bool = False, **overrides):
    init_default_scope('mmseg')
    config = Config.fromfile(CONFIG).model.decode_head
    config.update(num_classes=CLASSES, in_channels=[4, 4, 4, 4], num_queries=12)
    config.loss_cls.class_weight = [1.0] * CLASSES + [0.1]
    config.pixel_decoder.encoder.num_layers = 1
    config.transformer_decoder.num_layers = 2
    config.train_cfg.num_points = 400
    if not dense:
        config.loss_decode = None
    config.update(overrides)
    if config.type == 'Mask2FormerHead':
        config.pop('loss_decode')
    torch.manual_seed(0)
    return MODELS.build(config)


def samples_of(codes: torch.Tensor) -> list[SegDataSample]:
    samples = []
    for code in codes:
        sample = SegDataSample(metainfo=dict(img_shape=(SIZE, SIZE), pad_shape=(SIZE, SIZE)))
        sample.gt_sem_seg = PixelData(data=code[None])
        samples.append(sample)
    return samples


def blocks() -> torch.Tensor:
    label = torch.randint(0, CLASSES, (2, 4, 4), generator=torch.Generator().manual_seed(3))
    return label.repeat_interleave(SIZE // 4, 1).repeat_interleave(SIZE // 4, 2)


def features() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    return tuple(
        torch.rand(2, 4, SIZE // stride, SIZE // stride, generator=generator)
        for stride in (4, 8, 16, 32)
    )


@needs_mmdet
def test_equals_mmseg_where_all_is_clean() -> None:
    ours, theirs = build(), build(type='Mask2FormerHead')
    theirs.load_state_dict(ours.state_dict())
    samples = samples_of(blocks())
    results = []
    for head in (ours.train(), theirs.train()):
        torch.manual_seed(7)
        results.append(head.loss(features(), samples, None))
    assert results[0].keys() == results[1].keys() and len(results[0]) == 9
    for key, value in results[1].items():
        assert value > 0 and torch.equal(results[0][key], value), key


@needs_mmdet
@pytest.mark.parametrize('kind', ['noisy', 'ignored'])
def test_noisy_and_ignored_pixels_leave_the_set_loss(kind: str) -> None:
    head = build().train()
    label = blocks()
    left_out = torch.zeros_like(label, dtype=torch.bool)
    left_out[:, 16:48, 16:48] = True
    if kind == 'noisy':
        codes = encode_seed_label(label, left_out)
    else:
        codes = label.masked_fill(left_out, 255)
    masks = torch.randn(2, 12, SIZE, SIZE, requires_grad=True)
    scores = torch.randn(2, 12, CLASSES + 1, requires_grad=True)
    instances, metas = head._seg_data_to_instance_data(samples_of(codes))
    for instance, code in zip(instances, codes, strict=True):
        assert instance.labels.tolist() == sorted(set(code[(code < 255)].tolist()))
    losses = head.loss_by_feat([scores], [masks], instances, metas)
    (losses['loss_mask'] + losses['loss_dice']).backward()
    gradient = masks.grad.abs().sum(dim=(0, 1))
    assert gradient[17:47, 17:47].max() == 0
    assert gradient[:16].max() > 0 and gradient[:, 49:].max() > 0


@needs_mmdet
@pytest.mark.parametrize('code', [255, 256 + 3])
def test_an_image_without_clean_pixels_has_no_set_loss(code: int) -> None:
    head = build(dense=True).train()
    codes = torch.full((2, SIZE, SIZE), code)
    inputs = tuple(feature.requires_grad_() for feature in features())
    losses = head.loss(inputs, samples_of(codes), None)
    total = sum(losses.values())
    total.backward()
    # A sum of mask logits times zero has gradients for every process of distributed training.
    set_losses = {key: value for key, value in losses.items() if 'pn_hybrid' not in key}
    assert all(value == 0 for key, value in set_losses.items() if 'cls' in key)
    assert total.isfinite() and all(feature.grad.isfinite().all() for feature in inputs)
    assert (losses['loss_pn_hybrid'] > 0) == (code != 255)


@needs_mmdet
def test_losses_and_matching_on_clean_points_equal_those_on_the_points_alone() -> None:
    from mmseg_wsss.models.heads.pn_mask2former_head import LEFT_OUT

    head, plain = build(), build(type='Mask2FormerHead')
    generator = torch.Generator().manual_seed(0)
    pred = torch.randn(3, 50, generator=generator)
    target = (torch.rand(3, 50, generator=generator) < 0.5).float()
    clean = torch.rand(50, generator=generator) < 0.6
    marked = target.masked_fill(~clean, float(LEFT_OUT))
    torch.testing.assert_close(
        head.loss_dice(pred, marked, avg_factor=3),
        plain.loss_dice(pred[:, clean], target[:, clean], avg_factor=3),
    )
    torch.testing.assert_close(
        head.loss_mask(pred.flatten(), marked.flatten(), avg_factor=150.0),
        plain.loss_mask(
            pred[:, clean].flatten(), target[:, clean].flatten(), avg_factor=3.0 * clean.sum()
        ),
    )

    def assign(assigner, pred: torch.Tensor, target: torch.Tensor) -> list[int]:
        scores = torch.zeros(3, CLASSES + 1)
        labels = torch.arange(3)
        return assigner.assign(
            InstanceData(scores=scores, masks=pred), InstanceData(labels=labels, masks=target), {}
        ).gt_inds.tolist()

    expected = assign(plain.assigner, pred[:, clean], target[:, clean])
    assert assign(head.assigner, pred, marked) == expected
    # The points left out would have decided otherwise.
    misleading = torch.where(clean, pred, 1e3 * (2 * target.roll(1, 0) - 1))
    assert assign(head.assigner, misleading, marked) == expected
    assert assign(plain.assigner, misleading, target) != expected


@needs_mmdet
def test_matches_by_class_where_no_clean_point_was_sampled() -> None:
    head = build()
    scores = torch.eye(3, CLASSES + 1).roll(1, 0) * 10
    masks = torch.randn(3, 8)
    result = head.assigner.assign(
        InstanceData(scores=scores, masks=masks),
        InstanceData(labels=torch.arange(3), masks=torch.full((3, 8), -(2.0**20))),
        {},
    )
    assert result.gt_inds.tolist() == [3, 1, 2]


def test_dense_map_is_a_distribution_and_the_weighted_sum_of_masks() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 3, CLASSES + 1, generator=generator)
    masks = torch.randn(2, 3, 4, 5, generator=generator)
    result = PNMask2FormerHead.dense_log_probability(scores, masks, (4, 5))
    for b, y, x in ((0, 0, 0), (1, 3, 4), (0, 2, 1)):
        dense = [0.0] * CLASSES
        for q in range(3):
            exponentials = scores[b, q].exp()
            for k in range(CLASSES):
                share = float(exponentials[k] / exponentials.sum())
                dense[k] += share / (1 + float((-masks[b, q, y, x]).exp()))
        for k in range(CLASSES):
            assert result[b, k, y, x].exp().item() == pytest.approx(dense[k] / sum(dense), rel=1e-4)
    enlarged = PNMask2FormerHead.dense_log_probability(scores, masks, (16, 20)).exp()
    assert enlarged.sum(dim=1).sub(1).abs().max() < 1e-5


def test_dense_map_stands_half_precision_and_vanishing_masks() -> None:
    scores = torch.full((1, 2, CLASSES + 1), -5.0).half()
    masks = torch.full((1, 2, 4, 4), -200.0).half().requires_grad_()
    result = PNMask2FormerHead.dense_log_probability(scores, masks, (8, 8))
    result.sum().backward()
    assert result.dtype == torch.float32
    assert result.isfinite().all() and masks.grad.isfinite().all()


@needs_mmdet
def test_dense_loss_is_added_under_its_name() -> None:
    head = build(dense=True).train()
    codes = encode_seed_label(blocks(), torch.rand(2, SIZE, SIZE) < 0.1)
    losses = head.loss(features(), samples_of(codes), None)
    assert losses['loss_pn_hybrid'].isfinite() and losses['loss_pn_hybrid'] > 0


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r'Mask2Former needs mmdet, .*requirements/\w+\.txt'):
        PNMask2FormerHead(num_classes=3)


@needs_mmdet
def test_losing_votes_and_tags_reach_the_dense_loss() -> None:
    """The dense map's logarithms stand for the logits, so sets of classes mean the same there."""
    loss = dict(type='PNHybridLoss', positive='ce', direct_weight=0.0, indirect_weight=0.0,
                noisy_set_weight=2.0, tag_set_weight=3.0)  # fmt: skip
    head = build(dense=True, loss_decode=loss).train()
    label = blocks()
    noisy = torch.zeros_like(label, dtype=torch.bool)
    noisy[:, :, : SIZE // 2] = True
    loser = (label + 1) % CLASSES
    codes = label + 256 * noisy + ((loser + 1) << 16) * noisy
    head.loss_decode.tags = torch.zeros(2, 256, dtype=torch.bool)
    head.loss_decode.tags[:, :3] = True
    torch.manual_seed(7)
    losses = head.loss(features(), samples_of(codes), None)
    torch.manual_seed(7)
    scores, masks = head(features(), samples_of(codes))
    p = head.dense_log_probability(scores[-1], masks[-1], (SIZE, SIZE)).double().exp()
    right, other = (p.gather(1, x[:, None])[:, 0] for x in (label, loser))
    pixels = torch.where(noisy, -2 * (right + other).log(), -right.log())
    expected = (pixels - 3 * p[:, :3].sum(1).log()).mean()
    torch.testing.assert_close(losses[head.loss_decode.loss_name].double(), expected, rtol=1e-5,
                               atol=1e-6)  # fmt: skip
    losses[head.loss_decode.loss_name].backward()
    assert head.query_feat.weight.grad.isfinite().all()
