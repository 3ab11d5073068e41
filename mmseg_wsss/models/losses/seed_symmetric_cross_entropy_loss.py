"""Symmetric cross-entropy on seed codes."""

from __future__ import annotations

from torch import Tensor

from ...registry import MODELS
from .seed_softmax_loss import SeedSoftmaxLoss


@MODELS.register_module()
class SeedSymmetricCrossEntropyLoss(SeedSoftmaxLoss):
    """``alpha CE + beta RCE``, RCE the cross-entropy with prediction and label swapped.

    With log 0 of the one-hot label set to ``log_zero``, RCE is ``-log_zero (1 - p[y])``.
    Source: Wang et al., ICCV 2019, equations 6 to 8.

    Args:
        alpha: Weight of cross-entropy, >= 0.
        beta: Weight of reverse cross-entropy, >= 0.
        log_zero: Value for log 0, below 0.
        noisy: ``keep`` noisy pixels as if clean, or ``ignore`` them like 255.
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses.
        reduction: ``mean``, ``sum`` or ``none``.

    Raises:
        ValueError: If a value is out of range.
    """

    def __init__(
        self,
        alpha: float = 0.1,
        beta: float = 1.0,
        log_zero: float = -4.0,
        noisy: str = 'keep',
        loss_weight: float = 1.0,
        loss_name: str = 'loss_sce',
        reduction: str = 'mean',
    ) -> None:
        super().__init__(noisy, loss_weight, loss_name, reduction)
        if alpha < 0 or beta < 0 or log_zero >= 0:
            raise ValueError(
                f'expected alpha >= 0, beta >= 0 and log_zero < 0; got {alpha}, {beta}, {log_zero}'
            )
        self.alpha, self.beta, self.log_zero = alpha, beta, log_zero

    def _link(self, log_p: Tensor) -> tuple[Tensor, Tensor | None]:
        reverse = -self.beta * self.log_zero
        # 1 - p, exact where p is close to 1.
        loss = -self.alpha * log_p - reverse * log_p.expm1()
        return loss, self.alpha + reverse * log_p.exp()
