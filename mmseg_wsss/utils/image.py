"""The one way images are read outside of mmseg's and mmpretrain's pipelines."""

from __future__ import annotations

import cv2
import mmcv
import numpy as np
from mmengine import fileio

# Seeds of a larger image are made at this many pixels and enlarged: four megapixels at the usual
# largest scale take a network ten gigabytes already, and Linux kills a process that asks for more
# than there is.
MAX_SEED_PIXELS = 1 << 22


def read_image(path: str, backend_args: dict | None = None) -> np.ndarray:
    """Read an image as mmseg's ``LoadImageFromFile`` does, in RGB.

    Grey images become RGB, an alpha channel is dropped, EXIF orientation is applied.

    Args:
        path (str): Path or URL of the image.
        backend_args (dict, optional): Of mmengine's fileio.

    Returns:
        np.ndarray: uint8 (H, W, 3), RGB.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not a readable image.
    """
    return decode_image(fileio.get(path, backend_args), path)


def decode_image(content: bytes, name: str) -> np.ndarray:
    """Decode the content of an image's file, see :func:`read_image`.

    Args:
        content (bytes): The whole file.
        name (str): Its path, for messages.

    Returns:
        np.ndarray: uint8 (H, W, 3), RGB.

    Raises:
        ValueError: If it is not a readable image.
    """
    image = None
    if content:
        try:
            image = mmcv.imfrombytes(content, flag='color', channel_order='bgr', backend='cv2')
        except cv2.error as error:  # e.g. more pixels than OpenCV reads
            raise ValueError(f'{name}: not a readable image ({error.err}).') from None
    if image is None:
        raise ValueError(f'{name}: not a readable image ({len(content)} bytes).')
    return np.ascontiguousarray(image[..., ::-1])


def resize_image(array: np.ndarray, size: tuple[int, int], how: str = 'bilinear') -> np.ndarray:
    """Resize an image or a mask, unless it has the size.

    Args:
        array (np.ndarray): uint8 (H, W) or (H, W, 3).
        size (tuple[int, int]): Height and width.
        how (str): ``'bilinear'``, ``'area'`` (to shrink) or ``'nearest'`` (for labels).

    Returns:
        np.ndarray: uint8 of that size.
    """
    if array.shape[:2] == tuple(size):
        return array
    return mmcv.imresize(array, (size[1], size[0]), interpolation=how, backend='cv2')


def shrunk_size(height: int, width: int, max_pixels: int = MAX_SEED_PIXELS) -> tuple[int, int]:
    """Size of an image that is shrunk to a number of pixels, unless it has no more anyway.

    Args:
        height (int): H.
        width (int): W.
        max_pixels (int): The most pixels.

    Returns:
        tuple[int, int]: Height and width, at least 1 each, of about the same aspect.

    >>> shrunk_size(375, 500), shrunk_size(4000, 3000, 1200)
    ((375, 500), (40, 30))
    """
    if height * width <= max_pixels:
        return height, width
    factor = (max_pixels / (height * width)) ** 0.5
    shorter = max(1, int(min(height, width) * factor))
    longer = max(1, min(int(max(height, width) * factor), max_pixels // shorter))
    return (longer, shorter) if height >= width else (shorter, longer)
