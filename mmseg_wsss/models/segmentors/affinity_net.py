"""The network that learns affinities: a frozen backbone and one or two small heads."""

from __future__ import annotations

from typing import Any

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor

from ...registry import MODELS
from ..heads.neighbour_head import NeighbourHead


@MODELS.register_module()
class AffinityNet(EncoderDecoder):
    """An encoder-decoder whose backbone stays as it was loaded.

    Only its heads learn: the labels, parts of seeds, are too few and too partial for a backbone,
    and without its backward pass a photograph costs a third.

    Args:
        *args: Of mmseg's ``EncoderDecoder``.
        **kwargs: Likewise; ``decode_head`` is an
            :class:`~mmseg_wsss.models.heads.AffinityHead` or a
            :class:`~mmseg_wsss.models.heads.BoundaryHead`, and ``auxiliary_head`` may be the other:
            both learn from one pass of the backbone, and seeds take the mean of their walks.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> AffinityNet:
        """Set the mode; the backbone stays in evaluation mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    @torch.no_grad()
    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Feature maps of the frozen backbone.

        Args:
            inputs (Tensor): (B, 3, H, W), normalised.
        """
        return super().extract_feat(inputs)

    @property
    def neighbour_heads(self) -> list[NeighbourHead]:
        """The heads, the decode head first."""
        others = self.auxiliary_head if self.with_auxiliary_head else ()
        if isinstance(others, NeighbourHead):  # one alone stands in no list
            others = (others,)
        return [self.decode_head, *others]

    def affinity_features(self, inputs: Tensor) -> list[Tensor]:
        """What each head makes the affinities of: features, or boundaries.

        Args:
            inputs (Tensor): (B, 3, H, W), normalised.

        Returns:
            list[Tensor]: (B, C, h, w) of each of :attr:`neighbour_heads`; with the configs of this
            project features at stride 8 and boundaries at stride 4.
        """
        maps = self.extract_feat(inputs)
        return [head(maps) for head in self.neighbour_heads]
