"""Conversion of images to copies of 8-bit RGB, by one rule for all images of a set."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from mmengine import fileio
from PIL import ImageOps

from .image import decode_colours, read_image
from .image_info import ImageInfo, describe_image
from .image_refusal import deep_colours, refuse_image
from .pixel_limit import DECODER_ERRORS, open_image

MAX_SHIFT_BITS = 24
# That many values of an image are looked at for the largest usual one.
_SAMPLED = 1 << 20


@dataclass(frozen=True)
class DeepValues:
    """Which values an image of more than eight bits has.

    Attributes:
        lowest (int): The least.
        highest (int): The largest.
        usual (int): 99.9 % of the values are at most this.
    """

    lowest: int
    highest: int
    usual: int


def fewest_bits(highest: int) -> int:
    """Give the fewest bits by which a value must be shifted right to be below 256.

    >>> [fewest_bits(value) for value in (255, 256, 4095, 65535)]
    [0, 1, 4, 8]
    """
    return max(0, int(highest).bit_length() - 8)


def load_values(path: str) -> tuple[ImageInfo, np.ndarray]:
    """Load an image with all of its bits. Colours are never multiplied by another band.

    Args:
        path (str): Path of the image.

    Returns:
        tuple[ImageInfo, np.ndarray]: Its header, and its values (H, W, 3), RGB, upright: uint8, or
        of a larger type of integers if ``is_deep`` is set in the header.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot become 8-bit RGB: too many bands, fractions or negative values.
    """
    content = fileio.get(path)
    info = describe_image(path, content)
    refuse_image(content, path, info, copying=True)
    if info.is_deep:
        return info, deep_colours(content, path, info)
    if not info.multiplies:
        return info, decode_colours(content, path, info)
    # OpenCV multiplies the colours by such a band, Pillow does not.
    try:
        with open_image(io.BytesIO(content)) as image:
            return info, np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
    except DECODER_ERRORS as error:
        raise ValueError(f'{path}: broken image ({error}).') from None


def deep_values(values: np.ndarray) -> DeepValues:
    """Sum up the values of an image of more than eight bits.

    >>> deep_values(np.arange(4096).reshape(64, 64))
    DeepValues(lowest=0, highest=4095, usual=4090)
    """
    some = values.ravel()[:: max(1, values.size // _SAMPLED)]
    usual = int(np.quantile(some, 0.999, method='lower'))
    return DeepValues(int(values.min()), int(values.max()), usual)


def shift_right(values: np.ndarray, shift_bits: int) -> np.ndarray:
    """Make eight bits of the values of an image; what is above 255 even then becomes 255.

    >>> shift_right(np.array([0, 100, 4095, 9999]), 4)
    array([  0,   6, 255, 255], dtype=uint8)
    """
    return np.minimum(values >> shift_bits, 255).astype(np.uint8)


def read_shifted(path: str, shift_bits: int | None) -> np.ndarray:
    """Read an image as 8-bit RGB, whatever its depth.

    Args:
        path (str): Path of the image.
        shift_bits (int, optional): By how many bits an image of more than eight bits is shifted
            right, 0 to 24: the same number for all images that belong together. Others are read as
            they are. None reads all as :func:`read_image` does, which refuses more bits.

    Returns:
        np.ndarray: uint8 (H, W, 3), RGB.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As :func:`load_values`.
    """
    if shift_bits is None:
        return read_image(path)
    info, values = load_values(path)
    return shift_right(values, shift_bits) if info.is_deep else values


def check_shift_bits(shift_bits: int | None) -> None:
    """Refuse a number of bits that is not 0 to 24; None is none."""
    if shift_bits is not None and not 0 <= shift_bits <= MAX_SHIFT_BITS:
        raise ValueError(f'shift_bits={shift_bits}, expected 0 to {MAX_SHIFT_BITS}.')
