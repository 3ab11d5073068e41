"""Per-pixel loss from low-resolution logits; full-resolution ones are never built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from .pixel_access import flat, offsets
from .row_interpolation import interpolation_matrix, interpolation_nodes
from .strip_engine import StripEngine, refuse_second_derivative


class FusedLoss(torch.autograd.Function):
    """Bilinear upsampling and loss together, equal to one after the other.

    Image by image the columns are interpolated, at low resolution in the rows; then strip by strip
    the rows, the loss, its gradient and the way back. Beside the logits' gradient, at their own
    resolution, only one image's interpolated columns and a strip are alive at a time.
    """

    @staticmethod
    def forward(
        ctx, logits: Tensor, engine: StripEngine, scale: Tensor, align_corners: bool
    ) -> Tensor:
        """Compute the scaled sum of the loss.

        Args:
            ctx: Context of autograd.
            logits: (B, K, h, w), floating point.
            engine: The loss at full resolution; its fold is 1.
            scale: Factor of the loss, 0-dimensional.
            align_corners: As in ``F.interpolate``.

        Returns:
            Tensor: 0-dimensional, float32 or float64.
        """
        dtype, (_, height, width) = engine.loss.dtype, engine.loss.shape
        low_height = logits.shape[2]
        strips = engine.strips()
        lower, weight = interpolation_nodes(low_height, height, align_corners, dtype, logits.device)
        matrices = [interpolation_matrix(lower[r], weight[r], low_height) for r in strips]
        grad = torch.empty_like(logits, dtype=dtype) if engine.with_grad else None
        with torch.autocast(logits.device.type, enabled=False), _full_precision_products():
            for image, low in enumerate(logits):
                rows_first = low.to(dtype).transpose(0, 1)
                columns = F.interpolate(
                    rows_first, width, mode='linear', align_corners=align_corners
                )
                slope = None if grad is None else torch.zeros_like(columns)
                for rows, (matrix, samples) in zip(strips, matrices, strict=True):
                    _run_strip(
                        engine,
                        image,
                        rows,
                        matrix,
                        columns[samples],
                        None if slope is None else slope[samples],
                    )
                _run_sparse(engine, image, columns, slope, lower, weight)
                if grad is not None:
                    grad[image] = torch.ops.aten.upsample_linear1d_backward(
                        slope, [width], rows_first.shape, align_corners
                    ).transpose(0, 1)
            loss = engine.loss.sum() * scale
        if grad is not None:
            ctx.dtype = logits.dtype
            ctx.save_for_backward(grad, scale)
        return loss

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the stored gradient."""
        refuse_second_derivative()
        grad, scale = ctx.saved_tensors
        return (grad * (upstream * scale)).to(ctx.dtype), None, None, None


def _run_strip(
    engine: StripEngine,
    image: int,
    rows: slice,
    matrix: Tensor,
    columns: Tensor,
    slope: Tensor | None,
) -> None:
    """Interpolate the rows (n, K, W) of a strip, run its loss, add the gradient to ``slope``."""
    num_classes, width = columns.shape[1:]
    z = (matrix @ columns.flatten(1)).view(len(matrix), num_classes, width).transpose(0, 1)
    if slope is None:
        engine.run(image, rows, z, None)
        return
    target = torch.empty_like(z)
    engine.run(image, rows, z, target)
    slope.flatten(1).addmm_(matrix.t(), target.transpose(0, 1).flatten(1))


def _run_sparse(
    engine: StripEngine,
    image: int,
    columns: Tensor,
    slope: Tensor | None,
    lower: Tensor,
    weight: Tensor,
) -> None:
    """Interpolate the pixels of the negative term between rows (h, K, W), with the way back."""
    maps = columns.transpose(0, 1)
    for here, row, column in engine.sparse_pixels(image):
        above, share = lower[row], weight[row]
        first = offsets(maps, above, column)
        second = offsets(maps, (above + 1).clamp_(max=len(columns) - 1), column)
        z = flat(maps).gather(0, first).view(maps.shape[0], -1) * (1 - share)
        z.addcmul_(flat(maps).gather(0, second).view_as(z), share)
        grad = engine.run_sparse(image, here, z)
        if slope is not None:
            target = flat(slope.transpose(0, 1))
            target.scatter_add_(0, first, (grad * (1 - share)).flatten())
            target.scatter_add_(0, second, grad.mul_(share).flatten())


@contextmanager
def _full_precision_products() -> Iterator[None]:
    """Keep matrix products out of TF32 and bfloat16 whatever the process has chosen."""
    precision = torch.get_float32_matmul_precision()
    if precision == 'highest':
        yield
        return
    torch.set_float32_matmul_precision('highest')
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
