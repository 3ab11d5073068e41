"""What a script or a notebook imports."""

from .. import registry  # noqa: F401  # mends the dependency stack before mmseg is imported
from ..generation.settings import read_images, seed_dataset
from .background_study import study_background
from .generate_seeds import generate_seeds

__all__ = ['generate_seeds', 'read_images', 'seed_dataset', 'study_background']
