"""Segmentors that mmseg lacks."""

from .affinity_net import AffinityNet
from .merged_tta_model import MergedTTAModel
from .teacher_encoder_decoder import TeacherEncoderDecoder

__all__ = ['AffinityNet', 'MergedTTAModel', 'TeacherEncoderDecoder']
