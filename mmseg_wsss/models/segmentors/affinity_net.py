"""The network that learns affinities: a frozen backbone and a small head."""

from __future__ import annotations

from typing import Any

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor

from ...registry import MODELS


@MODELS.register_module()
class AffinityNet(EncoderDecoder):
    """An encoder-decoder whose backbone stays as it was loaded.

    Only the head learns: the labels, parts of seeds, are too few and too partial for a backbone,
    and without its backward pass a photograph costs a third.

    Args:
        *args: Of mmseg's ``EncoderDecoder``.
        **kwargs: Likewise; ``decode_head`` is an
            :class:`~mmseg_wsss.models.heads.AffinityHead` or a
            :class:`~mmseg_wsss.models.heads.BoundaryHead`.
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

    def affinity_features(self, inputs: Tensor) -> Tensor:
        """What the head makes the affinities of: features, or boundaries.

        Args:
            inputs (Tensor): (B, 3, H, W), normalised.

        Returns:
            Tensor: (B, C, h, w), with the configs of this project features at stride 8 or
            boundaries at stride 4.
        """
        return self.decode_head(self.extract_feat(inputs))
