"""Prediction constraint of a strip of pixels, with its gradient in the same pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .functional import NORM_EPSILON


@dataclass(frozen=True)
class ConstraintTerm:
    """``-log softmax(z / (|z| + eps) / temperature)[y]``, value and gradient by closed form.

    With ``s = 1 / (temperature (n + eps))``, n the norm of z and q the softmax of s z:
    ``dL/dz = s (q - onehot_y) - s (q . z - z_y) z / (n (n + eps))``.

    Args:
        weight: Factor of the term.
        temperature: Divides the normalised logits.
    """

    weight: float
    temperature: float

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
        """Compute the term on (K, R, W) logits.

        Args:
            z: Logits (K, R, W), float32 or float64.
            z_label: Logit of the label (R, W).
            z_top: Highest logit (R, W).
            label: (1, R, W) int64.
            scale: Factor of each pixel's gradient (R, W), 0 where the pixel has no share.
            buffer: Scratch space like ``z``.
            grad: Where the gradient goes, like ``z``; None to leave it out.
            accumulate: Add to ``grad`` instead of overwriting it.

        Returns:
            Tensor: Loss (R, W), weighted but not scaled.
        """
        # A sum over the slowest dimension is many times faster than vector_norm's on the CPU.
        norm = torch.mul(z, z, out=buffer).sum(0).sqrt_()
        inverse = 1 / (norm + NORM_EPSILON)
        factor = inverse / self.temperature
        # exp(s (z - top)) in two passes.
        torch.addcmul((factor * z_top).neg_(), z, factor, out=buffer).exp_()
        total = buffer.sum(0)
        loss = total.log().sub_(factor * (z_label - z_top))
        if grad is not None:
            outer = scale * factor * self.weight
            share = outer / total
            if accumulate:
                grad.addcmul_(buffer, share)
            else:
                torch.mul(buffer, share, out=grad)
            slope = buffer.mul_(z).sum(0).div_(total).sub_(z_label)
            # The norm's derivative at 0 is taken as 0, as autograd does.
            slope *= outer * inverse / norm.masked_fill(norm == 0, torch.inf)
            grad.addcmul_(z, slope, value=-1)
            grad.scatter_add_(0, label, -outer[None])
        return loss.mul_(self.weight)
