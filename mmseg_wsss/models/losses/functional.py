"""The hybrid loss in plain tensor operations, the reference for the lean and the fused version.

Everything works per pixel on full tensors and leaves the gradient to autograd. Shapes: logits
(B, K, *S) floating point, labels (B, *S) int64 in [0, K), masks (B, *S) bool. Half precision is
computed in float32, float64 stays float64.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .hybrid_settings import HybridSettings

NORM_EPSILON = 1e-7


def at_least_float32(logits: Tensor) -> Tensor:
    """Cast half precision to float32 and leave float32 and float64 alone."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def prediction_constraint(logits: Tensor, label: Tensor, temperature: float = 1.0) -> Tensor:
    """Cross-entropy of the logits divided by their norm over the classes.

    Cross-entropy pushes the confidence of a wrong label as high as that of a right one; with
    normalised logits it is bounded. Source: the paper's prediction constraint, in the form of
    VBLC's logit constraint (AAAI 2023), which is a reading of the paper.

    Args:
        logits: Class scores (B, K, *S).
        label: Assigned label (B, *S), int64 in [0, K).
        temperature: Divides the normalised logits.

    Returns:
        Loss per pixel (B, *S), at least ``log(1 + (K - 1) exp(-sqrt(K / (K - 1)) / temperature))``.

    Examples:
        >>> prediction_constraint(torch.tensor([[100.0, -100.0]]), torch.tensor([0])).item()
        0.21762...
    """
    logits = at_least_float32(logits)
    norm = torch.linalg.vector_norm(logits, dim=1, keepdim=True)
    return F.cross_entropy(logits / (norm + NORM_EPSILON) / temperature, label, reduction='none')


def negative_log_complement(logits: Tensor) -> Tensor:
    """-log(1 - p[k]) for every class k, p the softmax of the logits over dimension 1.

    Finite for every finite logit, p[k] -> 1 included: there 1 - p[k] is taken from the sum over
    the other classes and not by subtraction.

    Args:
        logits: Class scores (B, K, *S), K >= 2.

    Returns:
        Tensor: (B, K, *S), >= 0.

    Examples:
        >>> negative_log_complement(torch.tensor([[1000.0, 0.0]])).tolist()
        [[1000.0, 0.0]]
    """
    logits = at_least_float32(logits)
    is_top = torch.zeros_like(logits, dtype=torch.bool)
    is_top.scatter_(1, logits.detach().argmax(1, keepdim=True), True)
    # Only the top class can have p > 1/2, where 1 - p cancels. The others never reach p = 1.
    log_rest = logits.masked_fill(is_top, float('-inf')).logsumexp(1, keepdim=True)
    at_top = -F.logsigmoid(log_rest - logits)
    probability = logits.softmax(1).masked_fill(is_top, 0)
    return torch.where(is_top, at_top, -torch.log1p(-probability))


def labels_present(label: Tensor, mask: Tensor, num_classes: int) -> Tensor:
    """Which classes label at least one pixel of the mask, per image.

    Args:
        label: (B, *S) int64 in [0, K).
        mask: (B, *S) bool.
        num_classes: K.

    Returns:
        Tensor: (B, K) bool.

    Examples:
        >>> labels_present(torch.tensor([[0, 2, 1]]), torch.tensor([[True, True, False]]), 3)
        tensor([[ True, False,  True]])
    """
    batch = label.shape[0]
    offset = torch.arange(batch, device=label.device).view(-1, *[1] * (label.dim() - 1))
    # Pixels outside the mask are counted in a bin of their own: faster than to pick the others.
    bins = torch.where(mask, label + offset * num_classes, batch * num_classes).flatten()
    counts = torch.bincount(bins, minlength=batch * num_classes + 1)
    return counts[:-1].view(batch, num_classes) > 0


