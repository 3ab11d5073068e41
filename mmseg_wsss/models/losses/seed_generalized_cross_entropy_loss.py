"""Generalized cross-entropy on seed codes."""

from __future__ import annotations

from torch import Tensor

from ...registry import MODELS
from .seed_softmax_loss import SeedSoftmaxLoss


@MODELS.register_module()
class SeedGeneralizedCrossEntropyLoss(SeedSoftmaxLoss):
    """``(1 - p[y]^q) / q``: between cross-entropy (q -> 0) and mean absolute error (q = 1).

    Source: Zhang and Sabuncu, NeurIPS 2018, equation 6.

    Args:
        q: Robustness to noisy labels, in (0, 1].
        noisy: ``keep`` noisy pixels as if clean, or ``ignore`` them like 255.
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses.
        reduction: ``mean``, ``sum`` or ``none``.

    Raises:
        ValueError: If q is not in (0, 1].
    """

    def __init__(
        self,
        q: float = 0.7,
        noisy: str = 'keep',
        loss_weight: float = 1.0,
        loss_name: str = 'loss_gce',
        reduction: str = 'mean',
    ) -> None:
        super().__init__(noisy, loss_weight, loss_name, reduction)
        if not 0 < q <= 1:
            raise ValueError(f'q must be in (0, 1], got {q}')
        self.q = q

    def _link(self, log_p: Tensor) -> tuple[Tensor, Tensor | None]:
        exponent = self.q * log_p
        return exponent.expm1() / -self.q, exponent.exp()
