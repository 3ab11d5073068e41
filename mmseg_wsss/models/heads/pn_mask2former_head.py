"""Mask2Former's head with positive-negative hybrid learning: mask losses on clean points alone.

mmdetection samples points from predicted and ground truth inside its head. Pixels to be left out
carry ``LEFT_OUT`` in the ground truth: a sampled target that touches one of them is negative, any
other is in [0, 1], so what wraps the losses and the assigner can tell them apart without touching
the sampling. Without such pixels everything below hands its input through unchanged.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from mmseg.models.decode_heads.mask2former_head import Mask2FormerHead
from torch import Tensor, nn

from ...compat import require_mmdet
from ...registry import MODELS
from ...seeds import decode_seed_label

# So far below 0 that bilinear sampling cannot bring it back to 0 unless the pixel's weight is under
# 1e-6. A power of two: exact in float32.
LEFT_OUT = -(2**20)


class CleanPointCrossEntropy(nn.Module):
    """A per-point mask loss over the points that are not left out.

    Args:
        loss (nn.Module): Loss of mmdetection, called with flat predictions and targets.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, pred: Tensor, target: Tensor, avg_factor: Tensor | float) -> Tensor:
        """Average over the clean points.

        Args:
            pred (Tensor): Mask logits, (N,).
            target (Tensor): Targets in [0, 1], negative where left out, (N,).
            avg_factor (Tensor | float): Divisor of the sum over all N points; scaled down to the
                share of clean points.

        Returns:
            Tensor: The loss, 0 with gradients if no point is clean.
        """
        clean = target >= 0
        if clean.all():
            return self.loss(pred, target, avg_factor=avg_factor)
        if not clean.any():
            return pred.sum() * 0
        share = clean.float().mean()
        return self.loss(pred[clean], target[clean], avg_factor=avg_factor * share)


class CleanPointDice(nn.Module):
    """The dice loss of mmdetection over the points that are not left out.

    Args:
        loss (nn.Module): ``mmdet.DiceLoss`` with its sigmoid.

    Raises:
        ValueError: If the loss does not apply the sigmoid itself.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        if not (getattr(loss, 'use_sigmoid', False) and getattr(loss, 'activate', False)):
            raise ValueError('loss_dice: expected use_sigmoid=True and activate=True.')
        self.loss = loss

    def forward(self, pred: Tensor, target: Tensor, avg_factor: Tensor | float) -> Tensor:
        """Dice loss in which a point left out is in neither mask.

        Args:
            pred (Tensor): Mask logits, (M, P).
            target (Tensor): Targets in [0, 1], negative where left out, (M, P).
            avg_factor (Tensor | float): Divisor of the sum over the M masks.

        Returns:
            Tensor: The loss.
        """
        left_out = target < 0
        # sigmoid(-inf) = 0: the point is in no sum, and no gradient passes a filled value.
        pred = pred.masked_fill(left_out, float('-inf'))
        return self.loss(pred, target.masked_fill(left_out, 0.0), avg_factor=avg_factor)


class CleanPointAssigner:
    """Matching of queries and regions by the points that are not left out.

    Args:
        assigner: Assigner of mmdetection that reads ``masks`` as points, (n, P).
    """

    def __init__(self, assigner) -> None:
        self.assigner = assigner

    def assign(
        self, pred_instances: InstanceData, gt_instances: InstanceData, img_meta: dict | None = None
    ):
        """Match on clean points; where none was sampled, by the class scores alone.

        Args:
            pred_instances (InstanceData): ``scores`` and ``masks`` (Q, P), logits.
            gt_instances (InstanceData): ``labels`` and ``masks`` (G, P), negative where left out.
            img_meta (dict, optional): Handed through.

        Returns:
            AssignResult: Of the wrapped assigner.
        """
        clean = (gt_instances.masks >= 0).all(dim=0)
        if not clean.all():
            points, targets = pred_instances.masks[:, clean], gt_instances.masks[:, clean]
            if points.shape[1] == 0:  # one point that costs the same in every pair
                points = pred_instances.masks.new_zeros(len(pred_instances.masks), 1)
                targets = gt_instances.masks.new_zeros(len(gt_instances.masks), 1)
            pred_instances = InstanceData(scores=pred_instances.scores, masks=points)
            gt_instances = InstanceData(labels=gt_instances.labels, masks=targets)
        return self.assigner.assign(
            pred_instances=pred_instances, gt_instances=gt_instances, img_meta=img_meta
        )


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
        require_mmdet('Mask2Former')
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
