"""Normalises images as a model's own preprocessor does, without its padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImageNormalizer:
    """Mean, deviation and channel order of a model's ``data_preprocessor``.

    Pipelines of OpenMMLab load images as BGR; a preprocessor with ``to_rgb`` (mmpretrain) or
    ``bgr_to_rgb`` (mmengine, mmseg) then turns them to RGB. So a model without either was trained
    on BGR, and gets BGR here. Padding is left out: it would shift the activation maps.

    Args:
        model (nn.Module): A model with a ``data_preprocessor``, which may normalise nothing.

    Raises:
        ValueError: If the model has no ``data_preprocessor``.
    """

    def __init__(self, model: nn.Module) -> None:
        preprocessor = getattr(model, 'data_preprocessor', None)
        if preprocessor is None:
            raise ValueError(
                f'{type(model).__name__} has no data_preprocessor, so the mean, the deviation and '
                'the channel order that it was trained with are unknown.'
            )
        self.to_bgr = not (
            getattr(preprocessor, 'to_rgb', False)
            or getattr(preprocessor, '_channel_conversion', False)
            or getattr(preprocessor, 'channel_conversion', False)
        )
        self.mean = getattr(preprocessor, 'mean', None)
        self.std = getattr(preprocessor, 'std', None)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise images.

        Args:
            images (Tensor): (B, 3, H, W) uint8 RGB.

        Returns:
            Tensor: (B, 3, H, W) float32 in the model's channel order.
        """
        images = images.to(torch.float32)
        if self.to_bgr:
            images = images.flip(1)
        if self.mean is None:
            return images
        mean = self.mean.to(images).view(1, -1, 1, 1)
        std = self.std.to(images).view(1, -1, 1, 1)
        return (images - mean) / std
