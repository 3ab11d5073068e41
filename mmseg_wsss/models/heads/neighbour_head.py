"""What the heads of affinity networks have in common: joined projections, pairs of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...seeds.affinity import affinity_loss
from ...seeds.neighbours import PairAffinity, neighbour_offsets


class NeighbourHead(BaseModule):
    """A head that learns which neighbouring pixels belong together.

    It projects several feature maps of the backbone, joins them at the resolution of the first, and
    learns from pairs of confident pixels of seeds; all others are 255.

    Args:
        projections (Sequence[nn.Module]): One for each feature map, the finest first.
        activation (Callable): Follows every projection.
        affinity (PairAffinity): Affinities of neighbours from what the head makes.
        radius (float): Pixels of the first feature map within which pairs are learned.
        walk_radius (float): Pixels within which the random walk steps.
        ignore_index (int): Label that does not count.
        init_cfg (dict, optional): Initialisation.
        in_index (Sequence[int], optional): Which of the backbone's feature maps are read, where
            another head reads others. By default all.

    Raises:
        ValueError: If an argument makes no sense, or the feature maps do not fit.
    """

    # mmseg's EncoderDecoder asks a decode head for these.
    align_corners = False

    def __init__(
        self,
        projections: Sequence[nn.Module],
        activation: Callable[[Tensor], Tensor],
        affinity: PairAffinity,
        radius: float,
        walk_radius: float,
        ignore_index: int,
        init_cfg: dict | list | None,
        in_index: Sequence[int] | None,
    ) -> None:
        neighbour_offsets(min(radius, walk_radius))
        if in_index is not None and len(in_index) != len(projections):
            raise ValueError(
                f'{type(self).__name__}: in_index={tuple(in_index)} and in_channels must be as '
                f'many, in_channels has {len(projections)}.'
            )
        super().__init__(init_cfg)
        self.projections, self.activation = nn.ModuleList(projections), activation
        self.pair_affinity, self.radius, self.walk_radius = affinity, radius, walk_radius
        self.ignore_index, self.in_index = ignore_index, in_index

    def join(self, inputs: Sequence[Tensor]) -> Tensor:
        """Project feature maps and join them.

        Args:
            inputs (Sequence[Tensor]): (B, C_i, h_i, w_i) of the backbone, the finest first.

        Returns:
            Tensor: (B, sum of the projections' channels, h, w) of the first that is read.
        """
        given, where = len(inputs), ''
        if self.in_index is not None:
            inputs = [inputs[index] for index in self.in_index if index < given]
            where = f' and in_index is {tuple(self.in_index)}'
        if len(inputs) != len(self.projections):
            raise ValueError(
                f'{type(self).__name__}: the backbone gives {given} feature maps, in_channels has '
                f'{len(self.projections)}{where}; set out_indices of the backbone.'
            )
        size = inputs[0].shape[-2:]
        parts = []
        for feature, projection in zip(inputs, self.projections, strict=True):
            part = self.activation(projection(feature))
            if part.shape[-2:] != size:
                part = F.interpolate(part, size, mode='bilinear', align_corners=False)
            parts.append(part)
        return torch.cat(parts, dim=1)

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
        return affinity_loss(features, labels, self.radius, self.ignore_index, self.pair_affinity)

    def predict(self, inputs: Sequence[Tensor], *args: Any) -> Tensor:
        """Refuse: an affinity network has features, no masks."""
        raise NotImplementedError(
            'An affinity network predicts no masks. Name its checkpoint in a refiner of the seeds: '
            "seed_generation.refine=[dict(type='AffinityRefiner', ...), ...]."
        )
