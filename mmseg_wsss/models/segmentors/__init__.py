"""Segmentors that mmseg lacks."""

from .affinity_net import AffinityNet
from .merged_tta_model import MergedTTAModel

__all__ = ['AffinityNet', 'MergedTTAModel']
