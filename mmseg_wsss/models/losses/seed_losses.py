"""Losses of others on seed codes: functions of the probability of the assigned label."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from ...registry import MODELS
from ...seeds.codec import NOISY_OFFSET, decode_seed_disagreement
from .chunked_loss import chunk_cross_entropy
from .functional import lead_of_label
from .hybrid_settings import check_smoothing
from .pixel_labels import PixelLabels, require
from .seed_pixel_loss import SeedPixelLoss


class _SeedSoftmaxLoss(SeedPixelLoss):
    """A function f of the cross-entropy ``-log p[y]``, y the assigned label.

    Args:
        noisy: What to do with noisy pixels: ``keep`` them as if clean, or ``ignore`` them like 255.
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses.
        reduction: ``mean``, ``sum`` or ``none``.
        balance: ``none``, ``foreground`` or ``class``, see :class:`SeedPixelLoss`.

    Raises:
        ValueError: If an option is not among the ones listed.
    """

    def __init__(
        self, noisy: str, loss_weight: float, loss_name: str, reduction: str, balance: str
    ) -> None:
        super().__init__(loss_weight, loss_name, reduction, balance)
        if noisy not in ('keep', 'ignore'):
            raise ValueError(f'noisy must be keep or ignore, got {noisy!r}')
        self.noisy = noisy

    def used_pixels(self, labels: PixelLabels) -> Tensor:
        return labels.clean if self.noisy == 'ignore' else labels.clean | labels.noisy

    def pixel_loss(self, logits: Tensor, labels: PixelLabels) -> Tensor:
        return self._link(chunk_cross_entropy(logits, labels.label))

    @abstractmethod
    def _link(self, cross_entropy: Tensor) -> Tensor:
        """From ``-log p[y]`` to the loss."""


@MODELS.register_module()
class SeedCrossEntropyLoss(_SeedSoftmaxLoss):
    """mmseg's CrossEntropyLoss for codes.

    Args:
        noisy: ``keep`` noisy pixels as if clean, or ``ignore`` them like 255.
        avg_non_ignore: Average over the pixels that are not ignored. False averages over all
            pixels, which is the default of mmseg's CrossEntropyLoss.
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses.
        reduction: ``mean``, ``sum`` or ``none``.
        balance: ``none``, ``foreground`` or ``class``, see :class:`SeedPixelLoss`.
        label_smoothing: Share e of the label that is spread evenly over all classes, in [0, 1]:
            ``(1 - e) (-log p[y]) + e mean_k(-log p[k])``, as PyTorch's.

    Raises:
        ValueError: If an option is not among the ones listed.
    """

    def __init__(
        self,
        noisy: str = 'keep',
        avg_non_ignore: bool = True,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_ce',
        reduction: str = 'mean',
        balance: str = 'none',
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(noisy, loss_weight, loss_name, reduction, balance)
        self.avg_non_ignore = avg_non_ignore
        self.label_smoothing = check_smoothing(label_smoothing)

    def _num_averaged(self, labels: PixelLabels) -> Tensor | int:
        return super()._num_averaged(labels) if self.avg_non_ignore else labels.clean.numel()

    def pixel_loss(self, logits: Tensor, labels: PixelLabels) -> Tensor:
        loss = super().pixel_loss(logits, labels)
        if self.label_smoothing:
            loss = loss + self.label_smoothing * lead_of_label(logits, labels.label)
        return loss

    def _link(self, cross_entropy: Tensor) -> Tensor:
        return cross_entropy


@MODELS.register_module()
class SeedGeneralizedCrossEntropyLoss(_SeedSoftmaxLoss):
    """``(1 - p[y]^q) / q``: between cross-entropy (q -> 0) and mean absolute error (q = 1).

    Source: Zhang and Sabuncu, NeurIPS 2018, equation 6.

    Args:
        q: Robustness to noisy labels, in (0, 1].
        noisy: ``keep`` noisy pixels as if clean, or ``ignore`` them like 255.
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses.
        reduction: ``mean``, ``sum`` or ``none``.
        balance: ``none``, ``foreground`` or ``class``, see :class:`SeedPixelLoss`.

    Raises:
        ValueError: If q is not in (0, 1].
    """

    def __init__(
        self,
        q: float = 0.7,
        noisy: str = 'keep',
        loss_weight: float = 1.0,
        loss_name: str = 'loss_gce',
        reduction: str = 'mean',
        balance: str = 'none',
    ) -> None:
        super().__init__(noisy, loss_weight, loss_name, reduction, balance)
        if not 0 < q <= 1:
            raise ValueError(f'q must be in (0, 1], got {q}')
        self.q = q

    def _link(self, cross_entropy: Tensor) -> Tensor:
        # 1 - p^q, exact where p is close to 1.
        return (-self.q * cross_entropy).expm1() / -self.q


@MODELS.register_module()
class SeedSymmetricCrossEntropyLoss(_SeedSoftmaxLoss):
    """``alpha CE + beta RCE``, RCE the cross-entropy with prediction and label swapped.

    With log 0 of the one-hot label set to ``log_zero``, RCE is ``-log_zero (1 - p[y])``.
    Source: Wang et al., ICCV 2019, equations 6 to 8.

    Args:
        alpha: Weight of cross-entropy, >= 0.
        beta: Weight of reverse cross-entropy, >= 0.
        log_zero: Value for log 0, below 0.
        noisy: ``keep`` noisy pixels as if clean, or ``ignore`` them like 255.
        loss_weight: Factor of the loss.
        loss_name: Key in the dict of losses.
        reduction: ``mean``, ``sum`` or ``none``.
        balance: ``none``, ``foreground`` or ``class``, see :class:`SeedPixelLoss`.

    Raises:
        ValueError: If a value is out of range.
    """

    def __init__(
        self,
        alpha: float = 0.1,
        beta: float = 1.0,
        log_zero: float = -4.0,
        noisy: str = 'keep',
        loss_weight: float = 1.0,
        loss_name: str = 'loss_sce',
        reduction: str = 'mean',
        balance: str = 'none',
    ) -> None:
        super().__init__(noisy, loss_weight, loss_name, reduction, balance)
        if alpha < 0 or beta < 0 or log_zero >= 0:
            raise ValueError(
                f'expected alpha >= 0, beta >= 0 and log_zero < 0; got {alpha}, {beta}, {log_zero}'
            )
        self.alpha, self.beta, self.log_zero = alpha, beta, log_zero

    def _link(self, cross_entropy: Tensor) -> Tensor:
        # 1 - p, exact where p is close to 1.
        reverse = self.beta * self.log_zero * (-cross_entropy).expm1()
        return self.alpha * cross_entropy + reverse


@MODELS.register_module()
class SeedWeightedCrossEntropyLoss(SeedCrossEntropyLoss):
    """Cross-entropy weighted per pixel by the seeds' agreement, in the manner of URN.

    Reads the codes of ``LoadSeedAnnotations(noisy='disagreement')``. With ``v`` the share of the
    seeds that voted for the pixel's label, its certainty is ``(2 v - 1)^2``, and 0 for ``v <=
    1/2``.

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
        balance: ``none``, ``foreground`` or ``class``, see :class:`SeedPixelLoss`.
        label_smoothing: As of :class:`SeedCrossEntropyLoss`.

    Raises:
        ValueError: If an option is out of range. The loss itself raises it as
            :class:`SeedPixelLoss` does, and if a pixel has as much disagreement as there are seeds.
    """

    def __init__(
        self,
        num_seeds: int = 6,
        weighting: str = 'certainty',
        min_weight: float = 0.05,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_weighted_ce',
        reduction: str = 'mean',
        balance: str = 'none',
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            loss_weight=loss_weight,
            loss_name=loss_name,
            reduction=reduction,
            balance=balance,
            label_smoothing=label_smoothing,
        )
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

    def read_codes(self, code: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Turn disagreement into the clean/noisy flag and a factor of the pixels' weights."""
        code = code.long()
        disagreement = decode_seed_disagreement(code)[1].clamp_(min=0)
        seeds = len(self.weights)
        expected = (
            f'expected at most {seeds - 1} of num_seeds={seeds}, which must be the number of seeds '
            'that voted'
        )
        require(
            (disagreement < seeds).all(),
            f'more seeds disagreement than voted, {expected}',
            lambda: f'{int(disagreement.amax())} seeds disagreement, {expected}',
        )
        graded = code % NOISY_OFFSET + NOISY_OFFSET * (disagreement > 0)
        flagged = torch.where(code >= 2 * NOISY_OFFSET, graded, code)
        certainty = self.weights.to(code.device)[disagreement.clamp_(max=seeds - 1)]
        return flagged, certainty if weight is None else certainty * weight
