"""What runs: hooks and the seed generation they drive."""

from . import hooks, loops, optimizers
from .activation_extractor import ActivationExtractor
from .activation_stream import activation_stream
from .background_study import study_background
from .class_activation import class_activation
from .classifier import load_classifier
from .seed_config import generate_seeds, read_images, seed_dataset
from .seed_generation import SeedGenerator
from .seed_image import SeedImage
from .seed_summary import SeedSummary

__all__ = [
    'ActivationExtractor',
    'SeedGenerator',
    'SeedImage',
    'SeedSummary',
    'activation_stream',
    'class_activation',
    'generate_seeds',
    'hooks',
    'load_classifier',
    'loops',
    'optimizers',
    'read_images',
    'seed_dataset',
    'study_background',
]
