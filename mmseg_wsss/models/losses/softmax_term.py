"""Losses that are functions of the label's softmax, per strip of pixels with their gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def cross_entropy_link(log_p: Tensor) -> tuple[Tensor, Tensor | None]:
    """Cross-entropy: ``f(p) = -log p``; the slope of 1 is given as None."""
    return -log_p, None


@dataclass(frozen=True)
class SoftmaxTerm:
    """``f(p)`` of the label's probability p: ``dL/dz = -f'(p) p (softmax(z) - onehot_y)``.

    Args:
        weight: Factor of the term.
        link: From log p (R, W) to the loss f(p) and the slope ``-f'(p) p``, None for 1.
    """

    weight: float = 1.0
    link: Callable[[Tensor], tuple[Tensor, Tensor | None]] = cross_entropy_link

    def __call__(
        self,
        z: Tensor,
        z_label: Tensor,
        z_top: Tensor,
        label: Tensor,
        scale: Tensor,
        buffer: Tensor,
        grad: Tensor | None,
        accumulate: bool,
    ) -> Tensor:
        """Compute the term on (K, R, W) logits; arguments as of :class:`ConstraintTerm`."""
        torch.sub(z, z_top, out=buffer).exp_()
        total = buffer.sum(0)
        loss, slope = self.link((z_label - z_top).sub_(total.log()))
        if grad is not None:
            outer = scale * self.weight
            if slope is not None:
                outer *= slope
            share = outer / total
            if accumulate:
                grad.addcmul_(buffer, share)
            else:
                torch.mul(buffer, share, out=grad)
            grad.scatter_add_(0, label, -outer[None])
        return loss * self.weight
