"""DeepLab-V1's head on a ResNet: one classifier with a large field of view."""

from __future__ import annotations

from mmseg_wsss.registry import MODELS

from .deeplabv2_head import DeepLabV2Head


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
