"""Scores of seeds and predictions."""

from .agreement import AgreementScore, Calibration, count_agreement, score_agreement
from .background_curve import BackgroundCurve, count_background, rank_activation
from .data import background_data, evaluation_data, score_data
from .image_statistics import (
    ImageStatistics,
    choose_images,
    image_statistics,
    label_quality_score,
    rank_suspicious,
)
from .scores import (
    GroundTruthFolder,
    SeedScore,
    boundary_band,
    confusion_matrix,
    mean_of_classes,
    score_masks,
)
from .seed_evaluation import EvaluationSetting, SeedEvaluation, count_image
from .seed_pairs import SeedPairs, compare_seeds, intersection_of_seeds, union_of_seeds
from .seed_root_evaluation import SeedRootEvaluation, evaluate_seed_root
from .subsets import LabelPatterns, SubsetStudy, all_subsets, count_patterns, study_subsets

__all__ = [
    'background_data',
    'evaluation_data',
    'score_data',
    'AgreementScore',
    'BackgroundCurve',
    'Calibration',
    'EvaluationSetting',
    'ImageStatistics',
    'LabelPatterns',
    'SeedEvaluation',
    'SeedPairs',
    'SeedRootEvaluation',
    'SeedScore',
    'SubsetStudy',
    'GroundTruthFolder',
    'all_subsets',
    'boundary_band',
    'choose_images',
    'compare_seeds',
    'confusion_matrix',
    'count_agreement',
    'count_background',
    'count_image',
    'count_patterns',
    'evaluate_seed_root',
    'image_statistics',
    'intersection_of_seeds',
    'label_quality_score',
    'mean_of_classes',
    'rank_activation',
    'rank_suspicious',
    'score_agreement',
    'score_masks',
    'study_subsets',
    'union_of_seeds',
]
