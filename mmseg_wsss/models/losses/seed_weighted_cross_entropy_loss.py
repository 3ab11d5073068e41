"""Cross-entropy whose pixels weigh as much as the seeds agree on them."""

from __future__ import annotations

import torch
from torch import Tensor

from ...registry import MODELS
from ...seeds.codec import NOISY_OFFSET, decode_seed_dissent
from .seed_cross_entropy_loss import SeedCrossEntropyLoss


@MODELS.register_module()
class SeedWeightedCrossEntropyLoss(SeedCrossEntropyLoss):
    """Cross-entropy weighted per pixel by the seeds' agreement, in the manner of URN.

    Reads the codes of ``LoadSeedAnnotations(noisy='dissent')``. With ``v`` the share of the seeds
    that voted for the pixel's label, its certainty is ``(2 v - 1)^2``, and 0 for ``v <= 1/2``.

    What URN does (Li et al., AAAI 2022, as in its public code): a trained network's probability of
    each class is raised to several powers, each result goes through a dense CRF, and the variance
    of "the pixel has this class" over the powers, divided by its greatest value in the image, is
    the uncertainty. Where 1 - uncertainty is at most 0.05 the pixel's cross-entropy weighs 0.05,
    elsewhere 1.

    What is a reading here: the seeds take the place of the powers. The variance of "the seed has
    this label" is ``v (1 - v)``, at most 1/4, so that 1 minus its share of that value is
    ``(2 v - 1)^2``. Below one half the variance falls again although the label is even less sure:
    certainty stays 0 there.

    Args:
        num_seeds: Number of seeds that voted, S; six in the paper.
        weighting: ``'certainty'``: the weight is the certainty, at least ``min_weight`` (for six
            seeds 1, 0.44, 0.11 and 0.05 with 6, 5, 4 and fewer votes). ``'two-level'``: URN's own,
            ``min_weight`` where the certainty is at most ``min_weight``, 1 elsewhere.
        min_weight: Lowest weight, 0 to 1.
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses.
        reduction: ``mean``, ``sum`` or ``none``; the mean divides by the number of pixels that are
            not ignored (URN: of all pixels), not by the sum of their weights.

    Raises:
        ValueError: If an option is out of range. The loss itself raises it as
            :class:`SeedPixelLoss` does, and if a pixel has as much dissent as there are seeds.
    """

    def __init__(
        self,
        num_seeds: int = 6,
        weighting: str = 'certainty',
        min_weight: float = 0.05,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_weighted_ce',
        reduction: str = 'mean',
    ) -> None:
        super().__init__(loss_weight=loss_weight, loss_name=loss_name, reduction=reduction)
        if num_seeds < 1:
            raise ValueError(f'num_seeds must be at least 1, got {num_seeds}')
        if not 0 <= min_weight <= 1:
            raise ValueError(f'min_weight must be in [0, 1], got {min_weight}')
        if weighting not in ('certainty', 'two-level'):
            raise ValueError(f'weighting must be certainty or two-level, got {weighting!r}')
        share = 1 - torch.arange(num_seeds) / num_seeds
        certainty = (2 * share - 1).clamp(min=0).square()
        if weighting == 'two-level':
            certainty = (certainty > min_weight).float()
        # A constant of the options, not a part of the checkpoint.
        self.register_buffer('weights', certainty.clamp(min=min_weight), persistent=False)

    def _read(self, code: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Turn dissent into the clean/noisy flag and a factor of the pixels' weights."""
        code = code.long()
        dissent = decode_seed_dissent(code)[1].clamp_(min=0)
        if code.numel() and dissent.amax() >= len(self.weights):
            raise ValueError(
                f'{int(dissent.amax())} seeds dissent, expected at most {len(self.weights) - 1} of '
                f'num_seeds={len(self.weights)}, which must be the number of seeds that voted'
            )
        flagged = torch.where(code >= 2 * NOISY_OFFSET, code % NOISY_OFFSET + NOISY_OFFSET, code)
        certainty = self.weights.to(code.device)[dissent]
        return flagged, certainty if weight is None else certainty * weight
