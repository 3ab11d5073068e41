"""Base of the losses that are functions of the assigned label's probability."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from .pixel_labels import PixelLabels
from .pixel_terms import PixelTerms
from .seed_pixel_loss import SeedPixelLoss
from .softmax_term import SoftmaxTerm


class SeedSoftmaxLoss(SeedPixelLoss):
    """A loss f(p[y]) on seed codes, p the softmax and y the assigned label.

    Args:
        noisy: What to do with noisy pixels: ``keep`` them as if clean, or ``ignore`` them like 255.
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses.
        reduction: ``mean``, ``sum`` or ``none``.

    Raises:
        ValueError: If an option is not among the ones listed.
    """

    def __init__(self, noisy: str, loss_weight: float, loss_name: str, reduction: str) -> None:
        super().__init__(loss_weight, loss_name, reduction)
        if noisy not in ('keep', 'ignore'):
            raise ValueError(f'noisy must be keep or ignore, got {noisy!r}')
        self.noisy = noisy

    @abstractmethod
    def _link(self, log_p: Tensor) -> tuple[Tensor, Tensor | None]:
        """From log p[y] to the loss f(p) and the slope ``-f'(p) p``, None for 1."""

    def _used(self, labels: PixelLabels) -> Tensor:
        return labels.clean if self.noisy == 'ignore' else labels.clean | labels.noisy

    def _num_averaged(self, labels: PixelLabels) -> Tensor:
        return self._used(labels).sum()

    def _terms(self, labels: PixelLabels, num_classes: int, dtype: torch.dtype) -> PixelTerms:
        return PixelTerms(labels.label, (SoftmaxTerm(link=self._link),), self._used(labels))
