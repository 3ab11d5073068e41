"""The check of saliency maps, for classifiers that learn from them and refiners that use them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..store.saliency import read_saliency
from ..utils.image import read_image
from ..utils.image_info import describe_image


def image_size(path: str) -> tuple[int, int]:
    """Give the size of an image, from its header unless EXIF turns it.

    Args:
        path (str): Path of the image.

    Returns:
        tuple[int, int]: Height and width as the pipelines see them, EXIF orientation applied.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image that can be read.
    """
    info = describe_image(path)
    return read_image(path).shape[:2] if info.turned else (info.height, info.width)


def is_flat_saliency(path: str | os.PathLike, shape: tuple[int, int] | None) -> bool:
    """Read a saliency map and tell whether it has one value everywhere.

    Args:
        path (str | os.PathLike): The map.
        shape (tuple[int, int], optional): The (H, W) it must have.

    Raises:
        FileNotFoundError: If it is missing.
        ValueError: If it is no 8-bit grey image or of another size.
    """
    saliency = read_saliency(path, shape)
    return bool(saliency.min() == saliency.max())


def flat_saliency(flat: Sequence[str], total: int) -> list[str]:
    """Give a problem if more than half of the saliency maps have one value everywhere, else none.

    Args:
        flat (Sequence[str]): Ids of the images whose maps do.
        total (int): Number of maps.
    """
    if 2 * len(flat) <= total:  # a photograph of nothing in particular may have a black map
        return []
    return [
        f'{len(flat)} of {total} saliency maps have one value everywhere, e.g. '
        f'{", ".join(flat[:3])}; expected grey from 0 (not salient) to 255. Look at them, and at '
        'the input size and the deviations of their network.'
    ]
