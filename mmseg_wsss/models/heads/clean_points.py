"""Mask losses and matching of mmdetection on the clean points alone.

mmdetection samples points from predicted and true masks inside its head. Pixels to be left out
carry ``LEFT_OUT`` in the true masks: a sampled target that touches one of them is negative, any
other is in [0, 1], so what wraps the losses and the assigner can tell them apart without touching
the sampling. Without such pixels everything below hands its input through unchanged.
"""

from __future__ import annotations

from mmengine.structures import InstanceData
from torch import Tensor, nn

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
