"""Positive-negative hybrid learning on aggregated seeds."""

from __future__ import annotations

import torch
from mmengine.dist import get_rank
from torch import Tensor

from ...registry import MODELS
from .constraint_term import ConstraintTerm
from .functional import (
    draw_complementary_labels,
    entry_weights,
    labels_present,
    negative_entries,
    pn_hybrid_pixel_loss,
)
from .hybrid_settings import HybridSettings
from .pixel_labels import PixelLabels
from .pixel_terms import Entries, PixelTerms
from .seed_pixel_loss import SeedPixelLoss
from .softmax_term import SoftmaxTerm


@MODELS.register_module()
class PNHybridLoss(SeedPixelLoss):
    """Positive learning on clean pixels, negative learning on noisy ones.

    ``L = (sum_clean L_pos + sum_noisy (w_pos L_pos + w_dir g L_dir + w_ind L_ind)) / supervised
    pixels``, w_pos 0 by default. The parts are the paper's, their form is a reading of it;
    :class:`HybridSettings` lists every option and its source. The constraint never falls below
    ``log(1 + (K - 1) exp(-sqrt(K / (K - 1)) / temperature))``, 2.10 for 21 classes, so watch
    ``statistics`` (logged by SeedStatisticsHook) to judge progress.

    Two readings follow from the label map being all that a loss is given: ``untagged`` and
    ``unvoted`` go by the labels in the same image *crop*.

    Args:
        positive: ``constraint``, ``ce`` or ``ce+constraint``.
        constraint_weight: Weight of the constraint in ``ce+constraint``.
        temperature: Divides the normalised logits of the constraint.
        direct_weight: Weight of the direct negative term.
        direct_gate: ``all``, ``low_confidence`` or ``untagged``.
        indirect_weight: Weight of the indirect negative term.
        indirect: ``draws``, ``mean`` or ``unvoted``.
        num_draws: Draws per noisy pixel.
        jnpl_weighting: Weight indirect terms by ``1 - p[c]``.
        noisy_positive_weight: Weight of the positive term on noisy pixels, w_pos.
        seed: Seed of the draws, to which the rank is added; None draws from torch's global
            generator. A seeded generator starts anew when training is resumed.
        implementation: ``lean``: one pass, no full-size temporaries; ``plain``: the reference in
            plain tensor operations, same values. The fused loss is always lean.
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses.
        reduction: ``mean``, ``sum`` or ``none``.

    Raises:
        ValueError: If an option is not among the ones listed.
    """

    def __init__(
        self,
        positive: str = 'constraint',
        constraint_weight: float = 1.0,
        temperature: float = 1.0,
        direct_weight: float = 1.0,
        direct_gate: str = 'low_confidence',
        indirect_weight: float = 1.0,
        indirect: str = 'draws',
        num_draws: int = 1,
        jnpl_weighting: bool = False,
        noisy_positive_weight: float = 0.0,
        seed: int | None = None,
        implementation: str = 'lean',
        loss_weight: float = 1.0,
        loss_name: str = 'loss_pn_hybrid',
        reduction: str = 'mean',
    ) -> None:
        super().__init__(loss_weight, loss_name, reduction)
        if implementation not in ('lean', 'plain'):
            raise ValueError(f'implementation must be lean or plain, got {implementation!r}')
        self.settings = HybridSettings(
            positive,
            constraint_weight,
            temperature,
            direct_weight,
            direct_gate,
            indirect_weight,
            indirect,
            num_draws,
            jnpl_weighting,
            noisy_positive_weight,
        )
        self.seed = seed
        self.implementation = implementation
        self._generator: torch.Generator | None = None

    def extra_repr(self) -> str:
        return f'{self.settings}, loss_weight={self.loss_weight}'

    def _draw(self, labels: PixelLabels, num_classes: int) -> Tensor | None:
        if not (self.settings.draws and labels.any_noisy):
            return None
        device = labels.label.device
        if self.seed is not None and self._generator is None:
            self._generator = torch.Generator(device).manual_seed(self.seed + get_rank())
        return draw_complementary_labels(
            labels.label[labels.noisy], num_classes, self.settings.num_draws, self._generator
        )

    def _present(
        self, labels: PixelLabels, num_classes: int
    ) -> tuple[Tensor | None, Tensor | None]:
        clean_present = present = None
        if self.settings.direct_gate == 'untagged':
            clean_present = labels_present(labels.label, labels.clean, num_classes)
        if self.settings.indirect == 'unvoted':
            present = labels_present(labels.label, labels.clean | labels.noisy, num_classes)
        return clean_present, present

    def _terms(self, labels: PixelLabels, num_classes: int, dtype: torch.dtype) -> PixelTerms:
        settings = self.settings
        dense: tuple[ConstraintTerm | SoftmaxTerm, ...] = ()
        if settings.ce_weight:
            dense += (SoftmaxTerm(settings.ce_weight),)
        if settings.pc_weight or not dense:
            dense += (ConstraintTerm(settings.pc_weight, settings.temperature),)
        if not labels.any_noisy:
            return PixelTerms(labels.label, dense, labels.clean)
        draws = self._draw(labels, num_classes)
        clean_present, present = self._present(labels, num_classes)

        def sparse_entries(label: Tensor, image: int, here: slice) -> Entries:
            classes, factors = negative_entries(
                label,
                torch.full_like(label, image),
                num_classes,
                settings,
                clean_present,
                present,
                None if draws is None else draws[here],
                dtype,
            )
            return classes, lambda p: entry_weights(factors, p, num_classes, settings)

        weight, share = labels.clean, settings.noisy_positive_weight
        if share:
            weight = labels.clean.to(dtype).add_(labels.noisy, alpha=share)
        return PixelTerms(
            labels.label, dense, weight, labels.noisy, sparse_entries, overlapping=share > 0
        )

    def _from_labels(
        self,
        logits: Tensor,
        labels: PixelLabels,
        weight: Tensor | None,
        avg_factor: float | Tensor | None,
        reduction: str,
    ) -> Tensor:
        if self.implementation == 'lean':
            return super()._from_labels(logits, labels, weight, avg_factor, reduction)
        draws = self._draw(labels, logits.shape[1])
        if draws is None:
            draws = labels.label.new_zeros(0, self.settings.num_draws)
        loss = pn_hybrid_pixel_loss(
            logits, labels.label, labels.clean, labels.noisy, self.settings, draws
        )
        hit = logits.detach().argmax(1) == labels.label
        self._keep_statistics(labels, hit)
        if weight is not None:
            loss = loss * weight
        loss = loss * self._scale(logits, labels, avg_factor, reduction)
        return loss if reduction == 'none' else loss.sum()
