"""Base of the per-pixel losses that read seed codes."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod

import torch
from torch import Tensor, nn

from ...seeds.codec import IGNORE_INDEX
from .functional import at_least_float32
from .fused_loss import FusedLoss
from .lean_loss import LeanLoss
from .pixel_labels import PixelLabels
from .pixel_terms import PixelTerms
from .strip_engine import StripEngine


class SeedPixelLoss(nn.Module, metaclass=ABCMeta):
    """A per-pixel loss on class scores and codes ``label + 256 * noisy``, called as by mmseg.

    The loss is averaged over the supervised pixels: 255 does not count, as in mmseg's
    CrossEntropyLoss with ``avg_non_ignore=True``. Without any the loss is 0 and carries gradients
    of 0.

    Args:
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses; mmseg sums up those that start with ``loss_``.
        reduction: ``mean``, ``sum`` or ``none``.

    Attributes:
        statistics: Of the last call, 0-dimensional tensors without gradient. ``clean_share`` and
            ``noisy_share``: of all pixels; ``clean_right``: share of the clean pixels predicted as
            labelled; ``noisy_left``: share of the noisy pixels predicted as something else than
            the assigned label; ``assigned_right``: share of the supervised pixels predicted as
            labelled. A share of nothing is nan. Ties count as predicted.
    """

    def __init__(self, loss_weight: float, loss_name: str, reduction: str = 'mean') -> None:
        super().__init__()
        if reduction not in ('mean', 'sum', 'none'):
            raise ValueError(f'reduction must be mean, sum or none; got {reduction!r}')
        self.loss_weight = loss_weight
        self.loss_name = loss_name
        self.reduction = reduction
        self.statistics: dict[str, Tensor] = {}

    @abstractmethod
    def _terms(self, labels: PixelLabels, num_classes: int, dtype: torch.dtype) -> PixelTerms:
        """Say what to compute, in which dtype, at which pixel of (B, H, W) labels."""

    def _read(self, code: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Give the codes with the clean/noisy flag, and weights of pixels, from the label map."""
        return code, weight

    def _num_averaged(self, labels: PixelLabels) -> Tensor:
        """Number of pixels that the mean divides by, 0-dimensional."""
        return labels.clean.sum() + labels.noisy.sum()

    @torch.compiler.disable  # loops over strips, reads labels on the host
    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        ignore_index: int | None = IGNORE_INDEX,
        **kwargs,
    ) -> Tensor:
        """Compute the loss.

        Args:
            cls_score: Logits (B, K, H, W) or (B, K, P), K >= 2.
            label: Codes (B, H, W) or (B, P), any integer dtype: a label below K, plus 256 where
                noisy; 255 is ignored.
            weight: Factor of each pixel, like ``label``, as mmseg's samplers pass it.
            avg_factor: Divides the sum in place of the number of supervised pixels.
            reduction_override: ``mean``, ``sum`` or ``none`` in place of the loss's own reduction.
            ignore_index: One more code that is ignored.
            **kwargs: Ignored; mmseg passes some losses more than they need.

        Returns:
            Tensor: 0-dimensional, or like ``label`` for ``none``; float32, or float64 for float64
            logits.

        Raises:
            ValueError: If shapes do not fit, a label is not below K, or ``avg_factor`` comes with
                a reduction other than ``mean``.
        """
        reduction = reduction_override or self.reduction
        if reduction not in ('mean', 'sum', 'none'):
            raise ValueError(f'reduction_override must be mean, sum or none; got {reduction!r}')
        if avg_factor is not None and reduction != 'mean':
            raise ValueError(f"avg_factor needs reduction 'mean', got {reduction!r}")
        self._check(cls_score, label, weight, same_size=True)
        if cls_score.dim() == 3:
            loss = self.forward(
                cls_score.unsqueeze(-1),
                label.unsqueeze(-1),
                None if weight is None else weight.unsqueeze(-1),
                avg_factor,
                reduction,
                ignore_index,
            )
            return loss.squeeze(-1) if reduction == 'none' else loss
        label, weight = self._read(label, weight)
        labels = PixelLabels.from_codes(label, cls_score.shape[1], ignore_index)
        return self._from_labels(cls_score, labels, weight, avg_factor, reduction)

    def _from_labels(
        self,
        logits: Tensor,
        labels: PixelLabels,
        weight: Tensor | None,
        avg_factor: float | Tensor | None,
        reduction: str,
    ) -> Tensor:
        scale = self._scale(logits, labels, avg_factor, reduction)
        folded = reduction != 'none' and logits.dtype in (torch.float32, torch.float64)
        fold = scale if folded else torch.ones_like(scale)
        engine = self._engine(logits, labels, weight, fold)
        loss = LeanLoss.apply(logits, engine, scale, reduction != 'none', folded)
        self._keep_statistics(labels, engine.hit)
        return loss

    @torch.compiler.disable
    def fused(
        self,
        logits: Tensor,
        label: Tensor,
        align_corners: bool = False,
        ignore_index: int | None = IGNORE_INDEX,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Compute the mean loss of logits that are upsampled to the label's size on the way.

        Equal to ``forward(F.interpolate(logits, label.shape[1:], mode='bilinear',
        align_corners=align_corners), label)`` without the full-resolution logits in memory.

        Args:
            logits: (B, K, h, w), K >= 2.
            label: Codes (B, H, W), any integer dtype.
            align_corners: As in ``F.interpolate``.
            ignore_index: One more code that is ignored.
            weight: Factor of each pixel (B, H, W).

        Returns:
            Tensor: 0-dimensional, float32 or float64.

        Raises:
            ValueError: As :meth:`forward`, or if the loss's reduction is ``none``.
        """
        if self.reduction == 'none':
            raise ValueError("the fused loss needs reduction 'mean' or 'sum', got 'none'")
        self._check(logits, label, weight, same_size=False)
        label, weight = self._read(label, weight)
        labels = PixelLabels.from_codes(label, logits.shape[1], ignore_index)
        if logits.shape[2:] == label.shape[1:]:
            return self._from_labels(logits, labels, weight, None, self.reduction)
        scale = self._scale(logits, labels, None, self.reduction)
        engine = self._engine(logits, labels, weight, torch.ones_like(scale))
        loss = FusedLoss.apply(logits, engine, scale, align_corners)
        self._keep_statistics(labels, engine.hit)
        return loss

    def _scale(
        self,
        logits: Tensor,
        labels: PixelLabels,
        avg_factor: float | Tensor | None,
        reduction: str,
    ) -> Tensor:
        dtype = at_least_float32(logits[:0]).dtype
        divisor = torch.ones((), dtype=dtype, device=logits.device)
        if reduction == 'mean':
            if avg_factor is None:
                divisor = self._num_averaged(labels).to(dtype)
            else:
                divisor = divisor * avg_factor
            # A batch without supervision has a sum of 0; its mean is 0, not 0 / 0.
            divisor = divisor.masked_fill(divisor == 0, 1)
        return self.loss_weight / divisor

    def _engine(
        self, logits: Tensor, labels: PixelLabels, weight: Tensor | None, fold: Tensor
    ) -> StripEngine:
        num_classes = logits.shape[1]
        return StripEngine(
            self._terms(labels, num_classes, fold.dtype),
            None if weight is None else weight.detach().to(fold),
            fold,
            num_classes,
            fold.dtype,
            with_grad=torch.is_grad_enabled() and logits.requires_grad,
        )

    def _keep_statistics(self, labels: PixelLabels, hit: Tensor) -> None:
        clean, noisy = labels.clean, labels.noisy
        counts = torch.stack([m.sum() for m in (clean, noisy, hit & clean, hit & noisy)])
        num_clean, num_noisy, clean_hits, noisy_hits = counts.double().unbind()
        pixels = max(hit.numel(), 1)
        self.statistics = dict(
            clean_share=num_clean / pixels,
            noisy_share=num_noisy / pixels,
            clean_right=clean_hits / num_clean,
            noisy_left=(num_noisy - noisy_hits) / num_noisy,
            assigned_right=(clean_hits + noisy_hits) / (num_clean + num_noisy),
        )

    def _check(self, logits: Tensor, label: Tensor, weight: Tensor | None, same_size: bool) -> None:
        dims = (3, 4) if same_size else (4,)
        if logits.dim() not in dims or not logits.is_floating_point():
            raise ValueError(
                f'{type(self).__name__} needs floating point logits (B, K, H, W), got '
                f'{logits.dtype} {tuple(logits.shape)}'
            )
        if label.is_floating_point() or label.dtype == torch.bool:
            raise ValueError(f'label has dtype {label.dtype}, expected integer codes')
        if logits.shape[1] < 2:
            raise ValueError(
                f'{type(self).__name__} is a loss over classes, background included, and needs at '
                f'least 2 of them; got logits {tuple(logits.shape)}'
            )
        wanted = (len(logits), *(logits.shape[2:] if same_size else label.shape[1:]))
        if tuple(label.shape) != wanted or label.dim() != logits.dim() - 1:
            raise ValueError(
                f'label {tuple(label.shape)} does not fit logits {tuple(logits.shape)}: expected '
                f'{wanted if same_size else "(B, H, W) with the same B"}'
            )
        if weight is not None and weight.shape != label.shape:
            raise ValueError(
                f'weight {tuple(weight.shape)} does not fit label {tuple(label.shape)}'
            )
