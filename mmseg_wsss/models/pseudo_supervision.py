"""What one network's predictions teach another: scores, probabilities, pixels and the loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from mmseg.models.decode_heads import Mask2FormerHead, MaskFormerHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..seeds.codec import IGNORE_INDEX, decode_seed_label
from .losses import FilteredLoss

KINDS = ('clean', 'noisy', 'ignored', 'filtered')


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode and leave every part of it as it was.

    Args:
        model (nn.Module): The network.
    """
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def has_mask_head(model: EncoderDecoder) -> bool:
    """Whether a network predicts sums of the probabilities of masks and not logits."""
    return isinstance(model.decode_head, (Mask2FormerHead, MaskFormerHead))


def as_logits(model: EncoderDecoder, scores: Tensor) -> Tensor:
    """Turn what a network's head predicts into logits, whose softmax is the prediction.

    Args:
        model (EncoderDecoder): The network.
        scores (Tensor): (B, K, H, W), from ``encode_decode`` or the head's ``predict``.

    Returns:
        Tensor: (B, K, H, W). Heads of masks give sums of probabilities: their logarithm.
    """
    return (scores.float() + 1e-6).log() if has_mask_head(model) else scores


def image_metas(inputs: Tensor) -> list[dict]:
    """Describe images as mmseg's heads want it, so that scores come at the size of the input.

    >>> image_metas(torch.zeros(1, 3, 4, 5))
    [{'img_shape': (4, 5), 'pad_shape': (4, 5), 'ori_shape': (4, 5)}]
    """
    shape = tuple(inputs.shape[-2:])
    return [dict(img_shape=shape, pad_shape=shape, ori_shape=shape) for _ in inputs]


def class_logits(model: EncoderDecoder, inputs: Tensor) -> Tensor:
    """Predict whole images in the network's current mode.

    Args:
        model (EncoderDecoder): The network.
        inputs (Tensor): (B, 3, H, W), from the data preprocessor.

    Returns:
        Tensor: Logits (B, K, H, W).
    """
    return as_logits(model, model.encode_decode(inputs, image_metas(inputs)))


@torch.no_grad()
def class_probabilities(
    model: EncoderDecoder, inputs: Tensor, scales: Sequence[float] = (1.0,)
) -> Tensor:
    """Predict images as in a test and average over scales.

    Args:
        model (EncoderDecoder): The network; its mode is left as it was.
        inputs (Tensor): (B, 3, H, W), from the data preprocessor.
        scales (Sequence[float]): Factors of the images' sides, > 0.

    Returns:
        Tensor: (B, K, H, W) float32, without gradient.
    """
    size = inputs.shape[-2:]
    total = 0
    with evaluation_mode(model):
        for scale in scales:
            view = inputs
            if scale != 1:
                sides = [max(1, round(side * scale)) for side in size]
                view = F.interpolate(inputs, sides, mode='bilinear', align_corners=False)
            found = class_logits(model, view).float().softmax(1)
            if scale != 1:
                found = F.interpolate(found, size, mode='bilinear', align_corners=False)
            total = total + found
    return total / len(scales)


def normalised(model: EncoderDecoder, images: Sequence[Tensor]) -> Tensor:
    """Give what a test's data preprocessor makes of images.

    Args:
        model (EncoderDecoder): The network.
        images (Sequence[Tensor]): (3, H, W) each, of one size, as the training's loader gives them.

    Returns:
        Tensor: (B, 3, H, W), normalised.
    """
    data = dict(inputs=list(images), data_samples=[SegDataSample() for _ in images])
    return model.data_preprocessor(data, False)['inputs']


def possible_classes(samples: Sequence[SegDataSample], num_classes: int) -> Tensor | None:
    """Read the tags of images.

    Args:
        samples (Sequence[SegDataSample]): With ``metainfo['tags']``, labels from 1, or not.
        num_classes (int): K.

    Returns:
        Tensor | None: Tags and background (B, K) bool; None if an image has no tags.
    """
    tags = [sample.metainfo.get('tags') for sample in samples]
    if any(labels is None for labels in tags):
        return None
    possible = torch.zeros(len(tags), num_classes, dtype=torch.bool)
    for row, labels in zip(possible, tags, strict=True):
        row[[0, *map(int, labels)]] = True
    return possible


def stack_codes(samples: Sequence[SegDataSample]) -> Tensor:
    """Stack the codes of a batch, (B, H, W)."""
    return torch.cat([sample.gt_sem_seg.data for sample in samples])


def inside_images(samples: Sequence[SegDataSample], codes: Tensor) -> Tensor:
    """Say which pixels are not the data preprocessor's padding, (B, H, W) bool.

    Args:
        samples (Sequence[SegDataSample]): The batch.
        codes (Tensor): Its codes (B, H, W).
    """
    inside = torch.zeros_like(codes, dtype=torch.bool)
    height, width = codes.shape[-2:]
    for mask, sample in zip(inside, samples, strict=True):
        left, right, top, bottom = sample.metainfo.get('padding_size', (0, 0, 0, 0))
        mask[top : height - bottom, left : width - right] = True
    return inside


def pixels_of(kinds: Sequence[str], codes: Tensor, head: nn.Module | None = None) -> Tensor:
    """Say which pixels are of some kinds.

    Args:
        kinds (Sequence[str]): Of ``KINDS``. Those that a ``FilteredLoss`` has filtered are
            ``filtered`` and not clean.
        codes (Tensor): Seed codes (B, H, W).
        head (nn.Module, optional): A decode head whose losses saw these codes, for the filter.

    Returns:
        Tensor: (B, H, W) bool.

    >>> pixels_of(('noisy', 'ignored'), torch.tensor([[[0, 1, 257, 255]]]))
    tensor([[[False, False,  True,  True]]])
    """
    label, noisy = decode_seed_label(codes)
    ignored = label == IGNORE_INDEX
    filtered = torch.zeros_like(ignored)
    for module in () if head is None else head.modules():
        if isinstance(module, FilteredLoss) and module.filtered is not None:
            if module.filtered.shape == codes.shape:
                filtered |= module.filtered
    noisy = noisy & ~ignored
    filtered &= ~noisy & ~ignored
    masks = dict(
        clean=~(noisy | ignored | filtered), noisy=noisy, ignored=ignored, filtered=filtered
    )
    found = torch.zeros_like(ignored)
    for kind in kinds:
        found |= masks[kind]
    return found


def check_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """Refuse kinds of pixels that do not exist.

    Raises:
        ValueError: If there are such, or none at all.
    """
    if isinstance(kinds, str) or not kinds or set(kinds) - set(KINDS):
        raise ValueError(f'pixels must be a list of {", ".join(KINDS)}, got {kinds!r}')
    return tuple(kinds)


def pseudo_label_loss(
    logits: Tensor, target: Tensor, where: Tensor, confidence: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Sum the cross-entropy of logits against another network's most likely classes.

    Args:
        logits (Tensor): (B, K, H, W).
        target (Tensor): Probabilities of the other (B, K, H, W), taken as given.
        where (Tensor): Pixels that may count (B, H, W) bool.
        confidence (float): Those whose highest probability in ``target`` is below do not.

    Returns:
        tuple[Tensor, Tensor]: The sum, 0 with gradients where no pixel counts, and the number of
        pixels that do; both 0-dimensional, float32.
    """
    highest, label = target.detach().max(1)
    counted = where & (highest >= confidence)
    with torch.autocast(logits.device.type, enabled=False):
        loss = F.cross_entropy(logits.float(), label, reduction='none')
        return torch.where(counted, loss, 0).sum(), counted.sum().float()
