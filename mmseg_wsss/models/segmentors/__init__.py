"""Segmentors that mmseg lacks."""

from .merged_tta_model import MergedTTAModel

__all__ = ['MergedTTAModel']
