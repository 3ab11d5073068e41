"""Transforms of seeds with their agreement, and of saliency maps."""

from .load_seed_annotations import LoadSeedAnnotations
from .saliency_transforms import LoadSaliency, TransformWithSaliency
from .seed_transforms import SeedGenerateEdge, SeedRandomCrop, SeedRandomRotFlip

__all__ = [
    'LoadSaliency',
    'LoadSeedAnnotations',
    'SeedGenerateEdge',
    'SeedRandomCrop',
    'SeedRandomRotFlip',
    'TransformWithSaliency',
]
