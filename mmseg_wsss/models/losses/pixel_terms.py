"""What a chunked loss computes at which pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .constraint_term import ConstraintTerm
from .softmax_term import SoftmaxTerm


@dataclass(frozen=True)
class PixelTerms:
    """Terms of a per-pixel loss; dense ones on most pixels, a negative one on few.

    Attributes:
        label: Assigned label (B, H, W) int64 in [0, K), anything valid where there is no term.
        dense: Terms added up where ``dense_mask``.
        dense_mask: (B, H, W) bool.
        sparse_mask: Pixels of the negative term (B, H, W) bool, disjoint from ``dense_mask``;
            None without one.
        sparse_weights: From the softmax (K, m) of m consecutive sparse pixels, their labels (m,),
            image indices (m,) and their range among all sparse pixels in raster order to the
            weights (K, m) of the negative term.
    """

    label: Tensor
    dense: tuple[ConstraintTerm | SoftmaxTerm, ...]
    dense_mask: Tensor
    sparse_mask: Tensor | None = None
    sparse_weights: Callable[[Tensor, Tensor, int, slice], Tensor] | None = None
