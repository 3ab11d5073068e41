"""Loss and gradient of a per-pixel loss, one chunk of pixels after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .functional import (
    NORM_EPSILON,
    HybridTargets,
    listed_classes,
    listed_weights,
    negative_weights,
    unique_top,
)
from .hybrid_settings import HybridSettings
from .pixel_labels import PixelLabels, on_host

# Bytes of the logits of a chunk. On the CPU a handful of such arrays should stay in the cache; on
# an accelerator each operation should be worth its launch.
CHUNK_BYTES = {'cpu': 6 << 20, 'cuda': 1 << 25}

PixelLoss = Callable[[Tensor, PixelLabels], Tensor]


class ChunkedLoss(torch.autograd.Function):
    """Weighted loss of each pixel without full-size temporaries.

    The forward pass computes the gradient too, by autograd within a chunk, and keeps it in place
    of the logits, which have the same size: beside the two there are only per-pixel values.
    """

    @staticmethod
    def forward(
        ctx,
        logits: Tensor,
        labels: PixelLabels,
        factor: Tensor,
        pixel_loss: PixelLoss,
        noisy_loss: PixelLoss | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Compute the loss.

        Args:
            ctx: Context of autograd.
            logits: (B, K, H, W), floating point.
            labels: Labels (B, H, W).
            factor: Factor of each pixel (B, H, W), float32 or float64; where it is 0 the loss is 0.
            pixel_loss: From the logits of a chunk, float32 or float64, and its labels to the loss
                of each pixel.
            noisy_loss: The same of what is added at noisy pixels, and called with these alone.

        Returns:
            tuple: Loss times factor (B, H, W), and whether the label's logit is the highest
            (B, H, W) bool; ties count.
        """
        dtype = factor.dtype
        loss = torch.empty_like(factor)
        hit = torch.empty_like(factor, dtype=torch.bool)
        grad = None
        if ctx.needs_input_grad[0]:
            # Pixels can be addressed by one index in both layouts.
            last = not logits.is_contiguous() and logits.is_contiguous(
                memory_format=torch.channels_last
            )
            layout = torch.channels_last if last else torch.contiguous_format
            grad = torch.empty_like(logits, memory_format=layout)
        # In half precision the gradient, divided by the number of pixels, would underflow.
        ctx.folded = logits.dtype == dtype
        picks = logits.device.type == 'cpu'
        for image, rows in _chunks(logits, dtype):
            z, part = logits[image, :, rows].detach().to(dtype), labels[image, rows]
            place = None if grad is None else grad[image, :, rows]
            logit = z.gather(1, part.label[:, None])
            part = replace(part, logit=logit, gradient=place if picks and ctx.folded else None)
            torch.ge(logit[:, 0], z.amax(1), out=hit[image, rows])
            used = factor[image, rows] != 0
            outer = None
            if grad is not None:
                outer = factor[image, rows] if ctx.folded else used.to(dtype)
            value, slope = _value_and_grad(pixel_loss, z, part, outer)
            if noisy_loss is not None and not picks:
                _add_where_noisy(noisy_loss, z, part, outer, value, slope)
            loss[image, rows] = torch.where(used, value * factor[image, rows], 0)
            if grad is not None and slope.data_ptr() != place.data_ptr():
                place.copy_(slope if ctx.folded else _limited(slope, logits.dtype))
        if noisy_loss is not None and picks:
            for image in range(len(logits)):
                one = slice(image, image + 1)
                _add_picked(
                    pixel_loss,
                    noisy_loss,
                    logits[image].detach(),
                    labels[one, :],
                    factor[image],
                    loss[image],
                    None if grad is None else grad[image],
                )
        ctx.mark_non_differentiable(hit)
        if grad is not None:
            ctx.save_for_backward(grad, factor)
        return loss, hit

    @staticmethod
    def backward(ctx, upstream: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
        """Scale the stored gradient by what comes in."""
        if torch.is_grad_enabled():
            raise RuntimeError(
                'this loss has no second derivative (create_graph=True); the function '
                'pn_hybrid_pixel_loss has one'
            )
        grad, factor = ctx.saved_tensors
        if not ctx.folded:
            upstream = upstream * factor
        elif upstream.device.type == 'cpu' and upstream.numel() and not any(upstream.stride()):
            # The gradient of a plain sum: without a loss scaler it is 1, and a copy is saved.
            # Asking an accelerator would make the host wait.
            if upstream.flatten()[0].item() == 1:
                return grad, None, None, None, None
        # In half precision the factor itself may underflow, the product need not.
        scaled = torch.empty_like(grad)
        for image in range(len(grad)):
            scaled[image] = grad[image] * upstream[image]
        return scaled, None, None, None, None


def _chunks(logits: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, slice]]:
    """Cut (B, K, H, W) logits into ranges of images and of rows."""
    batch, num_classes, height, width = logits.shape
    row = max(num_classes * width * dtype.itemsize, 1)
    size = max(CHUNK_BYTES['cpu' if logits.device.type == 'cpu' else 'cuda'] // row, 1)
    for image in range(batch):
        for top in range(0, height, size):
            yield slice(image, image + 1), slice(top, top + size)


def _value_and_grad(
    pixel_loss: PixelLoss, z: Tensor, labels: PixelLabels, outer: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Loss of each pixel, and the gradient of their sum weighted by ``outer``."""
    if outer is None:
        return pixel_loss(z, labels).contiguous(), None
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        value = pixel_loss(leaf, labels)
    (slope,) = torch.autograd.grad(value, leaf, outer)
    if labels.gradient is None:  # what is added to it may not be a broadcast one
        slope = slope.contiguous()
    return value.detach().contiguous(), slope


def _limited(slope: Tensor, dtype: torch.dtype) -> Tensor:
    """Keep a gradient in the range of ``dtype``, in place."""
    # float16 ends at 65504; the constraint is steeper where the logits vanish.
    limit = torch.finfo(dtype).max
    return slope.clamp_(-limit, limit)


def _add_where_noisy(
    noisy_loss: PixelLoss,
    z: Tensor,
    labels: PixelLabels,
    outer: Tensor | None,
    value: Tensor,
    slope: Tensor | None,
) -> None:
    """Add the loss of a chunk's noisy pixels to ``value`` and its gradient to ``slope``, in place.

    Which pixels are noisy is not known to the host: all are computed, some are kept.
    """
    outer = None if outer is None else torch.where(labels.noisy, outer, 0)
    more, steeper = _value_and_grad(noisy_loss, z, labels, outer)
    value += torch.where(labels.noisy, more, 0)
    if slope is not None:
        slope += steeper


def _add_picked(
    pixel_loss: PixelLoss,
    noisy_loss: PixelLoss,
    logits: Tensor,
    labels: PixelLabels,
    factor: Tensor,
    loss: Tensor,
    grad: Tensor | None,
) -> None:
    """Add the loss of an image's noisy pixels to ``loss`` and its gradient to ``grad``, in place.

    These are few, so they are picked, and many rows of them make one chunk.

    Args:
        pixel_loss: As in :meth:`ChunkedLoss.forward`.
        noisy_loss: As there.
        logits: (K, H, W).
        labels: Labels of this image alone.
        factor: Factor of each pixel (H, W).
        loss: Loss times factor (H, W).
        grad: What :meth:`ChunkedLoss.forward` keeps of the gradient (K, H, W), if any.
    """
    flat, factor, dtype = logits.flatten(1), factor.flatten(), factor.dtype
    folded = logits.dtype == dtype

    def both(z: Tensor, part: PixelLabels) -> Tensor:
        return pixel_loss(z, part) + noisy_loss(z, part)

    size = max(CHUNK_BYTES['cpu'] // (len(flat) * dtype.itemsize), 1)
    for where in labels.noisy.flatten().nonzero()[:, 0].split(size):
        if not len(where):  # of no noisy pixel
            return
        z = flat.index_select(1, where)[None, :, None].to(dtype)
        scale = factor[where].view(1, 1, -1)
        outer = None if grad is None else scale if folded else (scale != 0).to(dtype)
        # Half precision cannot be added to: it has been rounded once.
        value, slope = _value_and_grad(noisy_loss if folded else both, z, labels.at(where), outer)
        value = torch.where(scale != 0, value * scale, 0).flatten()
        if folded:
            loss.view(-1).index_add_(0, where, value)
            if grad is not None:
                grad.view(len(flat), -1).index_add_(1, where, slope[0, :, 0])
        else:
            loss.view(-1).index_copy_(0, where, value)
            if grad is not None:
                slope = _limited(slope, logits.dtype).to(logits.dtype)
                grad.view(len(flat), -1).index_copy_(1, where, slope[0, :, 0])


def chunk_cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Equals ``F.cross_entropy(logits, label, reduction='none')``, quicker on the CPU."""
    if on_host(logits):
        return ChunkCrossEntropy.apply(logits, label, None)
    return F.cross_entropy(logits, label, reduction='none')


class ChunkCrossEntropy(torch.autograd.Function):
    """Cross-entropy ``-log softmax(s z)[y]`` with few passes over the logits; for the CPU.

    Without a temperature s is 1, with one ``s = 1 / (temperature (n + eps))``, n the norm of z:
    the prediction constraint. With q the softmax of s z the gradient is
    ``s (q - onehot_y) - s (q . z - z_y) z / (n (n + eps))``, of which cross-entropy has the first
    term alone.
    """

    @staticmethod
    def forward(
        ctx,
        z: Tensor,
        label: Tensor,
        temperature: float | None,
        z_label: Tensor | None = None,
        gradient: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss (B, *S) of logits (B, K, *S) and labels (B, *S).

        Known logits of the labels (B, 1, *S), and where the gradient is to be written, save time.
        """
        ctx.gradient = gradient
        label = label.unsqueeze(1)
        if z_label is None:
            z_label = z.gather(1, label)
        if temperature is None:
            top, norm = z.amax(1, keepdim=True), None
            work, at_label = z - top, z_label - top
            factor = torch.ones_like(z_label)
        else:
            # A sum over a slow dimension is many times faster than vector_norm's on the CPU.
            work = z * z
            norm = work.sum(1, keepdim=True).sqrt_()
            factor = 1 / (temperature * (norm + NORM_EPSILON))
            torch.mul(z, factor, out=work)
            at_label = z_label * factor
            if temperature < 0.05:  # |s z| <= 1 / temperature, where exp might overflow
                top = work.amax(1, keepdim=True)
                work -= top
                at_label -= top
        total = work.exp_().sum(1, keepdim=True)
        ctx.save_for_backward(z, label, z_label, work, total, norm, factor)
        return (total.log() - at_label).squeeze(1)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradient in closed form."""
        z, label, z_label, work, total, norm, factor = ctx.saved_tensors
        outer = factor * upstream.unsqueeze(1)
        grad = torch.mul(work, outer / total, out=ctx.gradient)
        if norm is not None:
            pull = work.mul_(z).sum(1, keepdim=True).div_(total).sub_(z_label)
            # The norm's derivative at 0 is taken as 0, as autograd does.
            pull *= outer / ((norm + NORM_EPSILON) * norm).masked_fill_(norm == 0, torch.inf)
            grad.addcmul_(z, pull, value=-1)
        return grad.scatter_add_(1, label, -outer), None, None, None, None


class ChunkImageSet(torch.autograd.Function):
    """Equals :func:`~.functional.set_loss` where all pixels share one set; for the CPU.

    The few members are picked. With q the softmax within the set the gradient is ``p - q``.
    """

    @staticmethod
    def forward(ctx, z: Tensor, member: Tensor) -> Tensor:
        """Compute the loss (1, *S) of logits (1, K, *S), member (1, K, *S) bool."""
        inside = member[0].flatten(1)[:, 0].nonzero()[:, 0]
        picked = z[:, inside]
        top, top_inside = z.amax(1, keepdim=True), picked.amax(1, keepdim=True)
        work, picked = (z - top).exp_(), picked.sub_(top_inside).exp_()
        total, total_inside = work.sum(1, keepdim=True), picked.sum(1, keepdim=True)
        ctx.save_for_backward(work, total, picked, total_inside, inside)
        return (total.log() + top - total_inside.log() - top_inside).squeeze(1)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradient in closed form."""
        work, total, picked, total_inside, inside = ctx.saved_tensors
        upstream = upstream.unsqueeze(1)
        grad = work * (upstream / total)
        return grad.index_add_(1, inside, picked * (upstream / total_inside), alpha=-1), None


class ChunkNegative(torch.autograd.Function):
    """Equals :func:`~.functional.negative_loss` in fewer operations; for the CPU.

    With odds ``o = p / (1 - p)`` the gradient is ``w o - p (w . o)``. The odds of the top class t
    have no bound, so its share is taken from the softmax r of the other classes alone:
    ``w_t p_t (onehot_t - r)``. Drawn classes are looked up, not spread over all of them.
    """

    @staticmethod
    def forward(ctx, z: Tensor, targets: HybridTargets, settings: HybridSettings) -> Tensor:
        """Compute the loss (B, *S) of logits (B, K, *S)."""
        is_top = unique_top(z)
        ratio = z.masked_fill(is_top, -torch.inf)
        second = ratio.amax(1, keepdim=True)
        total = ratio.sub_(second).exp_().sum(1, keepdim=True)
        lead = z.amax(1, keepdim=True) - second - total.log()
        # Where several classes share the top none counts as such: p_top is 0.
        lead.masked_fill_(second == z.amax(1, keepdim=True), -torch.inf)
        p_top, per_ratio = lead.sigmoid(), (-lead).sigmoid() / total
        classes = None
        if settings.draws:
            classes = listed_classes(targets)
        at_top, below = _pick(is_top, classes), _pick(ratio, classes) * per_ratio
        p = torch.where(at_top, p_top, below)
        if classes is None:
            weight = negative_weights(p, targets, settings)
        else:
            weight = listed_weights(p, targets, settings, z.shape[1])
        loss = weight * torch.where(at_top, F.softplus(lead, threshold=40), -torch.log1p(-below))
        ctx.save_for_backward(
            is_top, ratio, p_top, per_ratio, total, classes, at_top, below, weight
        )
        return loss.sum(1)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradient in closed form."""
        is_top, ratio, p_top, per_ratio, total, classes, at_top, below, weight = ctx.saved_tensors
        weight = weight * upstream.unsqueeze(1)
        outer = (weight * at_top).sum(1, keepdim=True) * p_top
        odds = weight * below / (1 - below)  # 0 at the top class, as r is
        pull = odds.sum(1, keepdim=True)
        grad = ratio * -(per_ratio * pull + outer / total)
        grad = torch.where(is_top, outer - p_top * pull, grad)
        grad = grad.add_(odds) if classes is None else grad.scatter_add_(1, classes, odds)
        return grad, None, None


def _pick(values: Tensor, classes: Tensor | None) -> Tensor:
    return values if classes is None else values.gather(1, classes)
