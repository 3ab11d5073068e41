"""The head of AffinityNet: features whose distances tell the pixels of one object from others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...registry import MODELS
from ...seeds.affinity import affinity_loss, neighbour_offsets


@MODELS.register_module()
class AffinityHead(BaseModule):
    """Projections of several feature maps, joined at the resolution of the first.

    Source: Ahn and Kwak, "Learning Pixel-level Semantic Affinity with Image-level Supervision for
    Weakly Supervised Semantic Segmentation", CVPR 2018: a 1x1 convolution and ELU for each feature
    map, concatenated, then a 1x1 convolution and ELU. None has a bias. Trained on the confident
    pixels of seeds; all others are 255.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's feature maps, the finest first.
        channels (Sequence[int]): Channels of their projections, as many.
        radius (float): Pixels of the first feature map within which pairs are made.
        ignore_index (int): Label that does not count.
        init_cfg (dict, optional): Initialisation. By default Kaiming for the projections and Xavier
            with a gain of 4 for the last convolution, as the authors' code has it.

    Raises:
        ValueError: If an argument makes no sense, or the feature maps do not fit.
    """

    # mmseg's EncoderDecoder asks a decode head for these.
    align_corners = False

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: Sequence[int] = (64, 128, 256),
        radius: float = 5,
        ignore_index: int = 255,
        init_cfg: dict | list | None = None,
    ) -> None:
        if not in_channels or len(in_channels) != len(channels):
            raise ValueError(
                f'AffinityHead: in_channels={in_channels} and channels={channels} must be as many, '
                'at least one.'
            )
        neighbour_offsets(radius)
        super().__init__(init_cfg)
        self.radius, self.ignore_index = radius, ignore_index
        self.num_classes = self.out_channels = sum(channels)
        self.projections = nn.ModuleList(
            nn.Conv2d(one, other, 1, bias=False)
            for one, other in zip(in_channels, channels, strict=True)
        )
        self.joint = nn.Conv2d(self.out_channels, self.out_channels, 1, bias=False)

    def init_weights(self) -> None:
        """Initialise the weights."""
        if self.init_cfg is not None:
            super().init_weights()
            return
        for projection in self.projections:
            nn.init.kaiming_normal_(projection.weight)
        nn.init.xavier_uniform_(self.joint.weight, gain=4)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Join the feature maps.

        Args:
            inputs (Sequence[Tensor]): (B, C_i, h_i, w_i) of the backbone, the finest first.

        Returns:
            Tensor: (B, C, h_0, w_0).
        """
        if len(inputs) != len(self.projections):
            raise ValueError(
                f'AffinityHead: the backbone gives {len(inputs)} feature maps, in_channels has '
                f'{len(self.projections)}; set out_indices of the backbone.'
            )
        size = inputs[0].shape[-2:]
        parts = []
        for feature, projection in zip(inputs, self.projections, strict=True):
            part = F.elu(projection(feature))
            if part.shape[-2:] != size:
                part = F.interpolate(part, size, mode='bilinear', align_corners=False)
            parts.append(part)
        return F.elu(self.joint(torch.cat(parts, dim=1)))

    def loss(
        self, inputs: Sequence[Tensor], batch_data_samples: Sequence[Any], train_cfg: Any = None
    ) -> dict[str, Tensor]:
        """Loss of a batch, see :func:`mmseg_wsss.seeds.affinity.affinity_loss`.

        Args:
            inputs (Sequence[Tensor]): Feature maps.
            batch_data_samples (Sequence[SegDataSample]): Whose ``gt_sem_seg`` has labels (1, H, W);
                the nearest pixel gives the label of a pixel of the feature map.
            train_cfg (Any): Not used; mmseg passes it.

        Returns:
            dict[str, Tensor]: The three terms of the loss.
        """
        features = self(inputs)
        labels = torch.stack([sample.gt_sem_seg.data for sample in batch_data_samples]).float()
        labels = F.interpolate(labels, features.shape[-2:], mode='nearest')[:, 0].long()
        return affinity_loss(features, labels, self.radius, self.ignore_index)

    def predict(self, inputs: Sequence[Tensor], *args: Any) -> Tensor:
        """Refuse: an affinity network has features, no masks."""
        raise NotImplementedError(
            'An affinity network predicts no masks. Name its checkpoint in a refiner of the seeds: '
            "seed_generation.refine=[dict(type='AffinityRefiner', ...), ...]."
        )
