"""From a trained classifier to seeds on disk; pseudo masks of trained networks."""

from .. import registry  # noqa: F401  # patches the dependency stack before mmseg is imported
from .activations import activation_stream, class_activation
from .classifiers import load_classifier
from .extractor import ActivationExtractor, ClassProbability
from .images import SeedImage, read_images
from .pipeline import SeedSummary
from .refiners import AffinityRefiner, PAMRRefiner, SaliencyFusion
from .seed_generator import SeedGenerator
from .settings import BackgroundScore, SeedSettings
from .sources import SeedSource

__all__ = [
    'ActivationExtractor',
    'ClassProbability',
    'AffinityRefiner',
    'BackgroundScore',
    'PAMRRefiner',
    'SaliencyFusion',
    'SeedSource',
    'SeedGenerator',
    'SeedSettings',
    'read_images',
    'SeedImage',
    'SeedSummary',
    'activation_stream',
    'class_activation',
    'load_classifier',
]
