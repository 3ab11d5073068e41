"""Checks of the images and masks that a data set is made of."""

from __future__ import annotations

import os.path as osp
from collections import Counter
from collections.abc import Sequence

import numpy as np
from PIL import Image, UnidentifiedImageError

from mmseg_wsss.utils.image import read_image

_EXIF_ORIENTATION = 0x0112
_JPEG = ('JPEG', 'MPO')  # MPO: JPEG of a telephone with a preview behind


def check_image(path: str) -> tuple[int, int]:
    """Decode an image to its end, cheaply, and give its size.

    JPEG is decoded at an eighth of its size: the whole bit stream is read, so a truncated file is
    found, at about half the cost. Other formats are read as the pipelines read them.

    Args:
        path (str): Path of the image.

    Returns:
        tuple[int, int]: Height and width as the pipelines see them, EXIF orientation applied.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is empty, truncated or no image.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path}: no such image.')
    try:
        with Image.open(path) as image:
            if image.format in _JPEG:
                width, height = image.size
                if image.getexif().get(_EXIF_ORIENTATION, 1) >= 5:  # 5 to 8: turned by 90 degrees
                    width, height = height, width
                image.draft('L', (image.width // 8, image.height // 8))
                image.load()
                return height, width
    except UnidentifiedImageError:
        raise ValueError(f'{path}: not a readable image ({osp.getsize(path)} bytes).') from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f'{path}: broken image ({error}).') from None
    # Readers differ in the rarer formats: which depths, and whether a TIFF is turned.
    return read_image(path).shape[:2]


def mask_labels(mask: np.ndarray) -> tuple[int, ...]:
    """Give the foreground labels that occur in a mask.

    Args:
        mask (np.ndarray): uint8 (H, W).

    Returns:
        tuple[int, ...]: Sorted labels without background (0) and ignored pixels (255).

    >>> mask_labels(np.array([[0, 7], [255, 3]], np.uint8))
    (3, 7)
    """
    present = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    return tuple(int(label) for label in present if label not in (0, 255))


def find_duplicates(names: Sequence) -> list:
    """Give the names that occur more than once, each once, in order of first occurrence.

    >>> find_duplicates(['a', 'b', 'a'])
    ['a']
    """
    return [name for name, count in Counter(names).items() if count > 1]
