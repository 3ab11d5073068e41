"""Segmentors that mmseg lacks."""

from .fused_loss_encoder_decoder import FusedLossEncoderDecoder
from .merged_tta_model import MergedTTAModel

__all__ = ['FusedLossEncoderDecoder', 'MergedTTAModel']
