"""Transforms that load seeds with their agreement."""

from .load_seed_annotations import LoadSeedAnnotations
from .seed_generate_edge import SeedGenerateEdge
from .seed_random_crop import SeedRandomCrop
from .seed_random_rot_flip import SeedRandomRotFlip

__all__ = ['LoadSeedAnnotations', 'SeedGenerateEdge', 'SeedRandomCrop', 'SeedRandomRotFlip']
