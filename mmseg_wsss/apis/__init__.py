"""What a script or a notebook imports."""

from .. import registry  # noqa: F401  # patches the dependency stack before mmseg is imported
from ..evaluation import evaluate_seed_root
from .aggregate_folders import Aggregation, aggregate_folders
from .background_study import background_curve, study_background
from .evaluate_seeds import evaluate_seeds
from .generate_seeds import check_generation, generate_seeds
from .inferencer import Inferencer, Segmentation
from .make_pseudo_masks import make_pseudo_masks
from .predict import predict_folder
from .visualize_seeds import visualize_seeds

__all__ = [
    'Aggregation',
    'Inferencer',
    'Segmentation',
    'aggregate_folders',
    'background_curve',
    'check_generation',
    'evaluate_seed_root',
    'evaluate_seeds',
    'generate_seeds',
    'make_pseudo_masks',
    'predict_folder',
    'study_background',
    'visualize_seeds',
]
