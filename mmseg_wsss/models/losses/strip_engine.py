"""Computes a per-pixel loss and its gradient strip by strip."""

from __future__ import annotations

import torch
from torch import Tensor

from .negative_term import negative_term
from .pixel_terms import PixelTerms

# Bytes of one (K, R, W) work array. On the CPU a handful of them should stay in the second-level
# cache; on an accelerator each operation should be worth its launch.
STRIP_BYTES = {'cpu': 1 << 20, 'cuda': 1 << 25}


class StripEngine:
    """Work arrays and per-pixel results of one evaluation of a loss.

    Args:
        terms: What to compute.
        weight: Factor of each pixel (B, H, W), floating point; None for 1.
        fold: Common factor of the gradient, a 0-dimensional tensor.
        num_classes: K.
        dtype: float32 or float64, of the computation.
        with_grad: Compute the gradient too.

    Attributes:
        rows: Rows per strip.
        loss: Weighted loss (B, H, W), without the fold.
        hit: Whether the label's logit is the highest (B, H, W) bool; ties count.
    """

    def __init__(
        self,
        terms: PixelTerms,
        weight: Tensor | None,
        fold: Tensor,
        num_classes: int,
        dtype: torch.dtype,
        with_grad: bool,
    ) -> None:
        self.terms = terms
        self.with_grad = with_grad
        label = terms.label
        self.factor = terms.dense_mask.to(dtype)
        if weight is not None:
            self.factor *= weight
        self.weight = weight
        self.fold = fold.to(dtype)
        self.loss = torch.empty(label.shape, dtype=dtype, device=label.device)
        self.hit = torch.empty(label.shape, dtype=torch.bool, device=label.device)
        _, height, width = label.shape
        target = STRIP_BYTES['cpu' if label.device.type == 'cpu' else 'cuda']
        row_bytes = num_classes * width * self.loss.element_size()
        self.rows = min(max(target // max(row_bytes, 1), 1), max(height, 1))
        self._buffer: Tensor | None = None
        self._positions = self._edges = None
        if terms.sparse_mask is not None:
            self._positions = terms.sparse_mask.flatten().nonzero()[:, 0]
            row_edges = torch.arange(label.shape[0] * height + 1, device=label.device) * width
            self._edges = torch.searchsorted(self._positions, row_edges).tolist()

    def strips(self) -> list[slice]:
        """Row ranges that cover an image."""
        height = self.loss.shape[1]
        return [slice(r, min(r + self.rows, height)) for r in range(0, height, self.rows)]

    def run(self, image: int, rows: slice, z: Tensor, grad: Tensor | None) -> None:
        """Compute a strip.

        Args:
            image: Index of the image.
            rows: Row range of the strip, of R rows.
            z: Its logits (K, R, W) in the dtype of the computation.
            grad: Overwritten with the gradient, like ``z``; None without gradient.
        """
        if self._buffer is None or self._buffer.shape != z.shape:
            self._buffer = torch.empty_like(z)
        label = self.terms.label[image, rows][None]
        factor = self.factor[image, rows]
        z_label = z.gather(0, label)[0]
        z_top = z.amax(0)
        torch.ge(z_label, z_top, out=self.hit[image, rows])
        loss = None
        for term in self.terms.dense:
            value = term(
                z,
                z_label,
                z_top,
                label,
                factor * self.fold,
                self._buffer,
                grad,
                accumulate=loss is not None,
            )
            loss = value if loss is None else loss.add_(value)
        torch.mul(loss, factor, out=self.loss[image, rows])
        if self._positions is not None:
            self._run_sparse(image, rows, z, grad)

    def _run_sparse(self, image: int, rows: slice, z: Tensor, grad: Tensor | None) -> None:
        height, width = self.loss.shape[1:]
        first = image * height + rows.start
        here = slice(self._edges[first], self._edges[image * height + rows.stop])
        if here.start == here.stop:
            return
        position = self._positions[here] - first * width
        row = torch.div(position, width, rounding_mode='floor')
        column = position - row * width
        label = self.terms.label[image, rows].flatten()[position]
        value, slope = negative_term(
            _flat(z).gather(0, _offsets(z, row, column)).view(len(z), -1),
            lambda p: self.terms.sparse_weights(p, label, image, here),
            self.with_grad,
        )
        if self.weight is not None:
            pixel_weight = self.weight[image, rows].flatten()[position]
            value = value * pixel_weight
            slope = None if slope is None else slope * pixel_weight
        # Rows of a contiguous map: flatten is a view.
        self.loss[image, rows].flatten()[position] = value
        if grad is not None:
            _flat(grad).scatter_(0, _offsets(grad, row, column), (slope * self.fold).flatten())


def _flat(strip: Tensor) -> Tensor:
    """A (K, R, W) strip's memory from its first to its last element."""
    span = sum((n - 1) * s for n, s in zip(strip.shape, strip.stride(), strict=True)) + 1
    return strip.as_strided((span,), (1,))


def _offsets(strip: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Where the K entries of pixels lie in :func:`_flat`, class by class.

    Gathering by one index is several times faster than ``strip[:, row, column]`` and needs no
    layout in particular.
    """
    per_class, per_row, per_column = strip.stride()
    classes = torch.arange(len(strip), device=strip.device)[:, None] * per_class
    return (classes + row * per_row + column * per_column).flatten()


def refuse_second_derivative() -> None:
    """Raise where autograd records the backward pass, which holds the gradient as a constant."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            'this loss has no second derivative (create_graph=True); PNHybridLoss has one with '
            "implementation='plain'"
        )
