"""What a script or a notebook imports."""

from .. import registry  # noqa: F401  # patches the dependency stack before mmseg is imported
from ..evaluation import evaluate_seed_root
from .background_study import background_curve, study_background
from .evaluate_seeds import evaluate_seeds
from .generate_seeds import check_generation, generate_seeds
from .inferencer import Inferencer, Segmentation
from .predict import predict_folder
from .visualize_seeds import visualize_seeds

__all__ = [
    'Inferencer',
    'Segmentation',
    'background_curve',
    'check_generation',
    'evaluate_seed_root',
    'evaluate_seeds',
    'generate_seeds',
    'predict_folder',
    'study_background',
    'visualize_seeds',
]
