"""Cross-entropy on seed codes."""

from __future__ import annotations

import torch
from torch import Tensor

from ...registry import MODELS
from .pixel_labels import PixelLabels
from .seed_softmax_loss import SeedSoftmaxLoss
from .softmax_term import cross_entropy_link


@MODELS.register_module()
class SeedCrossEntropyLoss(SeedSoftmaxLoss):
    """mmseg's CrossEntropyLoss for codes, with the lean and the fused path of the hybrid loss.

    Args:
        noisy: ``keep`` noisy pixels as if clean, or ``ignore`` them like 255.
        avg_non_ignore: Average over the pixels that are not ignored. False averages over all
            pixels, which is the default of mmseg's CrossEntropyLoss.
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses.
        reduction: ``mean``, ``sum`` or ``none``.
    """

    def __init__(
        self,
        noisy: str = 'keep',
        avg_non_ignore: bool = True,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_ce',
        reduction: str = 'mean',
    ) -> None:
        super().__init__(noisy, loss_weight, loss_name, reduction)
        self.avg_non_ignore = avg_non_ignore

    def _num_averaged(self, labels: PixelLabels) -> Tensor:
        if self.avg_non_ignore:
            return super()._num_averaged(labels)
        return torch.tensor(labels.clean.numel(), device=labels.clean.device)

    def _link(self, log_p: Tensor) -> tuple[Tensor, Tensor | None]:
        return cross_entropy_link(log_p)
