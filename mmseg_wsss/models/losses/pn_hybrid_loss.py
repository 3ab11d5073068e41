"""Positive-negative hybrid learning on aggregated seeds."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from mmengine.dist import get_rank
from torch import Tensor

from ...registry import MODELS
from .chunked_loss import ChunkCrossEntropy, ChunkImageSet, ChunkNegative
from .functional import (
    HybridTargets,
    draw_complementary_labels,
    hybrid_targets,
    lead_of_label,
    negative_loss,
    noisy_set_loss,
    positive_loss,
    set_loss,
)
from .hybrid_settings import HybridSettings
from .pixel_labels import PixelLabels, on_host
from .seed_pixel_loss import SeedPixelLoss

# Operators of one's own came with torch 2.4.
HAS_TRITON = find_spec('triton') is not None and hasattr(torch.library, 'custom_op')
if HAS_TRITON:
    from .hybrid_kernel import hybrid_kernel_loss
_MAPS = tuple(name for name in HybridTargets._fields if name != 'label')


def kernel_available(logits: Tensor) -> bool:
    """Whether the kernel can compute the loss of these logits."""
    return logits.is_cuda and HAS_TRITON


@MODELS.register_module()
class PNHybridLoss(SeedPixelLoss):
    """Positive learning on clean pixels, negative learning on noisy ones.

    ``L = (sum_clean L_pos + sum_noisy (w_pos L_pos + w_dir g L_dir + w_ind L_ind + w_set L_set) +
    sum_both w_tag L_tag) / supervised pixels``, w_pos, w_set and w_tag 0 by default. The parts are
    the paper's, their form is a reading of it; :class:`HybridSettings` lists every option and its
    source. The constraint never falls below ``log(1 + (K - 1) exp(-sqrt(K / (K - 1)) /
    temperature))``, 2.10 for 21 classes, so watch ``statistics`` (logged by SeedStatisticsHook) to
    follow progress.

    Two readings follow from the label map being all that most losses are given: ``untagged`` and
    ``unvoted`` go by the labels in the same image *crop*. ``direct='losers'`` and
    ``noisy_set_weight`` read the losing votes of ``LoadSeedAnnotations(losing_votes=True)``;
    ``tag_set_weight`` reads the tags of ``SeedDataset(tags=...)``, which ``TagsToLossHook`` brings.

    On CUDA a Triton kernel computes it where Triton is installed, elsewhere a loop over chunks of
    pixels. Values are those of :func:`pn_hybrid_pixel_loss`.

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
        seed: Random seed of the draws, to which the rank is added; None draws from torch's global
            generator. A seeded generator starts anew when training is resumed.
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses.
        reduction: ``mean``, ``sum`` or ``none``.
        balance: ``none``, ``foreground`` or ``class``, see :class:`SeedPixelLoss`: weights of
            pixels by their assigned label, the negative terms of noisy pixels included.
        label_smoothing: Of the cross-entropy in ``positive``.
        direct: ``assigned`` or ``losers``: what the direct negative term pushes down.
        noisy_set_weight: Weight on noisy pixels of ``-log sum_{k in S} p[k]``, S the voted labels.
        tag_set_weight: Weight on all supervised pixels of the same, S the tags and the background.

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
        loss_weight: float = 1.0,
        loss_name: str = 'loss_pn_hybrid',
        reduction: str = 'mean',
        balance: str = 'none',
        label_smoothing: float = 0.0,
        direct: str = 'assigned',
        noisy_set_weight: float = 0.0,
        tag_set_weight: float = 0.0,
    ) -> None:
        super().__init__(loss_weight, loss_name, reduction, balance)
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
            label_smoothing,
            direct,
            noisy_set_weight,
            tag_set_weight,
        )
        self.reads_losing_votes = self.settings.losers
        self.reads_tags = tag_set_weight > 0
        self.seed = seed
        self._generator: torch.Generator | None = None

    def extra_repr(self) -> str:
        return f'{self.settings}, loss_weight={self.loss_weight}'

    def pixel_maps(
        self, labels: PixelLabels, num_classes: int, dtype: torch.dtype
    ) -> dict[str, Tensor]:
        """Weights and complementary classes of each pixel, see :class:`HybridTargets`."""
        draws = self._draw(labels, num_classes) if self.settings.draws else None
        targets = hybrid_targets(
            labels.label,
            labels.clean,
            labels.noisy,
            num_classes,
            self.settings,
            draws,
            dtype,
            labels.maps.get('losers'),
            labels.maps.get('tags'),
        )
        maps = {name: getattr(targets, name) for name in _MAPS}
        return {name: value for name, value in maps.items() if value is not None}

    def pixel_loss(self, logits: Tensor, labels: PixelLabels) -> Tensor:
        """Weighted positive loss, and that on the tags."""
        loss = self._positive_loss(logits, labels) * labels.maps['positive']
        if self.settings.tag_set_weight:
            on_tags = ChunkImageSet.apply if on_host(logits) else set_loss
            loss = loss + self.settings.tag_set_weight * on_tags(logits, labels.maps['tags'])
        return loss

    def _positive_loss(self, logits: Tensor, labels: PixelLabels) -> Tensor:
        if not on_host(logits):
            return positive_loss(logits, labels.label, self.settings)
        settings, loss = self.settings, 0
        if settings.ce_weight:
            loss = ChunkCrossEntropy.apply(logits, labels.label, None)
        if settings.label_smoothing:
            loss = loss + settings.label_smoothing * lead_of_label(logits, labels.label)
        if settings.pc_weight or not settings.ce_weight:
            constraint = ChunkCrossEntropy.apply(
                logits, labels.label, settings.temperature, labels.logit, labels.gradient
            )
            loss = loss + settings.pc_weight * constraint
        return loss

    def noisy_loss(self, logits: Tensor, labels: PixelLabels) -> Tensor:
        """Direct and indirect negative loss, and that on the voted labels."""
        targets = HybridTargets(labels.label, **labels.maps)
        negative = ChunkNegative.apply if on_host(logits) else negative_loss
        loss = negative(logits, targets, self.settings)
        if self.settings.noisy_set_weight:
            loss = loss + noisy_set_loss(logits, targets)
        return loss

    def _evaluate(
        self, logits: Tensor, labels: PixelLabels, factor: Tensor
    ) -> tuple[Tensor, Tensor]:
        if not kernel_available(logits):
            return super()._evaluate(logits, labels, factor)
        targets = HybridTargets(labels.label, **labels.maps)
        loss, hit = hybrid_kernel_loss(logits, targets, self.settings)
        return torch.where(factor != 0, loss * factor, 0), hit

    def _draw(self, labels: PixelLabels, num_classes: int) -> Tensor:
        """Complementary classes (B, num_draws, H, W) uint8."""
        label, count = labels.label, self.settings.num_draws
        if self.seed is not None and self._generator is None:
            self._generator = torch.Generator(label.device).manual_seed(self.seed + get_rank())
        arguments = (num_classes, count, self._generator)
        flat = label.flatten()
        if on_host(label):
            # Random numbers are dear here, and few pixels need them.
            noisy = labels.noisy.flatten().nonzero()[:, 0]
            draws = torch.zeros(len(flat), count, dtype=torch.uint8)
            draws[noisy] = draw_complementary_labels(flat[noisy], *arguments).to(torch.uint8)
        else:
            draws = draw_complementary_labels(flat, *arguments).to(torch.uint8)
        return draws.view(*label.shape, count).movedim(-1, 1)
