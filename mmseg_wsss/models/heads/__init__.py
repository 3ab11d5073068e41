"""Heads that mmseg and mmpretrain lack."""

from .class_activation_head import ClassActivationHead
from .deeplabv1_head import DeepLabV1Head
from .deeplabv2_head import DeepLabV2Head
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
