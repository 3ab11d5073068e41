"""The one way images are read outside of mmseg's and mmpretrain's pipelines."""

from __future__ import annotations

import os
import os.path as osp
from functools import lru_cache

import cv2
import mmcv
import numpy as np
from mmengine import fileio

from .image_info import ImageInfo, describe_image
from .image_refusal import refuse_image, refuse_unturned
from .pixel_limit import OPENCV_MAX_PIXELS, OPENCV_VARIABLE

# Seeds of a larger image are made at this many pixels and enlarged: four megapixels at the usual
# largest scale take a network ten gigabytes already, and Linux kills a process that asks for more
# than there is.
MAX_SEED_PIXELS = 1 << 22


def read_image(path: str, backend_args: dict | None = None) -> np.ndarray:
    """Read an image as mmseg's ``LoadImageFromFile`` does, in RGB.

    Grey images become RGB, an alpha channel is dropped, EXIF orientation is applied. What would be
    read as other than it is, see :mod:`mmseg_wsss.utils.image_refusal`, is refused.

    Args:
        path (str): Path or URL of the image.
        backend_args (dict, optional): Of mmengine's fileio.

    Returns:
        np.ndarray: uint8 (H, W, 3), RGB.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not a readable image; says why.
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
        ValueError: If it is not a readable image; says why.
    """
    info = describe_image(name, content)
    refuse_image(content, name, info)
    return decode_colours(content, name, info)


def problem_line(path: str, error: Exception) -> str:
    """Say what is wrong with an image, with its path once.

    >>> problem_line('a.jpg', ValueError('a.jpg: truncated'))
    'a.jpg: truncated'
    >>> problem_line('a.jpg', ValueError('truncated'))
    'a.jpg: truncated'
    """
    return str(error) if path in str(error) else f'{path}: {error}'


def check_readable(path: str) -> ImageInfo:
    """Refuse a file of this machine that :func:`read_image` would refuse for what it holds.

    Only the header is read where that suffices.

    Args:
        path (str): The file.

    Returns:
        ImageInfo: What its header says.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image or cannot be read as it is.
    """
    info = describe_image(path)
    refuse_unturned(path, info)
    if info.is_deep or info.multiplies or info.has_unknown_bands:
        with open(path, 'rb') as file:
            refuse_image(file.read(), path, info)
    return info


class ImageError(ValueError):
    """An image of a training cannot be read as it is."""


@lru_cache(maxsize=1 << 18)
def check_readable_once(path: str) -> None:
    """Refuse a file as :func:`check_readable`, looking at each file once in a process.

    What is no file of this machine, such as a URL, is left to whoever loads it.

    Args:
        path (str): The file.

    Raises:
        ImageError: If it is no image or cannot be read as it is.
    """
    if osp.isfile(path):
        try:
            check_readable(path)
        except ValueError as error:
            raise ImageError(str(error)) from None


def decode_colours(content: bytes, name: str, info: ImageInfo) -> np.ndarray:
    """Decode the content of an image's file that is not to be refused.

    Args:
        content (bytes): The whole file.
        name (str): Its path, for messages.
        info (ImageInfo): Its header.

    Returns:
        np.ndarray: uint8 (H, W, 3), RGB.

    Raises:
        ValueError: If it cannot be decoded.
    """
    image, reason = None, f'{len(content)} bytes, {info.kind}'
    try:
        image = mmcv.imfrombytes(content, flag='color', channel_order='bgr', backend='cv2')
    except cv2.error as error:
        reason = str(error.err)
    if image is None:
        allowed = int(os.environ.get(OPENCV_VARIABLE) or OPENCV_MAX_PIXELS)
        if info.height * info.width > allowed:
            reason = (
                f'more than the {allowed:,} pixels that OpenCV reads; set {OPENCV_VARIABLE} before '
                'Python is started'
            )
        raise ValueError(f'{name}: not a readable image ({reason}).')
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
