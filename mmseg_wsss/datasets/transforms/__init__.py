"""Transforms that load seeds with their agreement and keep their labels apart."""

from .load_seed_annotations import LoadSeedAnnotations
from .seed_transforms import SeedGenerateEdge, SeedRandomCrop, SeedRandomRotFlip

__all__ = [
    'LoadSeedAnnotations',
    'SeedGenerateEdge',
    'SeedRandomCrop',
    'SeedRandomRotFlip',
]
