"""The head of IRN's boundary branch: where the classes of a photograph meet."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ...seeds.boundary import boundary_affinity
from ...seeds.precision import at_least_float32
from .neighbour_head import NeighbourHead


@MODELS.register_module()
class BoundaryHead(NeighbourHead):
    """A map of class boundaries; neighbours belong together that none of them parts.

    Source: Ahn, Cho and Kwak, "Weakly Supervised Learning of Instance Segmentation with Inter-pixel
    Relations", CVPR 2019 (IRN), its boundary branch: a 1x1 convolution, group normalisation and
    ReLU for each feature map, concatenated, then a 1x1 convolution and the sigmoid. No boundary is
    ever labelled; one is learned where pixels of two labels have to be parted.

    Readings: the backbone's stages from the first one on (the authors read its stem as well), and
    pairs within 7 pixels instead of 10, half the time.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's feature maps, the finest first.
        channels (int): Channels of each projection.
        radius (float): Pixels of the first feature map within which pairs are learned.
        walk_radius (float): Pixels within which the random walk steps.
        num_groups (int): Groups of the normalisation.
        ignore_index (int): Label that does not count.
        init_cfg (dict, optional): Initialisation.
        in_index (Sequence[int], optional): Which of the backbone's feature maps are read; all by
            default.

    Raises:
        ValueError: If an argument makes no sense, or the feature maps do not fit.
    """

    num_classes = out_channels = 1

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 32,
        radius: float = 7,
        walk_radius: float = 5,
        num_groups: int = 4,
        ignore_index: int = 255,
        init_cfg: dict | list | None = None,
        in_index: Sequence[int] | None = None,
    ) -> None:
        if not in_channels:
            raise ValueError('BoundaryHead: in_channels names no feature map.')
        projections = [
            nn.Sequential(
                nn.Conv2d(one, channels, 1, bias=False), nn.GroupNorm(num_groups, channels)
            )
            for one in in_channels
        ]
        super().__init__(
            projections,
            F.relu,
            boundary_affinity,
            radius,
            walk_radius,
            ignore_index,
            init_cfg,
            in_index,
        )
        self.joint = nn.Conv2d(len(projections) * channels, 1, 1)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Make the map of boundaries.

        Args:
            inputs (Sequence[Tensor]): (B, C_i, h_i, w_i) of the backbone, the finest first.

        Returns:
            Tensor: (B, 1, h_0, w_0) in [0, 1], at least float32.
        """
        # In half precision a boundary near 1 would be 1, and -log(1 - B) without a slope.
        return at_least_float32(self.joint(self.join(inputs))).sigmoid()
