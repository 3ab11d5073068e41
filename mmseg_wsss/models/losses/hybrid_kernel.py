"""The hybrid loss as one Triton kernel: each pixel's logits are read once, forward and backward.

A program holds all classes of a block of pixels in registers: both log-sum-exps, the norm, the
label's and the complementary classes' shares come from one read. The backward pass reads the
logits once more, computes them anew and writes the gradient. Sums are float32, float64 for float64
logits.

Triton is optional: only this module needs it. With ``TRITON_INTERPRET=1`` in the environment before
Triton is imported the kernel runs on the CPU, slowly; the tests do so.
"""

from typing import List, Optional  # noqa: UP035  # torch 2.4 and 2.5 read no newer signatures

import torch
import triton
import triton.language as tl
from torch import Tensor

from .functional import NORM_EPSILON, HybridSettings, HybridTargets

# Logits of a program and of a thread; with more the backward pass runs out of registers.
BLOCK, PER_THREAD = 2048, 16

if not hasattr(torch.library, 'custom_op'):
    raise ImportError(f'The kernel needs torch 2.4 or newer, this is {torch.__version__}.')


def hybrid_kernel_loss(
    logits: Tensor, targets: HybridTargets, settings: HybridSettings
) -> tuple[Tensor, Tensor]:
    """Compute :func:`~.functional.hybrid_loss` by the kernel.

    Args:
        logits: (B, K, H, W), floating point, any strides; contiguous and channels-last ones are
            read in place, others are copied.
        targets: Weights and classes (B, H, W).
        settings: Settings of the loss.

    Returns:
        tuple: Loss of each pixel (B, H, W), float32 or float64, with a gradient for the logits; and
        whether the label's logit is the highest (B, H, W) bool; ties count.
    """
    loss, hit = _forward(
        logits.flatten(2),
        *(None if x is None else x.flatten(-2) for x in targets),
        [
            settings.ce_weight,
            settings.pc_weight,
            1 / settings.temperature,
            settings.label_smoothing,
            settings.tag_set_weight,
        ],
        settings.draws,
        settings.direct_gate == 'low_confidence',
        settings.jnpl_weighting,
    )
    return loss.view(targets.label.shape), hit.view(targets.label.shape)


@triton.jit
def _log1p(x):
    # Exact for small x, where 1 + x is rounded: Kahan, after Goldberg 1991, theorem 4.
    u = 1 + x
    return tl.where(u == 1, x, tl.log(u) * (x / tl.where(u == 1, 1, u - 1)))


@triton.jit
def _set_share(z, member):
    """Log-sum-exp over a set of classes that is not empty, and its softmax."""
    z = tl.where(member, z, float('-inf'))
    top = tl.max(z, 0)
    share = tl.exp(z - top[None, :])
    total = tl.sum(share, 0)
    return top + tl.log(total), share / total[None, :]


@triton.jit
def _listed(pointer, stride_n, stride_p, k, p, mask, inside, COUNT: tl.constexpr):
    """Which classes are among the COUNT that are listed for a pixel; 255 is none."""
    member = (k < 0) & inside[None, :]
    for n in tl.static_range(COUNT):
        c = tl.load(pointer + n * stride_n + p * stride_p, mask=inside, other=255).to(tl.int32)
        member = member | ((k == c[None, :]) & mask)
    return member


