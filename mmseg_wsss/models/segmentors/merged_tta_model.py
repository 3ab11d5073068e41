"""Test-time augmentation that keeps the mean prediction."""

from __future__ import annotations

import torch
from mmengine.structures import PixelData
from mmseg.models import SegTTAModel
from mmseg.structures import SegDataSample

from ...registry import MODELS


@MODELS.register_module()
class MergedTTAModel(SegTTAModel):
    """mmseg's ``SegTTAModel`` whose samples carry the mean over all augmented views.

    The prediction is the argmax of the mean softmax, as mmseg's. mmseg leaves the logits of the
    last view in the sample; here ``seg_logits`` is the logarithm of the mean softmax, so that a CRF
    or a pseudo mask made from it sees what the prediction was made from.
    """

    def merge_preds(self, data_samples_list: list[list[SegDataSample]]) -> list[SegDataSample]:
        """Merge the predictions of all views of each image.

        Args:
            data_samples_list (list[list[SegDataSample]]): For each image its views, whose
                ``seg_logits`` (K, H, W) are at the image's own size, K > 1.

        Returns:
            list[SegDataSample]: For each image the sample of its first view with the mean's
            ``seg_logits`` (K, H, W) and ``pred_sem_seg`` (1, H, W).
        """
        merged = []
        for views in data_samples_list:
            mean = torch.stack([view.seg_logits.data.softmax(dim=0) for view in views]).mean(dim=0)
            sample = views[0]
            tiny = torch.finfo(mean.dtype).tiny
            sample.set_data(
                {
                    'seg_logits': PixelData(data=mean.clamp_min(tiny).log()),
                    'pred_sem_seg': PixelData(data=mean.argmax(dim=0, keepdim=True)),
                }
            )
            merged.append(sample)
        return merged
