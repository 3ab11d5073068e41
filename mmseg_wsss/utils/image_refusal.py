"""Which images are refused, and why.

Networks read 8-bit grey, palette, RGB and CMYK images as RGB, without transparency. Decoders turn
other files into something else without a word: of deeper samples all but the upper eight bits are
dropped (12-bit values of a 16-bit file become 0 to 15), of bands that are not marked as colours the
first is taken, and the colours of a TIFF are multiplied by a fourth band that is marked as alpha.
``folder.py prepare --copy-images`` converts what can be converted, see
:mod:`mmseg_wsss.utils.image_copy`.
"""

from __future__ import annotations

import functools
import io
import warnings

import cv2
import numpy as np
from PIL import Image, ImageOps

from .image_info import ImageInfo
from .pixel_limit import DECODER_ERRORS, open_image

_ORIENTATION = 0x0112


def refuse_image(content: bytes, name: str, info: ImageInfo, copying: bool = False) -> None:
    """Refuse an image that cannot be read as it is.

    Args:
        content (bytes): The whole file.
        name (str): Its path, for messages.
        info (ImageInfo): Its header.
        copying (bool): Whether the image is converted for a copy: only what has no place in eight
            bits or three bands is refused.

    Raises:
        ValueError: If it is; says what the file holds, with the range of its values, and what to
            do.
    """
    refuse_unturned(name, info)
    if info.has_unknown_bands:
        raise ValueError(
            f'{name}: not a readable image: {info.depth}, {info.bands} bands; expected one band '
            '(grey) or three that are marked as red, green and blue. Write the bands to be seen '
            'to files of their own, for all images of the set alike.'
        )
    if info.is_deep:
        _refuse_deep(content, name, info, copying)
    if info.multiplies and not copying and _is_transparent(content):
        raise ValueError(
            f'{name}: its fourth band is marked as transparency, by which readers multiply the '
            'colours (is it near infrared?): let it be left out ("folder.py prepare '
            '--copy-images", "predict.py --shift-bits 0"), or save images without it.'
        )


def refuse_unturned(name: str, info: ImageInfo) -> None:
    """Refuse an image that EXIF turns and OpenCV does not, as OpenCV 4.11 does not turn WebP.

    Raises:
        ValueError: If it is one.
    """
    if info.turned and not _turns(info.file_format):
        raise ValueError(
            f'{name}: EXIF turns or mirrors it, which OpenCV {cv2.__version__} does not do with '
            f'{info.file_format}: save it upright or as JPEG.'
        )


@functools.cache
def _turns(file_format: str) -> bool:
    """Whether OpenCV applies the EXIF orientation of a format, tried on two pixels."""
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    file = io.BytesIO()
    try:
        Image.new('RGB', (2, 1)).save(file, file_format, exif=exif)
    except (KeyError, OSError):  # Pillow cannot write it
        return True
    image = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_COLOR)
    return image is None or image.shape[:2] == (2, 1)


def _refuse_deep(content: bytes, name: str, info: ImageInfo, copying: bool) -> None:
    if info.sample == 'complex':
        raise ValueError(f'{name}: not a readable image: {info.depth}; expected 8-bit integers.')
    if info.layout:
        raise ValueError(
            f'{name}: not a readable image: {info.depth} {info.colours} with {info.layout}; '
            'expected the colours of a pixel together, black as 0.'
        )
    values = deep_colours(content, name, info)
    holds = f'{info.depth} {info.colours}, values {_range(values)}'
    alike = 'convert all images of the set by one rule'
    if info.sample == 'float':
        raise ValueError(
            f'{name}: not a readable image: {holds}; expected 8-bit integers: {alike}.'
        )
    if values.min() < 0:
        raise ValueError(f'{name}: {holds}; expected 8 bits, 0 to 255: {alike}.')
    if not copying:
        raise ValueError(
            f'{name}: {holds}; expected 8 bits, 0 to 255: let them be shifted alike ("folder.py '
            f'prepare --copy-images", "predict.py --shift-bits N"), or {alike}.'
        )


def deep_colours(content: bytes, name: str, info: ImageInfo) -> np.ndarray:
    """Decode an image of more than eight bits, as stored.

    Args:
        content (bytes): The whole file.
        name (str): Its path, for messages.
        info (ImageInfo): Its header.

    Returns:
        np.ndarray: (H, W, 3) RGB, upright, of a type that holds its samples.

    Raises:
        ValueError: If it cannot be decoded.
    """
    array = None
    buffer = np.frombuffer(content, np.uint8)
    for flag in (cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR, cv2.IMREAD_UNCHANGED):
        try:
            array = cv2.imdecode(buffer, flag)
        except cv2.error:
            continue
        if array is not None:
            break
    if array is None and info.bands == 1:  # OpenCV reads few 32-bit integers
        try:
            with open_image(io.BytesIO(content)) as image:
                array = np.asarray(ImageOps.exif_transpose(image))
        except DECODER_ERRORS:
            array = None
        if array is not None and info.sample == 'unsigned' and array.dtype == np.int32:
            array = array.view(np.uint32)
    if array is None or array.dtype == np.uint8:
        raise ValueError(f'{name}: not a readable image ({len(content)} bytes, {info.kind}).')
    if array.ndim == 2:
        array = array[..., None].repeat(3, axis=2)
    return array[..., 2::-1]


def _is_transparent(content: bytes) -> bool:
    """Whether the alpha of an image is anywhere but 255."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return image is not None and image.shape[-1] == 4 and image[..., 3].min() < 255


def _range(values: np.ndarray) -> str:
    if values.dtype.kind != 'f':
        return f'{values.min():,} to {values.max():,}'
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)  # nothing but NaN
        return f'{np.nanmin(values):g} to {np.nanmax(values):g}'
