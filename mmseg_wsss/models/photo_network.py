"""A network with all that is done to a photograph, as one module that can be exported."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from numbers import Number
from typing import Any

import torch
from mmcv.transforms import Resize
from torch import Tensor, nn
from torch.nn import functional as F

# Steps of a test pipeline that leave the pixels alone.
_NEUTRAL = ('LoadAnnotations', 'PackSegInputs')


class PipelineResize(nn.Module):
    """``Resize`` of a test pipeline in tensor operations that keep sizes dynamic.

    Sizes are those of :class:`mmcv.transforms.Resize`. Pixels are within 1 of its: it rounds to
    whole grey values, where the last bit of a product can decide, and this does not.

    Args:
        step (Resize): The step of the pipeline.

    Raises:
        ValueError: If it interpolates otherwise than bilinearly.
    """

    def __init__(self, step: Resize) -> None:
        super().__init__()
        if step.interpolation != 'bilinear':
            raise ValueError(
                f'Resize(interpolation={step.interpolation!r}) in the test pipeline cannot be '
                "exported, only 'bilinear'."
            )
        self.scale = step.scale
        self.factor = step.scale_factor
        self.keep_ratio = step.keep_ratio

    def target(self, height: Any, width: Any) -> tuple[Tensor, Tensor]:
        """Give the height and width that an image gets, as int64 scalars."""
        old_h, old_w = (torch.as_tensor(side).double() for side in (height, width))
        if self.scale is not None:
            new_w, new_h = (torch.tensor(float(side)).double() for side in self.scale)
        else:
            new_w = _rounded(old_w * self.factor[0]).double()
            new_h = _rounded(old_h * self.factor[1]).double()
        if self.keep_ratio:
            ratio = torch.minimum(
                torch.maximum(new_w, new_h) / torch.maximum(old_w, old_h),
                torch.minimum(new_w, new_h) / torch.minimum(old_w, old_h),
            )
            new_w, new_h = old_w * ratio, old_h * ratio
        return _rounded(new_h), _rounded(new_w)

    def forward(self, images: Tensor) -> Tensor:
        """Resize images, float32 (N, 3, H, W)."""
        size = self.target(images.shape[2], images.shape[3])
        if not torch.jit.is_tracing():
            size = tuple(map(int, size))
        return F.interpolate(images, size, mode='bilinear', align_corners=False)


def _rounded(value: Tensor) -> Tensor:
    return torch.floor(value + 0.5).long()


class BinPool(nn.Module):
    """:class:`torch.nn.AdaptiveAvgPool2d` as two matrix products, which take any size in ONNX.

    Args:
        size (int | Sequence[int]): Rows and columns of the output.

    >>> x = torch.rand(2, 3, 7, 4)
    >>> torch.allclose(BinPool((3, 6))(x), nn.AdaptiveAvgPool2d((3, 6))(x))
    True
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = (size, size) if isinstance(size, Number) else tuple(size)

    def forward(self, x: Tensor) -> Tensor:
        """Pool features, (N, C, H, W) to (N, C, rows, columns)."""
        rows, columns = (
            self._weights(count, side, x)
            for count, side in zip(self.size, x.shape[2:], strict=True)
        )
        return rows @ x @ columns.transpose(0, 1)

    @staticmethod
    def _weights(count: int, side: Any, x: Tensor) -> Tensor:
        """The share of each of the pixels in each bin, (count, side)."""
        pixel = torch.arange(side, device=x.device)
        bins = torch.arange(count, device=x.device)[:, None]
        start = torch.div(bins * side, count, rounding_mode='floor')
        stop = torch.div((bins + 1) * side + count - 1, count, rounding_mode='floor')
        inside = ((pixel >= start) & (pixel < stop)).to(x.dtype)
        return inside / inside.sum(dim=1, keepdim=True)


