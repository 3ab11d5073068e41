"""Classifier head whose class layer doubles as the maker of activation maps."""

from __future__ import annotations

import torch
from mmpretrain.models.heads import MultiLabelClsHead
from torch import Tensor, nn

from ...registry import MODELS


@MODELS.register_module()
class ClassActivationHead(MultiLabelClsHead):
    """Dropout2d, a 1x1 class layer without bias and global average pooling.

    The class-activation map of a class is the product of its row of the class layer with the last
    feature map (Zhou et al., CVPR 2016), so the head works after any backbone whose last output
    is spatial: ResNet, MobileNetV2, MiT, Swin, ConvNeXt with ``gap_before_final_norm=False``.

    Pooling and the class layer are linear and Dropout2d zeroes whole channels, hence pooling first
    gives the same scores for less work.

    Args:
        num_classes (int): Number of foreground classes, K-1.
        in_channels (int): Channels of the backbone's last feature map.
        dropout (float): Training-time probability of dropping a channel of the feature map that
            enters the class layer, in [0, 1). The seeds' dropout rates are independent of it.
        loss (dict, optional): Multi-label loss of mmpretrain. By default the binary cross entropy.
        thr (float, optional): Score from which a class counts as predicted. Defaults to 0.5 if
            ``topk`` is not given.
        topk (int, optional): Number of classes predicted per image, instead of ``thr``.
        init_cfg (dict, optional): Initialisation. By default normal with deviation 0.01.

    Raises:
        ValueError: If an argument is out of its range, or a feature map does not fit.

    Attributes:
        supervision (str): What it learns from: ``'I'``, image tags, or ``'I+S'``, image tags and
            saliency maps.
    """

    supervision = 'I'

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        dropout: float = 0.0,
        loss: dict | None = None,
        thr: float | None = None,
        topk: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if num_classes < 1:
            raise ValueError(
                f'ClassActivationHead: num_classes counts foreground classes and must be at '
                f'least 1, got {num_classes}.'
            )
        if not 0 <= dropout < 1:
            raise ValueError(f'ClassActivationHead: dropout must be in [0, 1), got {dropout}.')
        super().__init__(
            # The scope is spelled out: under default_scope='mmseg' a bare name is mmseg's loss.
            loss=dict(type='mmpretrain.CrossEntropyLoss', use_sigmoid=True)
            if loss is None
            else loss,
            thr=thr,
            topk=topk,
            init_cfg=dict(type='Normal', layer='Conv2d', std=0.01)
            if init_cfg is None
            else init_cfg,
        )
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.dropout = nn.Dropout2d(dropout)
        self.class_layer = nn.Conv2d(in_channels, num_classes, kernel_size=1, bias=False)

    @property
    def class_weight(self) -> Tensor:
        """Rows of the class layer, (K-1, C)."""
        return self.class_layer.weight.flatten(1)

    def feature_map(self, feats: Tensor | tuple[Tensor, ...]) -> Tensor:
        """The map that enters the class layer, checked.

        Args:
            feats (Tensor | tuple[Tensor]): Output of the backbone; of a tuple the last.

        Returns:
            Tensor: (B, C, h, w).
        """
        last = feats[-1] if isinstance(feats, (tuple, list)) else feats
        if not torch.is_tensor(last) or last.ndim != 4:
            shape = tuple(last.shape) if torch.is_tensor(last) else type(last).__name__
            raise ValueError(
                'ClassActivationHead needs a spatial feature map (B, C, h, w) as the last output '
                f'of the backbone, got {shape}. Use no neck, and an option such as '
                "gap_before_final_norm=False (ConvNeXt) or out_type='featmap' (ViT)."
            )
        if last.shape[1] != self.in_channels:
            raise ValueError(
                f'ClassActivationHead: the feature map has {last.shape[1]} channels, in_channels '
                f'is {self.in_channels}.'
            )
        return last

    def pre_logits(self, feats: Tensor | tuple[Tensor, ...]) -> Tensor:
        """Pooled features, (B, C)."""
        return self.feature_map(feats).mean(dim=(2, 3))

    def forward(self, feats: Tensor | tuple[Tensor, ...]) -> Tensor:
        """Class scores before the sigmoid, (B, K-1)."""
        pooled = self.dropout(self.pre_logits(feats)[..., None, None])
        return self.class_layer(pooled).flatten(1)
