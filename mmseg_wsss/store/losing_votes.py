"""The one place that knows how the labels that lost the vote lie in a file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..seeds.codec import IGNORE_INDEX, MAX_LOSING_VOTES
from .masks import decode_mask, write_mask


def write_losing_votes(path: str | os.PathLike, losing_votes: np.ndarray) -> int:
    """Write the labels that lost the vote at each pixel of an image, atomically.

    The file is a mask, an 8-bit grey PNG: L masks of the image's size lie in it one below the
    other, first the label with most votes at each pixel. It holds any number of different labels,
    and masks that are 255 nearly everywhere take some hundred bytes.

    Args:
        path (str | os.PathLike): The file, ending in .png.
        losing_votes (np.ndarray): uint8 (L, H, W), 0 <= L <= 5, as
            :func:`~mmseg_wsss.seeds.find_losing_votes` gives them: labels, 255 where there is none.

    Returns:
        int: Bytes written.

    Raises:
        TypeError: If it is not a uint8 array.
        ValueError: If it is not (L, H, W), or a side is 0.
        OSError: If the file cannot be written; nothing half-written is left.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> votes = np.array([[[2, 0, 255]], [[1, 255, 255]]], np.uint8)
    >>> _ = write_losing_votes(f'{folder.name}/a.png', votes)
    >>> read_losing_votes(f'{folder.name}/a.png', shape=(1, 3), num_classes=3).tolist()
    [[[2, 0, 255]], [[1, 255, 255]]]
    >>> folder.cleanup()
    """
    if losing_votes.ndim != 3 or len(losing_votes) > MAX_LOSING_VOTES:
        raise ValueError(
            f'losing votes have shape {losing_votes.shape}, expected (L, H, W) with L at most '
            f'{MAX_LOSING_VOTES}'
        )
    if len(losing_votes) == 0:
        losing_votes = no_losing_votes(losing_votes.shape[1:])
    # Grey: a palette up to 255 would be as large as the rest of many a file.
    return write_mask(path, losing_votes.reshape(-1, losing_votes.shape[2]))


def read_losing_votes(
    path: str | os.PathLike, shape: tuple[int, int], num_classes: int
) -> np.ndarray:
    """Read what :func:`write_losing_votes` wrote.

    Args:
        path (str | os.PathLike): The file.
        shape, num_classes: As in :func:`unpack_losing_votes`.

    Returns:
        np.ndarray: uint8 (L, H, W), 1 <= L <= 5.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As :func:`unpack_losing_votes`.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: there are no such losing votes') from None
    return unpack_losing_votes(content, str(path), shape, num_classes)


def unpack_losing_votes(
    content: bytes, name: str, shape: tuple[int, int], num_classes: int
) -> np.ndarray:
    """Give the labels that lost the vote from the content of their file.

    Args:
        content (bytes): Content of the file.
        name (str): Path of the file, for messages.
        shape (tuple[int, int]): (H, W) of the image's other masks.
        num_classes (int): K; labels must be below it or 255.

    Returns:
        np.ndarray: uint8 (L, H, W), 1 <= L <= 5, 255 where there is none.

    Raises:
        ValueError: If the file is no whole mask, has a label out of range, or is not L times as
            high as the image and as wide.
    """
    stack = decode_mask(content, name, num_classes=num_classes, stacked=MAX_LOSING_VOTES)
    height, width = shape
    number, rest = divmod(stack.shape[0], height)
    if stack.shape[1] != width or rest or not 1 <= number <= MAX_LOSING_VOTES:
        raise ValueError(
            f'{name}: {stack.shape[0]} x {stack.shape[1]} (height x width), expected 1 to '
            f'{MAX_LOSING_VOTES} masks of {height} x {width} one below the other, the size of its '
            'image and of every other mask of it'
        )
    return stack.reshape(number, height, width)


def no_losing_votes(shape: tuple[int, int]) -> np.ndarray:
    """Give the losing votes of an image without any, uint8 (1, H, W)."""
    return np.full((1, *shape), IGNORE_INDEX, np.uint8)
