"""Scores of seeds and predictions."""

from .agreement_scores import AgreementScore, score_agreement
from .background_curve import BackgroundCurve, count_background, rank_activation
from .background_tables import BACKGROUND_CURVE_TITLE, background_tables
from .calibration import Calibration, count_agreement
from .evaluation_tables import CALIBRATION_TITLE, evaluation_tables
from .image_choice import choose_images
from .image_statistics import ImageStatistics, image_statistics, label_quality, rank_suspicious
from .label_patterns import LabelPatterns, count_patterns
from .oracles import intersection_of_seeds, union_of_seeds
from .seed_evaluation import EvaluationSetting, SeedEvaluation, count_image
from .seed_pairs import SeedPairs, compare_seeds
from .seed_root_evaluation import SeedRootEvaluation, evaluate_seed_root
from .seed_scores import SeedScore, confusion_matrix, mean_of_classes, score_masks
from .subset_study import SubsetStudy, all_subsets, study_subsets
from .table import Table
from .trimap import boundary_band
from .truth_folder import TruthFolder

__all__ = [
    'AgreementScore',
    'BACKGROUND_CURVE_TITLE',
    'BackgroundCurve',
    'CALIBRATION_TITLE',
    'Calibration',
    'EvaluationSetting',
    'ImageStatistics',
    'LabelPatterns',
    'SeedEvaluation',
    'SeedPairs',
    'SeedRootEvaluation',
    'SeedScore',
    'SubsetStudy',
    'Table',
    'TruthFolder',
    'all_subsets',
    'background_tables',
    'boundary_band',
    'choose_images',
    'compare_seeds',
    'confusion_matrix',
    'count_agreement',
    'count_background',
    'count_image',
    'count_patterns',
    'evaluate_seed_root',
    'evaluation_tables',
    'image_statistics',
    'intersection_of_seeds',
    'label_quality',
    'mean_of_classes',
    'rank_activation',
    'rank_suspicious',
    'score_agreement',
    'score_masks',
    'study_subsets',
    'union_of_seeds',
]
