"""Hooks of classifier and segmentor training."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .channels_last_hook import ChannelsLastHook
from .divergence_hook import DivergenceHook
from .early_learning_hook import EarlyLearningHook
from .initial_weights_hook import InitialWeightsHook
from .multi_seed_cam_hook import MultiSeedCAMHook
from .painted_predictions_hook import PaintedPredictionsHook
from .resumable_randomness_hook import ResumableRandomnessHook
from .scores_logger_hook import ScoresLoggerHook
from .seed_picture_hook import SeedPictureHook
from .seed_statistics_hook import SeedStatisticsHook
from .tags_to_loss_hook import TagsToLossHook
from .teacher_hook import TeacherHook

__all__ = [
    'AtomicCheckpointHook',
    'ChannelsLastHook',
    'DivergenceHook',
    'EarlyLearningHook',
    'InitialWeightsHook',
    'MultiSeedCAMHook',
    'PaintedPredictionsHook',
    'ResumableRandomnessHook',
    'ScoresLoggerHook',
    'SeedPictureHook',
    'SeedStatisticsHook',
    'TagsToLossHook',
    'TeacherHook',
]
