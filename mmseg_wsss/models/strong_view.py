"""A strongly distorted view of a batch, and the loss that asks for the same prediction on it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor, nn
from torchvision import transforms

from .pseudo_supervision import check_kinds, pseudo_label_loss


class StrongView(nn.Module):
    """Colour jitter, greyscale, blur and CutOut, drawn anew for each image; geometry stays.

    Its parts are torchvision's and draw from torch's global generator. Which parts and how strong
    is a choice, that of semi-supervised segmentation (CutMix-Seg, ST++); DuPL draws from
    RandAugment.

    Args:
        brightness (float): Largest relative change, >= 0; 0 leaves it alone, as everywhere here.
        contrast (float): Largest relative change, >= 0.
        saturation (float): Largest relative change, >= 0.
        hue (float): Largest shift as a share of the colour circle, 0 to 0.5.
        jitter_probability (float): That an image's colours are changed, 0 to 1.
        grey_probability (float): That it becomes grey, 0 to 1.
        blur_probability (float): That it is blurred, 0 to 1.
        blur (Sequence[float]): Range of the blur's standard deviation in pixels, > 0.
        cutout_probability (float): That a rectangle is cut out, 0 to 1.
        cutout (Sequence[float]): Range of its share of the image, in [0, 1].

    Raises:
        ValueError: If a value is out of range.
    """

    def __init__(
        self,
        brightness: float = 0.5,
        contrast: float = 0.5,
        saturation: float = 0.5,
        hue: float = 0.25,
        jitter_probability: float = 0.8,
        grey_probability: float = 0.2,
        blur_probability: float = 0.5,
        blur: Sequence[float] = (0.1, 2.0),
        cutout_probability: float = 0.5,
        cutout: Sequence[float] = (0.02, 0.2),
    ) -> None:
        super().__init__()
        for name, value in (
            ('jitter_probability', jitter_probability),
            ('grey_probability', grey_probability),
            ('blur_probability', blur_probability),
            ('cutout_probability', cutout_probability),
        ):
            if not 0 <= value <= 1:
                raise ValueError(f'{name} must be in [0, 1], got {value}')
        jitter = transforms.ColorJitter(brightness, contrast, saturation, hue)
        gaussian = transforms.GaussianBlur(2 * round(3 * max(blur)) + 1, tuple(blur))
        self.colors = nn.Sequential(
            transforms.RandomApply([jitter], jitter_probability),
            transforms.RandomGrayscale(grey_probability),
            transforms.RandomApply([gaussian], blur_probability),
        )
        self.cutout = transforms.RandomErasing(cutout_probability, tuple(cutout))

    @torch.no_grad()
    def forward(
        self, inputs: Tensor, preprocessor: BaseDataPreprocessor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Distort a batch.

        Args:
            inputs (Tensor): (B, 3, H, W) float32, from the data preprocessor.
            preprocessor (BaseDataPreprocessor, optional): mmseg's, whose mean and standard
                deviation the images are normalised by; without, or without these, they are 0 to
                255.

        Returns:
            tuple[Tensor, Tensor]: The view (B, 3, H, W), normalised as the input, and which pixels
            can be seen in it (B, H, W) bool; what is cut out has the mean's colour.
        """
        mean, deviation = 0.0, 1.0
        if getattr(preprocessor, '_enable_normalize', False):
            mean, deviation = preprocessor.mean, preprocessor.std
        with torch.autocast(inputs.device.type, enabled=False):
            pictures = ((inputs.float() * deviation + mean) / 255).clamp(0, 1)
            pictures = torch.stack([self.colors(picture) for picture in pictures])
            view = (pictures * 255 - mean) / deviation
            # A fourth channel tells what was cut out.
            seen = torch.ones_like(view[:, :1])
            view = torch.stack([self.cutout(one) for one in torch.cat((view, seen), 1)])
        return view[:, :3].to(inputs.dtype), view[:, 3] > 0


class StrongViewConsistency(nn.Module):
    """Cross-entropy on a strong view against a confident prediction on the weak one.

    Args:
        weight (float): Factor of the loss, >= 0; 0.05 is DuPL's.
        confidence (float): Least probability of the weak view's class, 0 to 1; 0.9 is that of
            DuPL's public code.
        pixels (Sequence[str]): Kinds of pixels it is for: ``noisy``, ``ignored``, ``filtered`` (by
            a ``FilteredLoss`` of the decode head) and ``clean``.
        begin_iter (int): Iterations of training before it begins, >= 0.
        strong_view (dict, optional): Arguments of :class:`StrongView`.

    Raises:
        ValueError: If an option is out of range.
    """

    def __init__(
        self,
        weight: float = 0.05,
        confidence: float = 0.9,
        pixels: Sequence[str] = ('noisy', 'filtered'),
        begin_iter: int = 0,
        strong_view: dict | None = None,
    ) -> None:
        super().__init__()
        if weight < 0 or not 0 <= confidence <= 1 or begin_iter < 0:
            raise ValueError(
                'expected weight >= 0, confidence in [0, 1] and begin_iter >= 0; got '
                f'{weight}, {confidence} and {begin_iter}'
            )
        self.weight = weight
        self.confidence = confidence
        self.pixels = check_kinds(pixels)
        self.begin_iter = begin_iter
        self.view = StrongView(**(strong_view or {}))

    def forward(self, logits: Tensor, target: Tensor, where: Tensor) -> dict[str, Tensor]:
        """Compute the mean over the pixels that count, times the weight.

        Args:
            logits (Tensor): Of the strong view (B, K, H, W).
            target (Tensor): Probabilities of the weak view (B, K, H, W).
            where (Tensor): Pixels that may count (B, H, W) bool.

        Returns:
            dict[str, Tensor]: ``loss_strong`` and ``share``, that of the pixels that count.
        """
        total, number = pseudo_label_loss(logits, target, where, self.confidence)
        return dict(
            loss_strong=self.weight * total / number.clamp_min(1), share=number / where.numel()
        )
