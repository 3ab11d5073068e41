"""Losses on aggregated seeds."""

from .filtered_loss import FilteredLoss
from .functional import (
    draw_complementary_labels,
    negative_log_complement,
    pn_hybrid_pixel_loss,
    prediction_constraint,
)
from .hybrid_settings import HybridSettings
from .loss_mixture import LossMixture, fit_loss_mixture
from .pixel_labels import PixelLabels
from .pn_hybrid_loss import PNHybridLoss
from .seed_losses import (
    SeedCrossEntropyLoss,
    SeedGeneralizedCrossEntropyLoss,
    SeedSymmetricCrossEntropyLoss,
    SeedWeightedCrossEntropyLoss,
)
from .seed_pixel_loss import SeedPixelLoss

__all__ = [
    'FilteredLoss',
    'HybridSettings',
    'LossMixture',
    'PNHybridLoss',
    'PixelLabels',
    'SeedCrossEntropyLoss',
    'SeedGeneralizedCrossEntropyLoss',
    'SeedPixelLoss',
    'SeedSymmetricCrossEntropyLoss',
    'SeedWeightedCrossEntropyLoss',
    'draw_complementary_labels',
    'fit_loss_mixture',
    'negative_log_complement',
    'pn_hybrid_pixel_loss',
    'prediction_constraint',
]
