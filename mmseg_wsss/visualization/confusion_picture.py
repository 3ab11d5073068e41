"""Where labels are right and wrong, and whether the seeds were sure of them."""

from __future__ import annotations

import numpy as np

from mmseg_wsss.seeds import IGNORE_INDEX, noisy_mask

# Blue and orange can be told apart by colour-blind people, and dark from light by everyone.
CONFUSION_COLORS = {
    'right, clean': (214, 232, 246),
    'right, noisy': (86, 156, 214),
    'wrong, noisy': (255, 190, 110),
    'wrong, clean': (190, 60, 20),
    'no vote': (90, 90, 90),
    'void in the truth': (255, 255, 255),
}


def confusion_picture(
    truth: np.ndarray, label: np.ndarray, agreement: np.ndarray, threshold: int
) -> np.ndarray:
    """Paint every pixel by whether its label is right and whether it is clean.

    Args:
        truth (np.ndarray): uint8 (H, W), 255 is void.
        label (np.ndarray): The aggregate, uint8 (H, W), 255 where no seed votes.
        agreement (np.ndarray): Votes for it, uint8 (H, W).
        threshold (int): Votes that make a pixel clean, at least 1.

    Returns:
        np.ndarray: uint8 (H, W, 3) RGB, in ``CONFUSION_COLORS``.

    Raises:
        ValueError: If the shapes differ or the threshold is below 1.

    >>> maps = (np.array([row], np.uint8) for row in ([1, 1, 255], [1, 2, 2], [6, 5, 6]))
    >>> confusion_picture(*maps, threshold=6).tolist()
    [[[214, 232, 246], [255, 190, 110], [255, 255, 255]]]
    """
    if truth.shape != label.shape:
        raise ValueError(f'the label has shape {label.shape}, the truth {truth.shape}')
    noisy = noisy_mask(label, agreement, threshold)
    right = truth == label
    # In the order of the colours.
    kind = np.where(right, noisy, 3 - noisy.astype(np.uint8)).astype(np.uint8)
    kind[label == IGNORE_INDEX] = 4
    kind[truth == IGNORE_INDEX] = 5
    return np.array(list(CONFUSION_COLORS.values()), np.uint8)[kind]
