"""Test-time augmentation that keeps the mean prediction."""

import torch
from mmengine.structures import PixelData
from mmseg.models import SegTTAModel
from mmseg.structures import SegDataSample

from mmseg_wsss.registry import MODELS


class _Module(torch.nn.Module):
    out_channels = 4

    def test_step(self, data):
        raise NotImplementedError


def views(count: int) -> list[SegDataSample]:
    samples = []
    for index in range(count):
        sample = SegDataSample(metainfo=dict(img_path=f'view {index}'))
        sample.set_data(dict(seg_logits=PixelData(data=5 * torch.randn(4, 6, 7))))
        samples.append(sample)
    return samples


def test_the_mean_of_the_views_is_what_the_sample_carries():
    batch = views(5)
    expected = sum(sample.seg_logits.data.softmax(0) for sample in batch) / 5
    model = MODELS.build(dict(type='MergedTTAModel', module=_Module()))
    (merged,) = model.merge_preds([batch])
    assert torch.allclose(merged.seg_logits.data.softmax(0), expected, atol=1e-6)
    assert torch.equal(merged.pred_sem_seg.data, expected.argmax(0, keepdim=True))
    assert merged.img_path == 'view 0'


def test_the_prediction_is_that_of_mmseg():
    batch = views(3)
    copies = [sample.clone() for sample in batch]
    ours = MODELS.build(dict(type='MergedTTAModel', module=_Module())).merge_preds([batch])
    theirs = SegTTAModel(module=_Module()).merge_preds([copies])
    assert torch.equal(ours[0].pred_sem_seg.data, theirs[0].pred_sem_seg.data)


def test_a_certain_prediction_stays_finite():
    batch = views(1)
    batch[0].seg_logits.data[0] = 1e4
    (merged,) = MODELS.build(dict(type='MergedTTAModel', module=_Module())).merge_preds([batch])
    assert torch.isfinite(merged.seg_logits.data).all()
