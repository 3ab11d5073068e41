"""The hybrid loss in plain tensor operations: the reference of the chunked loop and the kernel.

Nothing here depends on the values of a tensor, so an accelerator never waits for the host, and
autograd provides the gradient. Shapes: logits (B, K, *S) floating point, labels (B, *S) int64 in
[0, K), masks (B, *S) bool. Half precision is computed in float32, float64 stays float64.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ...seeds.codec import IGNORE_INDEX
from ...seeds.precision import at_least_float32
from .hybrid_settings import HybridSettings

NORM_EPSILON = 1e-7


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


def lead_of_label(logits: Tensor, label: Tensor) -> Tensor:
    """Logit of the label minus the mean logit: what label smoothing adds to cross-entropy.

    ``(1 - e) CE(y) + e mean_k CE(k) = CE(y) + e (z[y] - mean_k z[k])``.

    Args:
        logits: Class scores (B, K, *S), float32 or float64.
        label: Assigned label (B, *S), int64 in [0, K).

    Returns:
        Tensor: (B, *S).

    Examples:
        >>> lead_of_label(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0]))
        tensor([1.])
    """
    return logits.gather(1, label.unsqueeze(1)).squeeze(1) - logits.mean(1)


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
    is_top = unique_top(logits)
    # Only the top class can have p > 1/2, where 1 - p cancels. The others never reach p = 1.
    log_rest = logits.masked_fill(is_top, float('-inf')).logsumexp(1, keepdim=True)
    lead = logits.masked_fill(~is_top, 0).sum(1, keepdim=True) - log_rest
    probability = logits.softmax(1).masked_fill(is_top, 0)
    return torch.where(is_top, -F.logsigmoid(-lead), -torch.log1p(-probability))


def unique_top(logits: Tensor) -> Tensor:
    """Whether a class alone has the highest logit, (B, K, *S) bool; several share p <= 1/2."""
    is_top = logits == logits.amax(1, keepdim=True)
    return is_top & (is_top.sum(1, keepdim=True) == 1)


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
    # Pixels outside the mask count for one more class, which is cut off.
    bins = torch.where(mask, label, num_classes).flatten(1)
    present = torch.zeros(len(label), num_classes + 1, dtype=torch.bool, device=label.device)
    return present.scatter_(1, bins, True)[:, :-1]


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


def pack_classes(member: Tensor) -> Tensor:
    """Store a set of classes per pixel as one bit a class.

    Args:
        member: Whether a class belongs to the set, (B, K, *S) bool.

    Returns:
        Tensor: (B, ceil(K / 8), *S) uint8; class k is bit ``k % 8`` of byte ``k // 8``.

    Examples:
        >>> pack_classes(torch.tensor([[True, False, True] + 6 * [False] + [True]]))
        tensor([[5, 2]], dtype=torch.uint8)
    """
    bytes_ = -(-member.shape[1] // 8)
    padding = [0, 0] * (member.dim() - 2) + [0, 8 * bytes_ - member.shape[1]]
    bits = F.pad(member.to(torch.uint8), padding).unflatten(1, (bytes_, 8))
    place = torch.arange(8, dtype=torch.uint8, device=member.device)
    return (bits << place.view(8, *[1] * (member.dim() - 2))).sum(2, dtype=torch.uint8)


def unpack_classes(packed: Tensor, num_classes: int) -> Tensor:
    """Read the sets of :func:`pack_classes` back as (B, K, *S) bool."""
    place = torch.arange(8, dtype=torch.uint8, device=packed.device)
    bits = packed.unsqueeze(2) >> place.view(8, *[1] * (packed.dim() - 2)) & 1
    return bits.flatten(1, 2)[:, :num_classes] > 0


class HybridTargets(NamedTuple):
    """What the hybrid loss learns at each pixel; any part of the pixels can be cut out.

    Attributes:
        label: Assigned label (B, *S) int64 in [0, K).
        positive: Weight of the positive term (B, *S), floating point.
        direct: Weight of ``-log(1 - p[label])`` (B, *S), before the gate ``low_confidence``.
        indirect: Weight of each complementary class (B, *S).
        classes: Complementary classes, uint8: (B, n, *S) drawn classes, one of which may come
            several times, if ``settings.draws``; else sets of classes of :func:`pack_classes`
            (B, ceil(K / 8), *S), from which the label itself is left out.
        direct_losers: Labels of the direct term in the place of the assigned one, (B, n, *S) uint8,
            255 where there is none.
        noisy_set: Weight of the term on the label and ``losers`` (B, *S).
        losers: Labels that lost the vote, (B, n, *S) uint8, 255 where there is none.
        tags: Which classes an image may show (B, K, *S) bool, at least one, the same at all pixels.
            Their term is at ignored pixels too; who calls leaves these out.
    """

    label: Tensor
    positive: Tensor
    direct: Tensor
    indirect: Tensor
    classes: Tensor
    direct_losers: Tensor | None = None
    noisy_set: Tensor | None = None
    losers: Tensor | None = None
    tags: Tensor | None = None


def hybrid_targets(
    label: Tensor,
    clean: Tensor,
    noisy: Tensor,
    num_classes: int,
    settings: HybridSettings,
    draws: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    losers: Tensor | None = None,
    tags: Tensor | None = None,
) -> HybridTargets:
    """Turn labels of whole crops into what is learnt at each pixel.

    Args:
        label: Assigned label (B, *S) int64 in [0, K).
        clean: (B, *S) bool.
        noisy: (B, *S) bool, disjoint from ``clean``.
        num_classes: K, 2 to 255.
        settings: Settings of the loss.
        draws: Complementary classes (B, num_draws, *S) uint8, read at noisy pixels; needed where
            ``settings.draws``.
        dtype: Floating point type of the weights.
        losers: Labels that lost the vote, (B, n, *S) uint8, 255 where there is none, read at noisy
            pixels; needed where ``settings.losers``.
        tags: Which classes an image may show (B, K, *S) bool, at least one, the same at all pixels;
            needed where ``settings.tag_set_weight``.

    Returns:
        HybridTargets: Weights and classes of each pixel.

    Raises:
        ValueError: If the settings need draws, losers or tags and there are none.
    """
    flag = noisy.to(dtype)
    positive = clean.to(dtype).add_(flag, alpha=settings.noisy_positive_weight)
    if settings.losers and losers is None:
        raise ValueError("direct='losers' and noisy_set_weight need the losing votes, got None")
    if settings.tag_set_weight and tags is None:
        raise ValueError('tag_set_weight needs the tags of the images, got None')
    wrong, direct_losers = flag, None
    if settings.direct == 'losers' and settings.direct_weight:
        direct_losers = losers
    if settings.direct_gate == 'untagged':
        tagged = labels_present(label, clean, num_classes)
        if direct_losers is None:
            wrong = flag * ~tagged.gather(1, label.flatten(1)).view_as(label)
        else:
            # One more class, that of no loser, which is not tagged.
            tagged = F.pad(tagged, (0, 256 - num_classes))
            tagged = tagged.gather(1, losers.flatten(1).long()).view_as(losers)
            direct_losers = losers.masked_fill(tagged, IGNORE_INDEX)
    if settings.draws:
        if draws is None:
            raise ValueError("indirect='draws' needs the drawn complementary classes, got None")
        classes, count = draws, settings.num_draws
    else:
        # The same set at every pixel of an image: expanded, not stored.
        present = torch.zeros(len(label), num_classes, dtype=torch.bool, device=label.device)
        count = num_classes - 1
        if settings.indirect == 'unvoted':
            # The assigned label is present by definition, so it is never among the absent ones.
            present = labels_present(label, clean | noisy, num_classes)
            absent = (~present).sum(1).clamp_(min=1).to(dtype)
            count = absent.view(-1, *[1] * (label.dim() - 1))
        ones = [1] * (label.dim() - 1)
        classes = pack_classes(~present).unflatten(1, (-1, *ones))
        classes = classes.expand(-1, -1, *label.shape[1:])
    return HybridTargets(
        label,
        positive,
        wrong * settings.direct_weight,
        flag * (settings.indirect_weight / count),
        classes,
        direct_losers,
        flag * settings.noisy_set_weight if settings.noisy_set_weight else None,
        losers if settings.noisy_set_weight else None,
        tags if settings.tag_set_weight else None,
    )


def positive_loss(logits: Tensor, label: Tensor, settings: HybridSettings) -> Tensor:
    """Cross-entropy and prediction constraint as the settings weigh them, (B, *S)."""
    loss = torch.zeros_like(label, dtype=logits.dtype)
    if settings.ce_weight:
        loss = loss + F.cross_entropy(logits, label, reduction='none')
    if settings.label_smoothing:
        loss = loss + settings.label_smoothing * lead_of_label(logits, label)
    if settings.pc_weight:
        constraint = prediction_constraint(logits, label, settings.temperature)
        loss = loss + settings.pc_weight * constraint
    return loss


def negative_weights(
    probability: Tensor, targets: HybridTargets, settings: HybridSettings
) -> Tensor:
    """Weight of ``-log(1 - p[k])`` for each class k.

    Args:
        probability: Softmax p of the un-normalised logits (B, K, *S), detached.
        targets: Weights and classes.
        settings: Gate of the direct term, weighting of the indirect one.

    Returns:
        Tensor: (B, K, *S), >= 0.
    """
    num_classes = probability.shape[1]
    if settings.draws:
        classes = listed_classes(targets)
        listed = listed_weights(probability.gather(1, classes), targets, settings, num_classes)
        return torch.zeros_like(probability).scatter_add_(1, classes, listed)
    member = unpack_classes(targets.classes, num_classes)
    member.scatter_(1, targets.label.unsqueeze(1), False)
    weight = member * targets.indirect.unsqueeze(1)
    if settings.jnpl_weighting:
        weight = weight * (1 - probability)
    classes = _direct_classes(targets)
    direct = _direct_weight(probability.gather(1, classes), targets, settings, num_classes)
    return weight.scatter_add_(1, classes, direct)


def listed_classes(targets: HybridTargets) -> Tensor:
    """Classes of the direct term and the drawn ones, (B, n, *S) int64."""
    return torch.cat((_direct_classes(targets), targets.classes.long()), 1)


def _direct_classes(targets: HybridTargets) -> Tensor:
    label = targets.label.unsqueeze(1)
    if targets.direct_losers is None:
        return label
    return _or_label(targets.direct_losers, label)


def _or_label(losers: Tensor, label: Tensor) -> Tensor:
    """Put the assigned label where there is no loser, (B, n, *S) int64."""
    losers = losers.long()
    return torch.where(losers == IGNORE_INDEX, label, losers)


def listed_weights(
    probability: Tensor, targets: HybridTargets, settings: HybridSettings, num_classes: int
) -> Tensor:
    """Weights (B, n, *S) of :func:`listed_classes` from p at these classes."""
    indirect = targets.indirect.unsqueeze(1).expand(targets.classes.shape)
    first = probability.shape[1] - indirect.shape[1]
    if settings.jnpl_weighting:
        indirect = indirect * (1 - probability[:, first:])
    direct = _direct_weight(probability[:, :first], targets, settings, num_classes)
    return torch.cat((direct, indirect), 1)


def _direct_weight(
    probability: Tensor, targets: HybridTargets, settings: HybridSettings, num_classes: int
) -> Tensor:
    direct = targets.direct.unsqueeze(1)
    if targets.direct_losers is not None:
        direct = direct * (targets.direct_losers != IGNORE_INDEX)
    if settings.direct_gate == 'low_confidence':
        direct = direct * (probability < 1 / num_classes)
    return direct


def negative_loss(logits: Tensor, targets: HybridTargets, settings: HybridSettings) -> Tensor:
    """``sum_k w[k] (-log(1 - p[k]))`` per pixel (B, *S), w from :func:`negative_weights`."""
    weight = negative_weights(logits.detach().softmax(1), targets, settings)
    return (weight * negative_log_complement(logits)).sum(1)


def set_loss(logits: Tensor, member: Tensor) -> Tensor:
    """``-log sum_{k in S} p[k]``: the label is one of a set, whichever it is.

    Args:
        logits: Class scores (B, K, *S), float32 or float64.
        member: Whether a class belongs to the set, (B, K, *S) bool, broadcast; at least one does.

    Returns:
        Tensor: (B, *S), >= 0 but for rounding.

    Examples:
        >>> logits = torch.tensor([[0.0, 0.0, 0.0, 0.0]])
        >>> set_loss(logits, torch.tensor([[True, True, False, False]])).exp()
        tensor([2.])
    """
    return logits.logsumexp(1) - logits.masked_fill(~member, float('-inf')).logsumexp(1)


def voted_classes(targets: HybridTargets, num_classes: int) -> Tensor:
    """The label and the losers of each pixel as a set, (B, K, *S) bool."""
    label = targets.label.unsqueeze(1)
    member = torch.zeros(len(label), num_classes, *label.shape[2:], dtype=torch.bool,
                         device=label.device)  # fmt: skip
    return member.scatter_(1, _or_label(targets.losers, label), True).scatter_(1, label, True)


def noisy_set_loss(logits: Tensor, targets: HybridTargets) -> Tensor:
    """Weighted loss on the set of the voted labels (B, *S)."""
    return targets.noisy_set * set_loss(logits, voted_classes(targets, logits.shape[1]))


def hybrid_loss(logits: Tensor, targets: HybridTargets, settings: HybridSettings) -> Tensor:
    """Hybrid loss (B, *S) of logits (B, K, *S) whose targets are given."""
    logits = at_least_float32(logits)
    loss = targets.positive * positive_loss(logits, targets.label, settings)
    loss = loss + negative_loss(logits, targets, settings)
    if targets.noisy_set is not None:
        loss = loss + noisy_set_loss(logits, targets)
    if targets.tags is not None:
        loss = loss + settings.tag_set_weight * set_loss(logits, targets.tags)
    return loss


def pn_hybrid_pixel_loss(
    logits: Tensor,
    label: Tensor,
    clean: Tensor,
    noisy: Tensor,
    settings: HybridSettings,
    draws: Tensor | None = None,
    losers: Tensor | None = None,
    tags: Tensor | None = None,
) -> Tensor:
    """Hybrid loss per pixel: positive where clean, negative where noisy, 0 elsewhere.

    ``L = [clean] L_pos + [noisy] (w_pos L_pos + w_dir g L_dir + w_ind L_ind + w_set L_set) + w_tag
    L_tag`` with ``L_dir = -log(1 - p[y])``, ``L_ind = -log(1 - p[c])`` and :func:`set_loss` for the
    last two; p belongs to the un-normalised logits in all four. A reading of the paper, see
    :class:`HybridSettings`. Unlike :class:`PNHybridLoss` it can be differentiated twice.

    Args:
        logits: Class scores (B, K, *S), K 2 to 255.
        label: Assigned label (B, *S) int64 in [0, K); any class where neither clean nor noisy.
        clean: (B, *S) bool.
        noisy: (B, *S) bool, disjoint from ``clean``.
        settings: Settings of the loss.
        draws: Complementary classes (B, num_draws, *S) uint8, read at noisy pixels; needed where
            ``settings.draws``.
        losers: Labels that lost the vote, as :func:`hybrid_targets` takes them.
        tags: Classes that an image may show, as :func:`hybrid_targets` takes them.

    Returns:
        Tensor: (B, *S), float32 or float64.

    Raises:
        ValueError: If the settings need draws, losers or tags and there are none.
    """
    logits = at_least_float32(logits)
    targets = hybrid_targets(
        label, clean, noisy, logits.shape[1], settings, draws, logits.dtype, losers, tags
    )
    return torch.where(clean | noisy, hybrid_loss(logits, targets, settings), 0)
