"""What runs: hooks and the seed generation they drive."""

from . import hooks, loops
from .activation_extractor import ActivationExtractor
from .class_activation import class_activation
from .classifier import load_classifier
from .seed_config import generate_seeds, read_images
from .seed_generation import SeedGenerator
from .seed_image import SeedImage
from .seed_summary import SeedSummary

__all__ = [
    'ActivationExtractor',
    'SeedGenerator',
    'SeedImage',
    'SeedSummary',
    'class_activation',
    'generate_seeds',
    'hooks',
    'load_classifier',
    'loops',
    'read_images',
]
