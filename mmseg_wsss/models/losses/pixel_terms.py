"""What a chunked loss computes at which pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .constraint_term import ConstraintTerm
from .softmax_term import SoftmaxTerm

Entries = tuple[Tensor, Callable[[Tensor], Tensor]]


@dataclass(frozen=True)
class PixelTerms:
    """Terms of a per-pixel loss; dense ones on most pixels, a negative one on few.

    Attributes:
        label: Assigned label (B, H, W) int64 in [0, K), anything valid where there is no term.
        dense: Terms added up, times ``dense_weight``.
        dense_weight: (B, H, W), bool or floating point, 0 where there is no dense term.
        sparse_mask: Pixels of the negative term (B, H, W) bool; None without one.
        sparse_entries: From the labels (m,) of consecutive sparse pixels of one image, the index
            of that image and their range among all sparse pixels in raster order to the classes
            and the weights of :func:`negative_term`.
        overlapping: Whether a pixel may have dense terms and a negative one.
    """

    label: Tensor
    dense: tuple[ConstraintTerm | SoftmaxTerm, ...]
    dense_weight: Tensor
    sparse_mask: Tensor | None = None
    sparse_entries: Callable[[Tensor, int, slice], Entries] | None = None
    overlapping: bool = False
