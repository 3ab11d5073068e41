"""Heads that mmseg and mmpretrain lack."""

from .affinity_head import AffinityHead
from .boundary_head import BoundaryHead
from .class_activation_head import ClassActivationHead
from .deeplab_heads import DeepLabV1Head, DeepLabV2Head
from .pn_mask2former_head import PNMask2FormerHead
from .saliency_activation_head import SaliencyActivationHead

__all__ = [
    'AffinityHead',
    'BoundaryHead',
    'ClassActivationHead',
    'DeepLabV1Head',
    'DeepLabV2Head',
    'PNMask2FormerHead',
    'SaliencyActivationHead',
]
