"""Losses on aggregated seeds."""

from .functional import (
    draw_complementary_labels,
    negative_log_complement,
    pn_hybrid_pixel_loss,
    prediction_constraint,
)
from .hybrid_settings import HybridSettings
from .pn_hybrid_loss import PNHybridLoss
from .seed_cross_entropy_loss import SeedCrossEntropyLoss
from .seed_generalized_cross_entropy_loss import SeedGeneralizedCrossEntropyLoss
from .seed_pixel_loss import SeedPixelLoss
from .seed_symmetric_cross_entropy_loss import SeedSymmetricCrossEntropyLoss
from .seed_weighted_cross_entropy_loss import SeedWeightedCrossEntropyLoss

__all__ = [
    'HybridSettings',
    'PNHybridLoss',
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
