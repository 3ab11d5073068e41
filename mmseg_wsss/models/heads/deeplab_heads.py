"""The heads of DeepLab-V1 and V2, which mmseg lacks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from ...registry import MODELS


class _SummedClassifiers(nn.Module):
    """Dilated convolutions to the class scores, one a dilation, whose outputs are added."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, dilations: Sequence[int]
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(
                in_channels,
                out_channels,
                kernel_size,
                padding=dilation * (kernel_size // 2),
                dilation=dilation,
            )
            for dilation in dilations
        )

    def forward(self, feature: Tensor) -> Tensor:
        scores = self.branches[0](feature)
        for branch in self.branches[1:]:
            scores = scores + branch(feature)
        return scores


@MODELS.register_module()
class DeepLabV2Head(BaseDecodeHead):
    """The ASPP head of DeepLab-V2 with a ResNet: a sum of 3x3 classifiers.

    Source: Chen et al., "DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous
    Convolution, and Fully Connected CRFs", TPAMI 2018, section 3.2. With a ResNet each branch is
    one convolution from the features to the class scores; there is no hidden layer, and no
    dropout unless ``dropout_ratio`` asks for it. Not to be confused with ``ASPPHead`` of mmseg,
    which is DeepLab-V3's.

    The biases are named ``conv_seg.branches.<i>.bias``, so ``paramwise_cfg.custom_keys`` can give
    them their own learning rate (the recipe's factor of 20).

    Args:
        in_channels (int): Channels of the feature map.
        num_classes (int): Number of classes, background included.
        dilations (Sequence[int]): One branch each.
        kernel_size (int): Odd kernel size of the branches.
        dropout_ratio (float): Channel dropout before the classifiers.
        **kwargs: Passed on to mmseg's ``BaseDecodeHead`` (``in_index``, ``loss_decode``, ...).

    Raises:
        ValueError: If ``dilations`` is empty or holds less than 1, or ``kernel_size`` is even.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        dilations: Sequence[int] = (6, 12, 18, 24),
        kernel_size: int = 3,
        dropout_ratio: float = 0.0,
        **kwargs,
    ) -> None:
        name = type(self).__name__
        if not dilations or min(dilations) < 1:
            raise ValueError(f'{name}: dilations={dilations}, expected one or more, each >= 1.')
        if kernel_size % 2 == 0:
            raise ValueError(f'{name}: kernel_size={kernel_size}, expected an odd number.')
        super().__init__(
            in_channels=in_channels,
            channels=in_channels,  # nothing lies between the features and the classifiers
            num_classes=num_classes,
            dropout_ratio=dropout_ratio,
            **kwargs,
        )
        self.dilations = tuple(dilations)
        # In place of the 1x1 classifier: the base's cls_seg and init_cfg act on it by this name.
        self.conv_seg = _SummedClassifiers(
            in_channels, self.out_channels, kernel_size, self.dilations
        )

    def forward(self, inputs: tuple[Tensor, ...]) -> torch.Tensor:
        """Score every position of the feature map.

        Args:
            inputs (tuple[Tensor]): Feature maps of the backbone; ``in_index`` picks one,
                (B, in_channels, H, W).

        Returns:
            Tensor: Class scores (logits), (B, num_classes, H, W).
        """
        return self.cls_seg(self._transform_inputs(inputs))


@MODELS.register_module()
class DeepLabV1Head(DeepLabV2Head):
    """LargeFOV: a single 3x3 classifier with dilation 12 on stride-8 features.

    Source: Chen et al., "Semantic Image Segmentation with Deep Convolutional Nets and Fully
    Connected CRFs", ICLR 2015 (the 3x3, dilation 12 form of DeepLab-LargeFOV). On VGG two more
    1x1 layers follow; on a ResNet, as with DeepLab-V2, the dilated convolution classifies
    directly: a reading of the paper, which does not spell its head out. A head with a hidden layer
    is mmseg's ``FCNHead(num_convs=1, dilation=12, concat_input=False)``.

    Args:
        in_channels (int): Channels of the feature map.
        num_classes (int): Number of classes, background included.
        dilation (int): Dilation of the classifier.
        **kwargs: As of :class:`DeepLabV2Head`, but for ``dilations``.
    """

    def __init__(self, in_channels: int, num_classes: int, dilation: int = 12, **kwargs) -> None:
        super().__init__(
            in_channels=in_channels, num_classes=num_classes, dilations=(dilation,), **kwargs
        )
