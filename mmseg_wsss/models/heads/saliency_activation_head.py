"""Classifier head that learns from image tags and saliency maps (EPS)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.structures import label_to_onehot
from torch import Tensor, nn

from ...registry import MODELS
from ...seeds.precision import at_least_float32
from .class_activation_head import ClassActivationHead


def estimate_saliency(
    probabilities: Tensor,
    saliency: Tensor,
    tags: Tensor,
    min_overlap: float = 0.4,
    foreground_weight: float = 0.5,
) -> Tensor:
    """Estimate the saliency map that the class maps of a classifier stand for.

    The tagged classes are divided by their overlap with the given saliency map, the share of the
    pixels of a class (probability above 0.5) that are salient (above 0.5). The foreground map is
    the sum of the maps of the classes that overlap by more than ``min_overlap``. The background map
    is that of the background and those of the other tagged classes: a class that is not salient,
    such as the rails below a train, counts as background. Maps of classes without a tag are in
    neither. The estimate is ``foreground_weight * foreground + (1 - foreground_weight) * (1 -
    background)``.

    Args:
        probabilities (Tensor): (B, K, h, w) in [0, 1], the background last.
        saliency (Tensor): (B, h, w) in [0, 1].
        tags (Tensor): (B, K-1), 1 for the classes of the image, 0 for the others.
        min_overlap (float): Overlap above which a class belongs to the foreground map.
        foreground_weight (float): Weight of the foreground map.

    Returns:
        Tensor: (B, h, w) in [0, 1]. The overlap has no gradient.
    """
    maps, background = probabilities[:, :-1], probabilities[:, -1]
    pixels = maps.detach() > 0.5
    salient = pixels & (saliency[:, None] > 0.5)
    overlap = salient.sum(dim=(2, 3)) / pixels.sum(dim=(2, 3)).clamp_min(1)
    overlaps = (overlap > min_overlap).to(maps.dtype)
    foreground = torch.einsum('bk,bkhw->bhw', tags * overlaps, maps)
    background = background + torch.einsum('bk,bkhw->bhw', tags * (1 - overlaps), maps)
    return foreground_weight * foreground + (1 - foreground_weight) * (1 - background)


def saliency_loss(
    logits: Tensor,
    saliency: Tensor,
    tags: Tensor,
    min_overlap: float = 0.4,
    foreground_weight: float = 0.5,
) -> Tensor:
    """Mean squared error between the estimated and the given saliency map.

    The given map is reduced to the size of the class maps by taking the nearest pixel.

    Args:
        logits (Tensor): (B, K, h, w), class maps before the softmax, the background last.
        saliency (Tensor): (B, H, W) in [0, 1], not salient to salient.
        tags (Tensor): (B, K-1), 1 for the classes of the image, 0 for the others.
        min_overlap (float): See :func:`estimate_saliency`.
        foreground_weight (float): See :func:`estimate_saliency`.

    Returns:
        Tensor: The loss, float32 or float64, a scalar.
    """
    logits = at_least_float32(logits)
    given = F.interpolate(saliency[:, None].to(logits.dtype), logits.shape[-2:])[:, 0]
    estimated = estimate_saliency(
        logits.softmax(dim=1), given, tags.to(logits.dtype), min_overlap, foreground_weight
    )
    return F.mse_loss(estimated, given)


@MODELS.register_module()
class SaliencyActivationHead(ClassActivationHead):
    """Class-activation head with a background map that learns from tags and saliency maps.

    Source: Lee, Lee, Lee and Shim, "Railroad is not a Train: Saliency as Pseudo-pixel Supervision
    for Weakly Supervised Semantic Segmentation" (EPS), CVPR 2021. The class layer has K outputs.
    The loss is the multi-label soft margin loss of the K-1 pooled foreground scores plus
    :func:`saliency_loss`. Both have the weight 1.

    Certain, as the paper says: the estimate, its weight 0.5, which classes count as background, the
    overlap, binarised at 0.5, and its threshold 0.4. From the authors' code, not in the paper: the
    softmax over the K maps, the nearest pixel of the saliency map, no loss on the pooled
    background score, no gradient through the overlap. A reading: ``dropout``, which is that of
    :class:`ClassActivationHead` and drops the same channels of all pixels.

    The data samples need ``gt_saliency``, uint8 (H, W): see
    :class:`mmseg_wsss.datasets.transforms.LoadSaliency`. Validation and seeds need no saliency
    maps. Seeds made from this head have the supervision I+S.

    Args:
        num_classes (int): Number of foreground classes, K-1.
        in_channels (int): Channels of the backbone's last feature map.
        min_overlap (float): Share of a class's pixels that must be salient, in [0, 1].
        foreground_weight (float): Weight of the foreground map in the estimate, in [0, 1].
        saliency_weight (float): Weight of the saliency loss, at least 0.
        loss (dict, optional): Loss of the foreground scores. By default the multi-label soft margin
            loss: the binary cross entropy, its mean over the classes.
        **kwargs: Of :class:`ClassActivationHead`.

    Raises:
        ValueError: If an argument is out of its range, a feature map does not fit, or the data
            samples have no saliency map.
    """

    supervision = 'I+S'

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        min_overlap: float = 0.4,
        foreground_weight: float = 0.5,
        saliency_weight: float = 1.0,
        loss: dict | None = None,
        **kwargs: Any,
    ) -> None:
        shares = dict(min_overlap=min_overlap, foreground_weight=foreground_weight)
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise ValueError(f'SaliencyActivationHead: {name} must be in [0, 1], got {value}.')
        if not saliency_weight >= 0:
            raise ValueError(
                'SaliencyActivationHead: saliency_weight must be at least 0, got '
                f'{saliency_weight}.'
            )
        if loss is None:
            # mmpretrain divides the sum by the number of images alone.
            loss = dict(
                type='mmpretrain.CrossEntropyLoss',
                use_sigmoid=True,
                loss_weight=1 / max(num_classes, 1),
            )
        super().__init__(num_classes, in_channels, loss=loss, **kwargs)
        self.min_overlap, self.foreground_weight = min_overlap, foreground_weight
        self.saliency_weight = saliency_weight
        self.class_layer = nn.Conv2d(in_channels, num_classes + 1, kernel_size=1, bias=False)

    @property
    def class_weight(self) -> Tensor:
        """Rows of the foreground classes, (K-1, C)."""
        return super().class_weight[:-1]

    @property
    def background_weight(self) -> Tensor:
        """Row of the background, (1, C)."""
        return super().class_weight[-1:]

    def forward(self, feats: Tensor | tuple[Tensor, ...]) -> Tensor:
        """Foreground scores before the sigmoid, (B, K-1)."""
        return super().forward(feats)[:, :-1]

    def loss(
        self, feats: Tensor | tuple[Tensor, ...], data_samples: Sequence[Any], **kwargs: Any
    ) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            feats (Tensor | tuple[Tensor]): Output of the backbone; of a tuple the last.
            data_samples (Sequence[DataSample]): With ``gt_label`` and ``gt_saliency``.
            **kwargs: Passed on to the loss of the foreground scores.

        Returns:
            dict[str, Tensor]: ``loss_cls`` and ``loss_saliency``.
        """
        maps = self.class_layer(self.dropout(self.feature_map(feats)))
        classification = self._get_loss(maps[:, :-1].mean(dim=(2, 3)), data_samples, **kwargs)
        tags = torch.stack(
            [label_to_onehot(sample.gt_label, self.num_classes) for sample in data_samples]
        )
        saliency = self.saliency_weight * saliency_loss(
            maps,
            _read_saliency(data_samples).to(maps.device) / 255,
            tags.to(maps.device),
            self.min_overlap,
            self.foreground_weight,
        )
        return dict(loss_cls=classification['loss'], loss_saliency=saliency)


def _read_saliency(data_samples: Sequence[Any]) -> Tensor:
    """Saliency maps (B, H, W) uint8 of a batch."""
    if any('gt_saliency' not in sample for sample in data_samples):
        raise ValueError(
            'SaliencyActivationHead: an image came without a saliency map. As configs/cls/eps_*.py '
            'do, set data_prefix.saliency_path of the training data set, and use LoadSaliency, '
            "TransformWithSaliency and PackInputs(algorithm_keys=['gt_saliency']) in its pipeline."
        )
    return torch.stack([torch.as_tensor(sample.gt_saliency) for sample in data_samples])
