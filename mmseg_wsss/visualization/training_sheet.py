"""What a network in training makes of its seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmseg_wsss.seeds import decode_seed_label

from .confusion_picture import confusion_picture
from .pictures import agreement_picture, blend, color_mask, picture_sheet

TITLES = ('image', 'label', 'clean (white), noisy', 'prediction', 'prediction against label')


def training_sheet(
    samples: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    palette: Sequence[Sequence[int]],
    opacity: float = 0.6,
    cell: int = 192,
) -> np.ndarray:
    """Show samples of a training batch, one a row.

    The last column has the colours of :data:`CONFUSION_COLORS`, with the label in the place of the
    truth: pale blue clean pixels predicted as labelled, dark red clean pixels that are not, orange
    noisy pixels whose prediction left the label.

    Args:
        samples (Sequence): Of each sample the image uint8 (H, W, 3) RGB, the codes of its pixels
            (see :func:`~mmseg_wsss.seeds.encode_seed_label`) and the prediction uint8, (H, W) each.
        palette (Sequence[Sequence[int]]): RGB colour of each class.
        opacity (float): Of labels over the image, 0 to 1.
        cell (int): Side of a picture.

    Returns:
        np.ndarray: uint8 (H, W, 3).

    Raises:
        ValueError: If there is no sample, shapes differ or a label has no colour.
    """
    rows = []
    for image, code, prediction in samples:
        label, noisy = decode_seed_label(code)
        clean = (~noisy).astype(np.uint8)
        rows.append(
            [
                image,
                blend(image, color_mask(label, palette), opacity),
                agreement_picture(clean, 1),
                blend(image, color_mask(prediction, palette), opacity),
                confusion_picture(label, prediction, clean, threshold=1),
            ]
        )
    return picture_sheet(rows, TITLES if rows else (), cell=cell)
