"""How many pixels an image or a mask may have: one limit for every reader, raised by a variable."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from PIL import Image

# More than any photograph; a header that asks for more is damaged or hostile.
MAX_PIXELS = 1 << 27
VARIABLE = 'MMSEG_WSSS_MAX_PIXELS'
# OpenCV's own limit, unless its variable says otherwise when it is loaded.
OPENCV_MAX_PIXELS = 1 << 30
OPENCV_VARIABLE = 'OPENCV_IO_MAX_IMAGE_PIXELS'
# What a decoder raises at a damaged file.
DECODER_ERRORS = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, RuntimeError),
    *(ArithmeticError, struct.error),
)
# Pillow's limit is one for all threads: taken off by the first that opens an image, put back by the
# last.
_lock = threading.Lock()
_open: list = []
_limits: list = []


def max_pixels() -> int:
    """Give the most pixels that an image or a mask may have.

    Returns:
        int: That of the environment variable ``MMSEG_WSSS_MAX_PIXELS``, which processes of a
        training or a check inherit, or 2^27 (134 megapixels).

    Raises:
        ValueError: If the variable is no whole number above 0.
    """
    text = os.environ.get(VARIABLE, '').strip()
    if not text:
        return MAX_PIXELS
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(
            f'environment variable {VARIABLE}={text!r}, expected a whole number of pixels above 0, '
            'e.g. 200000000.'
        )
    return int(text)


def check_pixels(path: str | os.PathLike, height: int, width: int) -> None:
    """Refuse an image or a mask with more pixels than the limit.

    Args:
        path (str | os.PathLike): Its file, for the message.
        height (int): H.
        width (int): W.

    Raises:
        ValueError: If it has more than :func:`max_pixels`.
    """
    pixels, allowed = height * width, max_pixels()
    if pixels > allowed:
        raise ValueError(
            f'{path}: too large ({pixels / 1e6:,.0f} megapixels, {height} x {width}), allowed '
            f'{allowed / 1e6:,.0f}: shrink it, cut it into tiles, or set the environment variable '
            f'{VARIABLE}={pixels}.'
        )


@contextmanager
def open_image(
    source: str | os.PathLike | IO[bytes], formats: Sequence[str] | None = None
) -> Iterator[Image.Image]:
    """Open an image with Pillow, which reads its header, without Pillow's limit and warnings.

    Args:
        source (str | os.PathLike | IO[bytes]): The file.
        formats (Sequence[str], optional): Of ``PIL.Image.open``.

    Yields:
        PIL.Image.Image: Callers refuse too large a one by :func:`check_pixels`.
    """
    with _lock:
        if not _open:
            _limits.append(Image.MAX_IMAGE_PIXELS)
            Image.MAX_IMAGE_PIXELS = None
        _open.append(source)
    try:
        with Image.open(source, formats=formats) as image:
            yield image
    finally:
        with _lock:
            _open.pop()
            if not _open:
                Image.MAX_IMAGE_PIXELS = _limits.pop()
