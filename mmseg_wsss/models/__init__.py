"""Backbones, heads, losses and segmentors that mmseg and mmpretrain lack."""

from . import backbones, heads, losses, segmentors

__all__ = ['backbones', 'heads', 'losses', 'segmentors']
