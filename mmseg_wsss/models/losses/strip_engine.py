"""Computes a per-pixel loss and its gradient strip by strip."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .negative_term import negative_term
from .pixel_terms import PixelTerms

# Bytes of one (K, R, W) work array. On the CPU a handful of them should stay in the shared
# cache; on an accelerator each operation should be worth its launch.
STRIP_BYTES = {'cpu': 3 << 20, 'cuda': 1 << 25}


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
        self.factor = terms.dense_weight.to(dtype)
        if weight is not None:
            self.factor *= weight
        self.weight = weight
        self.fold = fold.to(dtype)
        self.loss = torch.empty(label.shape, dtype=dtype, device=label.device)
        self.hit = torch.empty(label.shape, dtype=torch.bool, device=label.device)
        batch, height, width = label.shape
        target = STRIP_BYTES['cpu' if label.device.type == 'cpu' else 'cuda']
        pixels = target // (num_classes * self.loss.element_size())
        self.rows = min(max(pixels // max(width, 1), 1), max(height, 1))
        self._chunk = max(pixels, 1)
        self._buffer: Tensor | None = None
        self._positions = self._edges = None
        if terms.sparse_mask is not None:
            self._positions = terms.sparse_mask.flatten().nonzero()[:, 0]
            edges = torch.arange(batch + 1, device=label.device) * (height * width)
            self._edges = torch.searchsorted(self._positions, edges).tolist()

    def strips(self) -> list[slice]:
        """Row ranges that cover an image."""
        height = self.loss.shape[1]
        return [slice(r, min(r + self.rows, height)) for r in range(0, height, self.rows)]

    def run(self, image: int, rows: slice, z: Tensor, grad: Tensor | None) -> None:
        """Compute the dense terms of a strip.

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

    def sparse_pixels(self, image: int) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """List an image's pixels of the negative term in chunks.

        They are few and spread over all strips; together they cost fewer operations.

        Yields:
            tuple: Range among all sparse pixels, row and column of each (m,) int64.
        """
        if self._positions is None:
            return
        height, width = self.loss.shape[1:]
        for start in range(self._edges[image], self._edges[image + 1], self._chunk):
            here = slice(start, min(start + self._chunk, self._edges[image + 1]))
            position = self._positions[here] - image * height * width
            row = torch.div(position, width, rounding_mode='floor')
            yield here, row, position - row * width

    def run_sparse(self, image: int, here: slice, z: Tensor) -> Tensor | None:
        """Compute the negative term of a chunk of pixels, after the strips they lie in.

        Args:
            image: Index of the image.
            here: Range of the pixels, from :meth:`sparse_pixels`.
            z: Their logits (K, m) in the dtype of the computation; overwritten.

        Returns:
            Tensor: Gradient (K, m), or None without gradient.
        """
        position = self._positions[here]
        classes, weights_of = self.terms.sparse_entries(
            self.terms.label.flatten()[position], image, here
        )
        value, grad = negative_term(z, classes, weights_of, self.with_grad)
        factor = self.fold
        if self.weight is not None:
            pixel_weight = self.weight.flatten()[position]
            value, factor = value * pixel_weight, factor * pixel_weight
        if self.terms.overlapping:
            value = value + self.loss.view(-1)[position]
        self.loss.view(-1)[position] = value
        return None if grad is None else grad.mul_(factor)


def refuse_second_derivative() -> None:
    """Raise where autograd records the backward pass, which holds the gradient as a constant."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            'this loss has no second derivative (create_graph=True); PNHybridLoss has one with '
            "implementation='plain'"
        )
