"""Negative learning at a list of pixels, with its gradient by closed form."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def negative_term(
    rows: Tensor, weights_of: Callable[[Tensor], Tensor], with_grad: bool
) -> tuple[Tensor, Tensor | None]:
    """``sum_k w[k] (-log(1 - p[k]))`` per pixel, p the softmax over the classes.

    With odds ``o = p / (1 - p)`` the gradient is ``w o - p (w . o)``. The odds of the top class
    have no bound, so its share is taken from the softmax r of the other classes alone:
    ``w_t p_t (onehot_t - r)``.

    Args:
        rows: Logits (K, M), float32 or float64, K >= 2.
        weights_of: From p (K, M) to the weights w (K, M), which count as constants; the array it
            returns is overwritten.
        with_grad: Compute the gradient too.

    Returns:
        tuple: Loss (M,) and its gradient with respect to ``rows`` (K, M) or None.
    """
    z_top, top = rows.max(0, keepdim=True)
    rest = rows.scatter(0, top, -torch.inf)
    z_second = rest.amax(0, keepdim=True)
    # Softmax r of the other classes, 0 at the top class; p[k] = r[k] (1 - p[top]).
    ratio = rest.sub_(z_second).exp_()
    total = ratio.sum(0, keepdim=True)
    ratio /= total
    lead = z_top - z_second - total.log_()
    p_top, p_rest = lead.sigmoid(), (-lead).sigmoid()
    p = ratio * p_rest
    weights = weights_of(p.scatter(0, top, p_top))
    w_top = weights.gather(0, top)
    weights = weights.scatter_(0, top, 0)
    loss = torch.log1p(-p).mul_(weights).sum(0).neg_() - w_top[0] * F.logsigmoid(-lead)[0]
    if not with_grad:
        return loss, None
    odds = weights.mul_(p).div_(1 - p)
    share = odds.sum(0, keepdim=True)
    outer = w_top * p_top
    # The odds and p of the top class are 0 here; its own entry comes last.
    grad = odds.sub_(p.mul_(share)).sub_(ratio.mul_(outer))
    return loss, grad.scatter_(0, top, outer - p_top * share)
