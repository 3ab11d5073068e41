"""Saliency maps on disk: 8-bit grey PNG files ``<folder>/<image id>.png``, of the image's size."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from ..utils.atomic import write_atomic
from ..utils.pixel_limit import DECODER_ERRORS, check_pixels, open_image
from .image_ids import check_image_id

# How a network made the maps of a folder.
SETTINGS_NAME = 'saliency.json'


class SaliencyFolder:
    """A folder of saliency maps of any method: 0 is not salient, 255 is.

    Args:
        root (str | os.PathLike): The folder.

    Raises:
        FileNotFoundError: If there is no such folder.
    """

    def __init__(self, root: str | os.PathLike) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise FileNotFoundError(
                f'{self.root}: there is no such folder of saliency maps; tools/make_saliency.py '
                'makes one.'
            )

    def path(self, image_id: str) -> Path:
        """The file of an image's map."""
        return self.root / f'{check_image_id(image_id, str(self.root))}.png'

    def read(self, image_id: str, shape: tuple[int, int] | None = None) -> np.ndarray:
        """Read an image's map.

        Args:
            image_id (str): The image's id.
            shape (tuple[int, int], optional): The image's (H, W).

        Returns:
            np.ndarray: uint8 (H, W).

        Raises:
            FileNotFoundError: If it is missing.
            ValueError: If it is no 8-bit grey image or of another size.
        """
        return read_saliency(self.path(image_id), shape)


def read_saliency(path: str | os.PathLike, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Read a saliency map.

    Args:
        path (str | os.PathLike): The PNG file.
        shape (tuple[int, int], optional): The image's (H, W).

    Returns:
        np.ndarray: uint8 (H, W).

    Raises:
        FileNotFoundError: If it is missing.
        ValueError: If it is no 8-bit grey image or of another size.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: the saliency map is missing')
    try:
        with open_image(path, ['PNG']) as file:
            check_pixels(path, file.height, file.width)
            mode, saliency = file.mode, np.array(file)
    except DECODER_ERRORS as error:
        raise ValueError(f'{path}: not a readable saliency map ({error})') from None
    if mode != 'L':
        raise ValueError(f'{path}: a PNG of mode {mode}, expected 8-bit grey (L)')
    if shape is not None and saliency.shape != tuple(shape):
        raise ValueError(
            f'{path}: the saliency map has {saliency.shape[0]} x {saliency.shape[1]} pixels '
            f'(height x width), its image {shape[0]} x {shape[1]}'
        )
    return saliency


def write_saliency(path: str | os.PathLike, saliency: np.ndarray) -> None:
    """Write a saliency map atomically.

    Args:
        path (str | os.PathLike): The PNG file.
        saliency (np.ndarray): uint8 (H, W).
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(saliency, 'L').save(buffer, 'PNG', compress_level=1)
    write_atomic(path, buffer.getvalue())
