"""Negative learning at a list of pixels, with its gradient by closed form."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def negative_term(
    rows: Tensor, classes: Tensor, weights_of: Callable[[Tensor], Tensor], with_grad: bool
) -> tuple[Tensor, Tensor | None]:
    """``sum_i w[i] (-log(1 - p[c[i]]))`` per pixel, p the softmax over the classes.

    With odds ``o = p / (1 - p)`` the gradient is ``w o - p (w . o)`` where w is summed up per
    class. The odds of the top class t have no bound, so its share is taken from the softmax r of
    the other classes alone: ``w_t p_t (onehot_t - r)``.

    Args:
        rows: Logits (K, M), float32 or float64, K >= 2; overwritten.
        classes: Classes c (n, M) int64 in [0, K); one may come several times.
        weights_of: From p at these classes (n, M) to the weights w (n, M), which count as
            constants.
        with_grad: Compute the gradient too.

    Returns:
        tuple: Loss (M,) and its gradient with respect to the logits (K, M) or None.
    """
    z_top, top = rows.max(0, keepdim=True)
    ratio = rows.scatter_(0, top, -torch.inf)
    z_second = ratio.amax(0, keepdim=True)
    # r times its sum; 0 at the top class. p[k] = r[k] (1 - p[top]).
    ratio.sub_(z_second).exp_()
    total = ratio.sum(0, keepdim=True)
    lead = z_top - z_second - total.log()
    p_top = lead.sigmoid()
    per_ratio = (-lead).sigmoid() / total

    is_top = classes == top
    p = ratio.gather(0, classes) * per_ratio
    weights = weights_of(torch.where(is_top, p_top, p))
    loss = weights * torch.where(is_top, -F.logsigmoid(-lead), -torch.log1p(-p))
    if not with_grad:
        return loss.sum(0), None
    outer = (weights * is_top).sum(0, keepdim=True) * p_top
    odds = weights * (p / (1 - p))  # 0 at the top class, as p is
    share = odds.sum(0, keepdim=True)
    grad = ratio.mul_(-(per_ratio * share + outer / total))
    grad.scatter_(0, top, outer - p_top * share)
    return loss.sum(0), grad.scatter_add_(0, classes, odds)
