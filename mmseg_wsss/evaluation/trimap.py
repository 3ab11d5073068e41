"""The band along the outlines of the truth, where seeds are hardest to get right."""

from __future__ import annotations

import cv2
import numpy as np


def boundary_band(truth: np.ndarray, width: int) -> np.ndarray:
    """Tell the pixels near an outline: another label lies within ``width`` rows and columns.

    Void (255) counts as a label of its own, so that PASCAL VOC's void outlines have a band too;
    their own pixels are in it as well and are left out with all void pixels when scores are
    counted. The border of the image is no outline.

    Args:
        truth (np.ndarray): uint8 (H, W).
        width (int): In pixels, at least 1.

    Returns:
        np.ndarray: bool (H, W).

    Raises:
        ValueError: If the width is below 1.

    >>> boundary_band(np.array([[0, 0, 0, 2, 2, 2]], np.uint8), 1).astype(int)
    array([[0, 0, 1, 1, 0, 0]])
    """
    if width < 1:
        raise ValueError(f'width={width}, expected at least 1')
    window = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    return cv2.dilate(truth, window) != cv2.erode(truth, window)
