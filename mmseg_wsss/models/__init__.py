"""Backbones, heads, losses and segmentors that mmseg and mmpretrain lack."""

from .. import registry  # noqa: F401  # patches the dependency stack before mmseg is imported
from . import backbones, heads, losses, segmentors

__all__ = ['backbones', 'heads', 'losses', 'segmentors']
