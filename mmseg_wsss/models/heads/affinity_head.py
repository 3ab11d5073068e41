"""The head of AffinityNet: features whose distances tell the pixels of one object from others."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ...seeds.neighbours import pair_affinity
from .neighbour_head import NeighbourHead


@MODELS.register_module()
class AffinityHead(NeighbourHead):
    """Features of which near ones are alike where pixels belong together.

    Source: Ahn and Kwak, "Learning Pixel-level Semantic Affinity with Image-level Supervision for
    Weakly Supervised Semantic Segmentation", CVPR 2018: a 1x1 convolution and ELU for each feature
    map, concatenated, then a 1x1 convolution and ELU. None has a bias.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's feature maps, the finest first.
        channels (Sequence[int]): Channels of their projections, as many.
        radius (float): Pixels of the first feature map within which pairs are made and walked.
        ignore_index (int): Label that does not count.
        init_cfg (dict, optional): Initialisation. By default Kaiming for the projections and Xavier
            with a gain of 4 for the last convolution, as the authors' code has it.
        in_index (Sequence[int], optional): Which of the backbone's feature maps are read; all by
            default.

    Raises:
        ValueError: If an argument makes no sense, or the feature maps do not fit.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: Sequence[int] = (64, 128, 256),
        radius: float = 5,
        ignore_index: int = 255,
        init_cfg: dict | list | None = None,
        in_index: Sequence[int] | None = None,
    ) -> None:
        if not in_channels or len(in_channels) != len(channels):
            raise ValueError(
                f'AffinityHead: in_channels={in_channels} and channels={channels} must be as many, '
                'at least one.'
            )
        projections = [
            nn.Conv2d(one, other, 1, bias=False)
            for one, other in zip(in_channels, channels, strict=True)
        ]
        super().__init__(
            projections, F.elu, pair_affinity, radius, radius, ignore_index, init_cfg, in_index
        )
        self.num_classes = self.out_channels = sum(channels)
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
        """Make the features.

        Args:
            inputs (Sequence[Tensor]): (B, C_i, h_i, w_i) of the backbone, the finest first.

        Returns:
            Tensor: (B, C, h_0, w_0).
        """
        return F.elu(self.joint(self.join(inputs)))
