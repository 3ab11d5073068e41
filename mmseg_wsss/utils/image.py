"""The one way images are read outside of mmseg's and mmpretrain's pipelines."""

from __future__ import annotations

import mmcv
import numpy as np
from mmengine import fileio


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
    content = fileio.get(path, backend_args)
    image = None
    if content:
        image = mmcv.imfrombytes(content, flag='color', channel_order='bgr', backend='cv2')
    if image is None:
        raise ValueError(f'{path}: not a readable image ({len(content)} bytes).')
    return np.ascontiguousarray(image[..., ::-1])
