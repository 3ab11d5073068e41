"""A mixture of two Gaussians fitted to the losses of an image's pixels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

NUM_BINS = 1024
LLOYD_STEPS = 10
EM_STEPS = 30
# Added to each variance, as in DuPL's and DivideMix's fits: no component shrinks to a point.
MIN_VARIANCE = 5e-4


class LossMixture(NamedTuple):
    """Two Gaussians for each image, that of the low losses first.

    Attributes:
        share: Weights of the components (B, 2) float64, sum 1.
        mean: (B, 2) float64, ascending.
        variance: (B, 2) float64.
        count: Losses that were fitted to (B,) float64.
    """

    share: Tensor
    mean: Tensor
    variance: Tensor
    count: Tensor

    def high_probability(self, losses: Tensor) -> Tensor:
        """Compute how likely each loss is of the component with the higher mean.

        Args:
            losses: (B, N) float32.

        Returns:
            Tensor: (B, N) in [0, 1]; 0 up to the lower mean, where a wide second component would
            have the upper hand again.
        """
        share, mean, variance = (
            part.to(losses.dtype)[..., None] for part in (self.share, self.mean, self.variance)
        )
        score = share.clamp_min(1e-30).log() - variance.log() / 2
        odds = [
            score[:, one] - (losses - mean[:, one]).square() / (2 * variance[:, one])
            for one in (0, 1)
        ]
        return (odds[1] - odds[0]).sigmoid().masked_fill(losses <= mean[:, 0], 0)


def fit_loss_mixture(losses: Tensor, used: Tensor) -> LossMixture:
    """Fit two Gaussians to the losses of each image by expectation-maximisation.

    The losses are counted in bins first, so that the steps, a fixed number of them, cost the same
    for any image, and nothing depends on a value that an accelerator's host would have to wait
    for. Means are exact to half a bin, a two-thousandth of the image's largest loss.

    Args:
        losses: (B, N) float32, >= 0.
        used: Which of them count (B, N) bool.

    Returns:
        LossMixture: Of an image without any loss the components are arbitrary and finite.

    Examples:
        >>> losses = torch.tensor([[0.1, 0.2, 0.3, 5.1, 5.2, 5.3]])
        >>> fit_loss_mixture(losses, losses > 0).mean.round(decimals=1)
        tensor([[0.2000, 5.2000]], dtype=torch.float64)
    """
    losses = losses.masked_fill(~used, 0)
    top = losses.amax(1, keepdim=True).clamp_min(1e-6)
    index = (losses * (NUM_BINS / top)).long().clamp_(0, NUM_BINS - 1)
    index += NUM_BINS * torch.arange(len(losses), device=losses.device)[:, None]
    # Whole numbers, which add up to the same bits in any order; one dimension, for which torch has
    # a deterministic kernel.
    counts = torch.zeros(len(losses) * NUM_BINS, device=losses.device)
    counts = counts.scatter_add_(0, index.flatten(), used.flatten().float())
    counts = counts.view(-1, 1, NUM_BINS).double()
    place = torch.arange(NUM_BINS, device=losses.device, dtype=torch.float64) + 0.5
    value = (place * (top.double() / NUM_BINS)).unsqueeze(1)

    # The two groups that Lloyd's steps find are where the fit begins, as in scikit-learn.
    border = (counts * value).sum(2) / counts.sum(2).clamp_min(1)
    for _ in range(LLOYD_STEPS):
        low = (value <= border[..., None]).double()
        means = _moments(counts, value, torch.cat((low, 1 - low), 1))[1]
        border = means.mean(1, keepdim=True)
    low = (value <= border[..., None]).double()
    share, mean, variance = _moments(counts, value, torch.cat((low, 1 - low), 1))
    for _ in range(EM_STEPS):
        score = share.clamp_min(1e-30).log() - variance.log() / 2
        score = score[..., None] - (value - mean[..., None]).square() / (2 * variance[..., None])
        share, mean, variance = _moments(counts, value, score.softmax(1))
    order = mean.argsort(1)
    parts = (part.gather(1, order) for part in (share, mean, variance))
    return LossMixture(*parts, counts.sum((1, 2)))


def _moments(counts: Tensor, value: Tensor, belongs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Share, mean and variance (B, 2) of components that own bins (B, 2, NUM_BINS) in part."""
    owned = counts * belongs
    number = owned.sum(2)
    total = counts.sum(2)
    # A component that owns nothing is where all losses are on average: no gap comes of it.
    everywhere = (counts * value).sum(2) / total.clamp_min(1)
    mean = ((owned * value).sum(2) + 1e-9 * everywhere) / (number + 1e-9)
    spread = (owned * (value - mean[..., None]).square()).sum(2) / (number + 1e-9)
    return number / total.clamp_min(1), mean, spread + MIN_VARIANCE
