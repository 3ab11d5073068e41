"""Heads that mmseg and mmpretrain lack."""

from .class_activation_head import ClassActivationHead
from .deeplab_heads import DeepLabV1Head, DeepLabV2Head
from .fused_loss_head import FusedLossHead, fused_head_class
from .pn_mask2former_head import PNMask2FormerHead

__all__ = [
    'ClassActivationHead',
    'DeepLabV1Head',
    'DeepLabV2Head',
    'FusedLossHead',
    'PNMask2FormerHead',
    'fused_head_class',
]
