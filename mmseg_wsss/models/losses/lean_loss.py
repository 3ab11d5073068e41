"""Per-pixel loss from full-resolution logits without full-size temporaries."""

from __future__ import annotations

import torch
from torch import Tensor

from .pixel_access import flat, offsets
from .strip_engine import StripEngine, refuse_second_derivative


class LeanLoss(torch.autograd.Function):
    """Loss and gradient in one pass over the logits.

    The forward pass already writes the gradient, strip by strip, and keeps it in place of the
    logits, which have the same size: nothing is computed twice, and beside the logits and their
    gradient there are only per-pixel values. The backward pass multiplies by the incoming
    gradient.
    """

    @staticmethod
    def forward(
        ctx, logits: Tensor, engine: StripEngine, scale: Tensor, reduce: bool, folded: bool
    ) -> Tensor:
        """Compute the loss.

        Args:
            ctx: Context of autograd.
            logits: (B, K, H, W), floating point.
            engine: The loss; its fold is ``scale`` if ``folded``, else 1.
            scale: Factor of the loss, 0-dimensional.
            reduce: Return the scaled sum instead of the scaled loss of each pixel.
            folded: Whether the stored gradient contains the scale. In half precision it must not:
                divided by the number of pixels it would underflow.

        Returns:
            Tensor: 0-dimensional or (B, H, W), float32 or float64.
        """
        layout = torch.contiguous_format
        if logits.is_contiguous(memory_format=torch.channels_last):
            layout = torch.channels_last
        grad = torch.empty_like(logits, memory_format=layout) if engine.with_grad else None
        with torch.autocast(logits.device.type, enabled=False):
            for image in range(len(logits)):
                _run_image(engine, image, logits[image], None if grad is None else grad[image])
            loss = engine.loss.sum() * scale if reduce else engine.loss * scale
        ctx.folded = folded
        if grad is not None:
            ctx.save_for_backward(grad, scale)
        return loss

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the stored gradient; see :meth:`forward`."""
        refuse_second_derivative()
        grad, scale = ctx.saved_tensors
        factor = upstream if ctx.folded else upstream * scale
        if not factor.dim() and grad.dtype == factor.dtype:
            # Without a loss scaler the factor is 1 and a copy is saved. Asking an accelerator
            # would make the host wait.
            exact = factor.device.type == 'cpu' and factor.item() == 1
            return grad if exact else grad * factor, None, None, None, None
        # In half precision the factor itself may underflow, the product need not.
        scaled = torch.empty_like(grad)
        for image, unscaled in enumerate(grad):
            for rows in range(0, unscaled.shape[1], 64):
                here = slice(rows, rows + 64)
                own = factor[image, here] if factor.dim() else factor
                scaled[image, :, here] = unscaled[:, here].to(factor.dtype) * own
        return scaled, None, None, None, None


def _run_image(engine: StripEngine, image: int, logits: Tensor, grad: Tensor | None) -> None:
    """Compute an image's loss from its logits (K, H, W) and write their gradient."""
    dtype = engine.loss.dtype
    for rows in engine.strips():
        z = logits[:, rows]
        target = None if grad is None else grad[:, rows]
        if z.dtype == dtype:
            engine.run(image, rows, z, target)
            continue
        work = None if target is None else torch.empty_like(z, dtype=dtype)
        engine.run(image, rows, z.to(dtype), work)
        if target is not None:
            # float16 ends at 65504; the constraint is steeper where the logits vanish.
            limit = torch.finfo(z.dtype).max
            target.copy_(work.clamp_(-limit, limit))
    for here, row, column in engine.sparse_pixels(image):
        index = offsets(logits, row, column)
        z = flat(logits).gather(0, index).view(len(logits), -1).to(dtype)
        slope = engine.run_sparse(image, here, z)
        if grad is not None:
            if grad.stride() != logits.stride():
                index = offsets(grad, row, column)
            target, slope = flat(grad), slope.flatten()
            if engine.terms.overlapping:
                slope += target.gather(0, index)
            target.scatter_(0, index, slope.to(grad.dtype))