@triton.jit
def _kernel(
    logits, label, positive, direct, indirect, classes, direct_losers, noisy_set, losers, tags,
    upstream, loss, hit, grad, num_pixels, num_classes, num_listed,
    logits_b, logits_k, logits_p, label_b, label_p, positive_b, positive_p, direct_b, direct_p,
    indirect_b, indirect_p, classes_b, classes_n, classes_p,
    direct_losers_b, direct_losers_n, direct_losers_p, noisy_set_b, noisy_set_p,
    losers_b, losers_n, losers_p, tags_b, tags_k, tags_p,
    upstream_b, upstream_p, grad_b, grad_k, grad_p,
    ce_weight: tl.constexpr, pc_weight: tl.constexpr, inverse_temperature: tl.constexpr,
    smoothing: tl.constexpr, tag_weight: tl.constexpr, epsilon: tl.constexpr, limit: tl.constexpr,
    DRAWS: tl.constexpr, LOW_CONFIDENCE: tl.constexpr, JNPL: tl.constexpr, BACKWARD: tl.constexpr,
    DIRECT_LOSERS: tl.constexpr, VOTED_SET: tl.constexpr, NUM_LOSERS: tl.constexpr,
    DTYPE: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_P: tl.constexpr,
):  # fmt: skip
    b = tl.program_id(1).to(tl.int64)
    p = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    inside = p < num_pixels
    p = p.to(tl.int64)
    k = tl.arange(0, BLOCK_K)[:, None]
    mask = (k < num_classes) & inside[None, :]
    z = tl.load(
        logits + b * logits_b + k.to(tl.int64) * logits_k + p[None, :] * logits_p,
        mask=mask,
        other=float('-inf'),
    ).to(DTYPE)
    # Beyond the last pixel everything is computed on zeros and stored nowhere.
    z = tl.where(inside[None, :], z, 0.0)
    y = tl.load(label + b * label_b + p * label_p, mask=inside, other=0).to(tl.int32)
    is_label = k == y[None, :]
    w_positive = tl.load(positive + b * positive_b + p * positive_p, mask=inside, other=0.0)
    w_direct = tl.load(direct + b * direct_b + p * direct_p, mask=inside, other=0.0)
    w_indirect = tl.load(indirect + b * indirect_b + p * indirect_p, mask=inside, other=0.0)

    z_label = tl.sum(tl.where(is_label, z, 0.0), 0)
    z_top = tl.max(z, 0)
    top = tl.min(tl.where(z == z_top[None, :], k, BLOCK_K), 0)
    is_top = k == top[None, :]
    # Softmax r of the other classes; p[k] = r[k] (1 - p[top]), and only p[top] can exceed 1/2.
    others = tl.where(is_top, float('-inf'), z)
    z_second = tl.max(others, 0)
    r = tl.exp(others - z_second[None, :])
    total = tl.sum(r, 0)
    r = r / total[None, :]
    lead = z_top - z_second - tl.log(total)
    small = tl.exp(-tl.abs(lead))
    p_top = tl.where(lead > 0, 1.0, small) / (1 + small)
    p_rest = tl.where(lead > 0, small, 1.0) / (1 + small)
    share = tl.where(is_top, p_top[None, :], r * p_rest[None, :])
    softplus = _log1p(small)
    log_sum = z_top + softplus + tl.maximum(-lead, 0.0)
    value = tl.zeros_like(z_top)
    slope = tl.zeros_like(z)

    if ce_weight != 0:
        value += w_positive * ce_weight * (log_sum - z_label)
        if BACKWARD:
            slope += (w_positive * ce_weight)[None, :] * (share - is_label.to(DTYPE))
        if smoothing != 0:
            mean = tl.sum(tl.where(k < num_classes, z, 0.0), 0) / num_classes
            value += w_positive * smoothing * (z_label - mean)
            if BACKWARD:
                spread = is_label.to(DTYPE) - 1 / num_classes
                slope += (w_positive * smoothing)[None, :] * spread
    if pc_weight != 0:
        finite = tl.where(k < num_classes, z, 0.0)
        norm = tl.sqrt(tl.sum(finite * finite, 0))
        inverse = 1 / (norm + epsilon)
        factor = inverse * inverse_temperature
        q = tl.exp(factor[None, :] * (z - z_top[None, :]))
        q_total = tl.sum(q, 0)
        value += w_positive * pc_weight * (tl.log(q_total) - factor * (z_label - z_top))
        if BACKWARD:
            q = q / q_total[None, :]
            outer = w_positive * pc_weight * factor
            radial = outer * (tl.sum(q * finite, 0) - z_label)
            # The norm's derivative at 0 is taken as 0, as autograd does.
            radial = radial * tl.where(norm > 0, inverse / tl.where(norm > 0, norm, 1), 0)
            slope += outer[None, :] * (q - is_label.to(DTYPE)) - radial[None, :] * finite

    if tag_weight != 0:
        # The same at all pixels of the image: those of the first are read.
        tagged = tl.load(tags + b * tags_b + k * tags_k, mask=k < num_classes, other=0)
        log_set, q = _set_share(z, (tagged != 0) | (p >= num_pixels)[None, :])
        # Triton 3.1 reads a bare constant as float32, whatever it is multiplied by.
        w_tag = tl.full((1,), tag_weight, DTYPE)
        value += w_tag * (log_sum - log_set)
        if BACKWARD:
            slope += w_tag[None, :] * (share - q)

    w_most = tl.maximum(w_direct, w_indirect)
    if VOTED_SET:
        w_set = tl.load(noisy_set + b * noisy_set_b + p * noisy_set_p, mask=inside, other=0.0)
        w_most = tl.maximum(w_most, w_set)
    if tl.max(w_most, 0) > 0:  # most blocks have no noisy pixel
        weight = tl.zeros_like(z)
        if DRAWS:
            for n in range(num_listed):
                c = tl.load(
                    classes + b * classes_b + n * classes_n + p * classes_p,
                    mask=inside,
                    other=0,
                ).to(tl.int32)
                weight += tl.where(k == c[None, :], w_indirect[None, :], 0.0)
        else:
            # One bit a class: pack_classes.
            words = tl.load(
                classes + b * classes_b + (k // 8) * classes_n + p[None, :] * classes_p,
                mask=mask,
                other=0,
            ).to(tl.int32)
            member = ((words >> (k % 8)) & 1) == 1
            weight += tl.where(member & (k != y[None, :]), w_indirect[None, :], 0.0)
        if JNPL:
            weight = weight * (1 - share)
        wrong = is_label
        if DIRECT_LOSERS:
            wrong = _listed(
                direct_losers + b * direct_losers_b, direct_losers_n, direct_losers_p,
                k, p, mask, inside, NUM_LOSERS,
            )  # fmt: skip
        if LOW_CONFIDENCE:
            wrong = wrong & (share * num_classes < 1)
        weight += tl.where(wrong, w_direct[None, :], 0.0)
        # -log(1 - p): of the top class from the others' sum, of the others by subtraction.
        at_top = softplus + tl.maximum(lead, 0.0)
        below = tl.where(is_top, 0.0, share)
        value += tl.sum(weight * tl.where(is_top, at_top[None, :], -_log1p(-below)), 0)
        if BACKWARD:
            odds = weight * below / (1 - below)
            w_top = tl.sum(tl.where(is_top, weight, 0.0), 0) * p_top
            pull = share * tl.sum(odds, 0)[None, :]
            slope += odds - pull + w_top[None, :] * tl.where(is_top, 1.0, -r)
        if VOTED_SET:
            voted = _listed(
                losers + b * losers_b, losers_n, losers_p, k, p, mask, inside, NUM_LOSERS
            )
            log_set, q = _set_share(z, voted | is_label)
            value += w_set * (log_sum - log_set)
            if BACKWARD:
                slope += w_set[None, :] * (share - q)

    if BACKWARD:
        outer = tl.load(upstream + b * upstream_b + p * upstream_p, mask=inside, other=0.0)
        slope = slope * outer[None, :]
        # float16 ends at 65504; the constraint is steeper where the logits vanish.
        slope = tl.minimum(tl.maximum(slope, -limit), limit)
        tl.store(
            grad + b * grad_b + k.to(tl.int64) * grad_k + p[None, :] * grad_p, slope, mask=mask
        )
    else:
        at = b * num_pixels + p
        tl.store(loss + at, value, mask=inside)
        tl.store(hit + at, z_label >= z_top, mask=inside)


def _launch(
    logits: Tensor,
    maps: tuple[Tensor | None, ...],
    numbers: list[float],
    flags: tuple[bool, bool, bool],
    upstream: Tensor | None = None,
) -> tuple[Tensor, ...]:
    batch, num_classes, pixels = logits.shape
    dtype = torch.promote_types(logits.dtype, torch.float32)
    if upstream is None:
        loss = logits.new_empty((batch, pixels), dtype=dtype)
        outputs = loss, torch.empty_like(loss, dtype=torch.bool)
        pointers = (loss, *outputs, logits)
    else:
        outputs = (torch.empty_like(logits),)
        pointers = (upstream, upstream, upstream, *outputs)
    block_k = triton.next_power_of_2(num_classes)
    block_p = max(BLOCK // block_k, 16)  # 32 bytes, the least that is read at once, in float16
    *_, indirect, classes, direct_losers, noisy_set, losers, tags = maps
    num_losers = next((x.shape[1] for x in (direct_losers, losers) if x is not None), 0)
    # Of a map that is absent nothing is read; another one keeps its place.
    given = (
        *maps[:5],
        classes if direct_losers is None else direct_losers,
        indirect if noisy_set is None else noisy_set,
        classes if losers is None else losers,
        classes if tags is None else tags,
    )
    strides = (x.stride() for x in (logits, *given, pointers[0], pointers[-1]))
    if logits.numel():
        _kernel[(triton.cdiv(pixels, block_p), batch)](
            logits, *given, *pointers,
            pixels, num_classes, classes.shape[1], *(s for stride in strides for s in stride),
            *numbers, NORM_EPSILON, torch.finfo(logits.dtype).max, *flags, upstream is not None,
            direct_losers is not None, noisy_set is not None, num_losers,
            tl.float64 if dtype == torch.float64 else tl.float32,
            block_k, block_p, num_warps=block_k * block_p // PER_THREAD // 32,
        )  # fmt: skip
    return outputs


# Operators that torch.compile and fake tensors know.
@torch.library.custom_op('mmseg_wsss::hybrid_loss', mutates_args=())
def _forward(
    logits: Tensor,
    label: Tensor,
    positive: Tensor,
    direct: Tensor,
    indirect: Tensor,
    classes: Tensor,
    direct_losers: Optional[Tensor],  # noqa: UP045
    noisy_set: Optional[Tensor],  # noqa: UP045
    losers: Optional[Tensor],  # noqa: UP045
    tags: Optional[Tensor],  # noqa: UP045
    numbers: List[float],  # noqa: UP006
    draws: bool,
    low_confidence: bool,
    jnpl: bool,
) -> tuple[Tensor, Tensor]:
    maps = (label, positive, direct, indirect, classes, direct_losers, noisy_set, losers, tags)
    return _launch(logits, maps, numbers, (draws, low_confidence, jnpl))


@_forward.register_fake
def _(logits, label, positive, *_):
    return torch.empty_like(positive), torch.empty_like(positive, dtype=torch.bool)


@torch.library.custom_op('mmseg_wsss::hybrid_loss_backward', mutates_args=())
def _backward(
    upstream: Tensor,
    logits: Tensor,
    label: Tensor,
    positive: Tensor,
    direct: Tensor,
    indirect: Tensor,
    classes: Tensor,
    direct_losers: Optional[Tensor],  # noqa: UP045
    noisy_set: Optional[Tensor],  # noqa: UP045
    losers: Optional[Tensor],  # noqa: UP045
    tags: Optional[Tensor],  # noqa: UP045
    numbers: List[float],  # noqa: UP006
    draws: bool,
    low_confidence: bool,
    jnpl: bool,
) -> Tensor:
    maps = (label, positive, direct, indirect, classes, direct_losers, noisy_set, losers, tags)
    return _launch(logits, maps, numbers, (draws, low_confidence, jnpl), upstream)[0]


@_backward.register_fake
def _(upstream, logits, *_):
    return torch.empty_like(logits)


def _save(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:10])
    ctx.options = inputs[10:]


def _differentiate(ctx, upstream, _):
    grad = _backward(upstream, *ctx.saved_tensors, *ctx.options)
    return (grad, *[None] * 13)


_forward.register_autograd(_differentiate, setup_context=_save)
