"""Mask2Former's head with positive-negative hybrid learning."""

from __future__ import annotations

from importlib.util import find_spec

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from mmseg.models.decode_heads.mask2former_head import Mask2FormerHead
from torch import Tensor

from mmseg_wsss.registry import MODELS
from mmseg_wsss.seeds import decode_seed_label

from .clean_points import LEFT_OUT, CleanPointAssigner, CleanPointCrossEntropy, CleanPointDice


@MODELS.register_module()
class PNMask2FormerHead(Mask2FormerHead):
    """Mask2Former head that learns regions from clean pixels and pixels from all of them.

    Mask2Former (Cheng et al., CVPR 2022) has a set loss over regions, not a loss per pixel. Here

    * the set loss sees clean regions only: noisy and ignored points take part neither in the
      matching nor in the mask losses (they are not negatives), and an image without any clean
      pixel has no say in the class loss. Without such pixels it is mmseg's own, to the bit;
    * ``loss_decode`` acts on the dense map of the last layer, ``P[k] = sum_q softmax(c_q)[k]
      sigmoid(m_q)`` normalised over the classes; its logarithm stands for the logits.

    The paper uses Mask2Former but does not say how: this is a reading of it.

    Args:
        *args: Of mmseg's ``Mask2FormerHead``.
        loss_decode (dict, optional): Loss on the dense map, ``dict(type='PNHybridLoss')``. None
            leaves the set loss alone.
        **kwargs: Of mmseg's ``Mask2FormerHead``.

    Raises:
        ImportError: If mmdetection or mmcv's compiled operators are missing.
    """

    def __init__(self, *args, loss_decode: dict | None = None, **kwargs) -> None:
        _require_mmdet()
        super().__init__(*args, **kwargs)
        self.loss_decode = None if loss_decode is None else MODELS.build(loss_decode)
        self.loss_mask = CleanPointCrossEntropy(self.loss_mask)
        self.loss_dice = CleanPointDice(self.loss_dice)
        if self.train_cfg:
            self.assigner = CleanPointAssigner(self.assigner)

    def loss(self, x: tuple[Tensor, ...], batch_data_samples: list, train_cfg: dict) -> dict:
        """Set loss of all decoder layers and dense loss of the last.

        Args:
            x (tuple[Tensor]): Feature maps of the backbone.
            batch_data_samples (list[SegDataSample]): With ``gt_sem_seg``, seed label codes.
            train_cfg (dict): Unused; mmseg's interface.

        Returns:
            dict[str, Tensor]: Mask2Former's losses and that of ``loss_decode`` by its name.
        """
        instances, metas = self._seg_data_to_instance_data(batch_data_samples)
        all_class_scores, all_masks = self(x, batch_data_samples)
        losses = self.loss_by_feat(all_class_scores, all_masks, instances, metas)
        if self.loss_decode is not None:
            codes = torch.cat([sample.gt_sem_seg.data for sample in batch_data_samples])
            logits = self.dense_log_probability(
                all_class_scores[-1], all_masks[-1], codes.shape[-2:]
            )
            losses[self.loss_decode.loss_name] = self.loss_decode(
                logits, codes, ignore_index=self.ignore_index
            )
        return losses

    @staticmethod
    def dense_log_probability(class_scores: Tensor, masks: Tensor, size: tuple[int, int]) -> Tensor:
        """Log of the class probabilities of each pixel that the set of masks amounts to.

        Args:
            class_scores (Tensor): Class logits of the queries, "no object" last, (B, Q, K + 1).
            masks (Tensor): Mask logits of the queries, (B, Q, h, w).
            size (tuple[int, int]): Height and width of the result.

        Returns:
            Tensor: (B, K, H, W) float32. Probabilities are averaged, not their logarithms, where
            the map is enlarged, so they still sum to 1.
        """
        class_probability = class_scores.float().softmax(dim=-1)[..., :-1]
        dense = torch.einsum('bqk,bqhw->bkhw', class_probability, masks.float().sigmoid())
        # Where no mask claims the pixel every class is as likely, and no gradient is infinite.
        dense = dense + 1e-6
        dense = dense / dense.sum(dim=1, keepdim=True)
        return F.interpolate(dense, size, mode='bilinear', align_corners=False).log()

    def _seg_data_to_instance_data(
        self, batch_data_samples: list
    ) -> tuple[list[InstanceData], list[dict]]:
        """One region for each class with a clean pixel; the rest carries ``LEFT_OUT``."""
        instances, metas = [], []
        for sample in batch_data_samples:
            metas.append(sample.metainfo)
            label, noisy = decode_seed_label(sample.gt_sem_seg.data.squeeze(0))
            left_out = noisy | (label == self.ignore_index)
            classes = torch.unique(label[~left_out])
            masks = (label == classes[:, None, None]).long().masked_fill(left_out, LEFT_OUT)
            instances.append(InstanceData(labels=classes, masks=masks))
        return instances, metas

    def _get_targets_single(
        self, cls_score: Tensor, mask_pred: Tensor, gt_instances: InstanceData, img_meta: dict
    ) -> tuple:
        """As mmdetection's; where nothing is clean, "no object" would be a claim: no class loss."""
        targets = super()._get_targets_single(cls_score, mask_pred, gt_instances, img_meta)
        if len(gt_instances.labels) == 0:
            labels, label_weights, *rest = targets
            targets = (labels, torch.zeros_like(label_weights), *rest)
        return targets


def _require_mmdet() -> None:
    missing = []
    if find_spec('mmdet') is None:
        missing.append('mmdetection (requirements/optional.txt)')
    if find_spec('mmcv._ext') is None:
        missing.append(
            "mmcv's compiled operators (pip install --no-build-isolation onedl-mmcv, with torch, "
            'setuptools, wheel, ninja and psutil installed)'
        )
    if missing:
        raise ImportError(
            f'Mask2Former needs {" and ".join(missing)}; `make mask2former` installs both.'
        )