def _separate_projections(attention: nn.MultiheadAttention) -> None:
    """Project queries, keys and values one by one: torch's way for all at once, where keys are
    fewer than queries (SegFormer's), is exported with the number of keys of the example.
    """
    parts = attention.in_proj_weight.detach().chunk(3)
    for name, part in zip('qkv', parts, strict=True):
        setattr(attention, f'{name}_proj_weight', nn.Parameter(part.clone()))
    attention._qkv_same_embed_dim = False


class PhotoNetwork(nn.Module):
    """A segmentation network that takes photographs as they are and gives masks of their size.

    The resizing of the test pipeline, the normalisation and padding of the data preprocessor, the
    network on the whole image, and the way back to the photograph's size are inside.

    Args:
        model (nn.Module): An ``EncoderDecoder`` of mmseg; a copy is made.
        steps (Sequence): Transforms of its test pipeline, images are loaded before.

    Raises:
        ValueError: If the pipeline has steps that are not known here.
    """

    def __init__(self, model: nn.Module, steps: Sequence = ()) -> None:
        super().__init__()
        self.resize = nn.Sequential()
        for step in steps:
            if isinstance(step, Resize):
                self.resize.append(PipelineResize(step))
            elif type(step).__name__ not in _NEUTRAL:
                raise ValueError(
                    f'The step {type(step).__name__} of the test pipeline cannot be exported, only '
                    'Resize; give a config (--config) whose test_pipeline does without it.'
                )
        self.model = copy.deepcopy(model)
        for parent in list(self.model.modules()):
            if isinstance(parent, nn.MultiheadAttention) and parent._qkv_same_embed_dim:
                _separate_projections(parent)
            for name, child in parent.named_children():
                # A global average is an operator of ONNX.
                if isinstance(child, nn.AdaptiveAvgPool2d) and child.output_size not in (1, (1, 1)):
                    setattr(parent, name, BinPool(child.output_size))
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Segment photographs.

        Args:
            images (Tensor): uint8 (N, 3, H, W), RGB.

        Returns:
            tuple[Tensor, Tensor]: Labels, uint8 (N, H, W), and probabilities, float32
            (N, K, H, W).
        """
        resized = self.resize(images.float())
        shape = resized.shape[2:]
        inputs = self._preprocess(resized)
        padded = tuple(inputs.shape[2:])
        meta = dict(img_shape=padded, pad_shape=padded, ori_shape=padded)
        logits = self.model.encode_decode(inputs, [dict(meta) for _ in range(images.shape[0])])
        if self._padding is not None:
            logits = logits[..., : shape[0], : shape[1]]
        if len(self.resize):
            logits = F.interpolate(
                logits, images.shape[2:], mode='bilinear', align_corners=self.model.align_corners
            )
        probabilities = logits.softmax(dim=1)
        return probabilities.argmax(dim=1).to(torch.uint8), probabilities

    @property
    def _padding(self) -> dict | None:
        return self.model.data_preprocessor.test_cfg or None

    def _preprocess(self, images: Tensor) -> Tensor:
        """What ``SegDataPreProcessor`` does, which takes BGR and lists of images."""
        preprocessor = self.model.data_preprocessor
        # The name in mmseg's forks, and upstream.
        names = ('_channel_conversion', 'channel_conversion')
        if not any(getattr(preprocessor, name, False) for name in names):
            images = images.flip(1)
        if preprocessor._enable_normalize:
            images = (images - preprocessor.mean) / preprocessor.std
        if self._padding is None:
            return images
        height, width = images.shape[2:]
        size, divisor = (self._padding.get(key) for key in ('size', 'size_divisor'))
        if size is not None:
            below, right = (
                torch.as_tensor(full - side).clamp(min=0)
                for full, side in zip(size, (height, width), strict=True)
            )
        else:
            below, right = ((divisor - side % divisor) % divisor for side in (height, width))
        if not torch.jit.is_tracing():
            below, right = int(below), int(right)
        return F.pad(images, (0, right, 0, below), value=float(preprocessor.pad_val))