def draw_complementary_labels(
    label: Tensor, num_classes: int, num_draws: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw classes uniformly, with replacement, from those other than the label.

    Args:
        label: (M,) int64 in [0, K).
        num_classes: K >= 2.
        num_draws: Draws per label.
        generator: Source of randomness on the label's device; torch's global one if None.

    Returns:
        Tensor: (M, num_draws) int64 in [0, K), never the label itself.

    Examples:
        >>> draw_complementary_labels(torch.tensor([0, 1]), 2, 3)
        tensor([[1, 1, 1],
                [0, 0, 0]])
    """
    draws = torch.randint(
        num_classes - 1, (len(label), num_draws), generator=generator, device=label.device
    )
    return draws + (draws >= label[:, None])


def negative_entries(
    label: Tensor,
    image: Tensor,
    num_classes: int,
    settings: HybridSettings,
    clean_present: Tensor | None,
    present: Tensor | None,
    draws: Tensor | None,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Classes whose -log(1 - p) is added up at noisy pixels, and their factors.

    The first one is the assigned label (direct term), the others are complementary classes
    (indirect term). Factors contain everything but what depends on the prediction.

    Args:
        label: Assigned label of the noisy pixels (M,) int64.
        image: Index of the image that each of them belongs to (M,) int64.
        num_classes: K.
        settings: Settings of the loss.
        clean_present: Labels of clean pixels per image (B, K) bool; only read by the gate
            ``untagged``.
        present: Labels of supervised pixels per image (B, K) bool; only read for ``unvoted``.
        draws: Complementary classes (M, num_draws) int64; only read where ``settings.draws``.
        dtype: Floating point type of the factors.

    Returns:
        tuple: Classes (n, M) int64 and factors (n, M), >= 0.
    """
    direct = torch.full_like(label, settings.direct_weight, dtype=dtype)
    if settings.direct_gate == 'untagged':
        direct.masked_fill_(clean_present[image, label], 0)
    if settings.indirect_weight == 0:
        return label[None], direct[None]
    if settings.indirect == 'draws':
        classes = draws.t()
        factors = torch.full_like(classes, 1 / settings.num_draws, dtype=dtype)
    else:
        classes = torch.arange(num_classes, device=label.device)[:, None].expand(-1, len(label))
        if settings.indirect == 'mean':
            factors = (classes != label).to(dtype) / (num_classes - 1)
        else:
            # The assigned label is present by definition, so it is never among the absent ones.
            absent = (~present).to(dtype)
            factors = (absent / absent.sum(1, keepdim=True).clamp(min=1)).t()[:, image]
    factors = factors * settings.indirect_weight
    return torch.cat((label[None], classes)), torch.cat((direct[None], factors))


def entry_weights(
    factors: Tensor, probability: Tensor, num_classes: int, settings: HybridSettings
) -> Tensor:
    """Factors of :func:`negative_entries` times what depends on the prediction.

    Args:
        factors: (n, M).
        probability: Softmax of the un-normalised logits at the same classes (n, M), detached.
        num_classes: K.
        settings: Settings of the loss.

    Returns:
        Tensor: (n, M), >= 0.
    """
    direct, indirect = factors[:1], factors[1:]
    if settings.direct_gate == 'low_confidence':
        direct = direct * (probability[:1] < 1 / num_classes)
    if settings.jnpl_weighting:
        indirect = indirect * (1 - probability[1:])
    return torch.cat((direct, indirect))


def pn_hybrid_pixel_loss(
    logits: Tensor,
    label: Tensor,
    clean: Tensor,
    noisy: Tensor,
    settings: HybridSettings,
    draws: Tensor | None = None,
) -> Tensor:
    """Hybrid loss per pixel: positive where clean, negative where noisy, 0 elsewhere.

    ``L = [clean] L_pos + [noisy] (w_pos L_pos + w_dir g L_dir + w_ind L_ind)`` with
    ``L_dir = -log(1 - p[y])`` and ``L_ind = -log(1 - p[c])``; p belongs to the un-normalised
    logits in both. A reading of the paper, see :class:`HybridSettings`.

    Args:
        logits: Class scores (B, K, *S), K >= 2.
        label: Assigned label (B, *S) int64 in [0, K); any class where neither clean nor noisy.
        clean: (B, *S) bool.
        noisy: (B, *S) bool, disjoint from ``clean``.
        settings: Settings of the loss.
        draws: Complementary classes of the noisy pixels in raster order (M, num_draws), from
            :func:`draw_complementary_labels`; needed where ``settings.draws``.

    Returns:
        Tensor: (B, *S), float32 or float64.

    Raises:
        ValueError: If the settings need draws and there are none.
    """
    if settings.draws and draws is None:
        raise ValueError("indirect='draws' needs the drawn complementary classes, got None")
    logits = at_least_float32(logits)
    num_classes = logits.shape[1]
    positive = torch.zeros_like(label, dtype=logits.dtype)
    if settings.ce_weight:
        positive = positive + F.cross_entropy(logits, label, reduction='none')
    if settings.pc_weight:
        constraint = prediction_constraint(logits, label, settings.temperature)
        positive = positive + settings.pc_weight * constraint
    # Boolean indexing lists pixels image by image in raster order: (M, K).
    rows = logits.movedim(1, -1)[noisy]
    classes, factors = negative_entries(
        label[noisy],
        noisy.nonzero()[:, 0],
        num_classes,
        settings,
        labels_present(label, clean, num_classes),
        labels_present(label, clean | noisy, num_classes),
        draws,
        logits.dtype,
    )
    probability = rows.detach().softmax(1).t().gather(0, classes)
    weights = entry_weights(factors, probability, num_classes, settings)
    negative = (weights * negative_log_complement(rows).t().gather(0, classes)).sum(0)
    if settings.noisy_positive_weight:
        negative = negative + settings.noisy_positive_weight * positive[noisy]
    loss = torch.where(clean, positive, 0)
    # Adding 0 * logits would turn inf into nan; masked_scatter keeps the graph without it.
    return loss.masked_scatter(noisy, negative)
