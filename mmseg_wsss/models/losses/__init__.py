"""Losses on aggregated seeds."""

from .functional import (
    draw_complementary_labels,
    negative_log_complement,
    pn_hybrid_pixel_loss,
    prediction_constraint,
)
from .hybrid_settings import HybridSettings
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
    'HybridSettings',
    'PNHybridLoss',
    'PixelLabels',
    'SeedCrossEntropyLoss',
    'SeedGeneralizedCrossEntropyLoss',
    'SeedPixelLoss',
    'SeedSymmetricCrossEntropyLoss',
    'SeedWeightedCrossEntropyLoss',
    'draw_complementary_labels',
    'negative_log_complement',
    'pn_hybrid_pixel_loss',
    'prediction_constraint',
]
