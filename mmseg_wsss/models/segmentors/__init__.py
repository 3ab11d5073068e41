"""Segmentors that mmseg lacks."""

from .affinity_net import AffinityNet
from .co_training_encoder_decoder import CoTrainingEncoderDecoder
from .merged_tta_model import MergedTTAModel
from .teacher_encoder_decoder import TeacherEncoderDecoder

__all__ = ['AffinityNet', 'CoTrainingEncoderDecoder', 'MergedTTAModel', 'TeacherEncoderDecoder']
