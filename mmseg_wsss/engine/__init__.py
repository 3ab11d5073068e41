"""What runs: hooks and the seed generation they drive."""

from . import hooks, loops
from .activation_extractor import ActivationExtractor
from .seed_config import generate_seeds, read_images
from .seed_generation import SeedGenerator
from .seed_image import SeedImage
from .seed_summary import SeedSummary

__all__ = [
    'ActivationExtractor',
    'SeedGenerator',
    'SeedImage',
    'SeedSummary',
    'generate_seeds',
    'hooks',
    'loops',
    'read_images',
]
