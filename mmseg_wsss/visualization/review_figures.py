"""All pictures of one image by which its seeds are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmseg_wsss.seeds import AGGREGATED_FOLDER

from .confusion_picture import confusion_picture
from .figure_row import Figure
from .pictures import agreement_picture, blend, color_mask


def review_figures(
    masks: Mapping[str, np.ndarray],
    agreement: np.ndarray,
    num_seeds: int,
    palette: Sequence[Sequence[int]],
    image: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    prediction: np.ndarray | None = None,
    threshold: int | None = None,
    opacity: float = 0.6,
) -> list[Figure]:
    """Show whatever there is of an image: photograph, truth, prediction, votes, seeds.

    Args:
        masks (Mapping[str, np.ndarray]): uint8 (H, W) by name: seeds, if there are any, and
            ``'aggregated'``.
        agreement (np.ndarray): uint8 (H, W), 0 to S.
        num_seeds (int): S.
        palette (Sequence[Sequence[int]]): RGB colour of each class.
        image (np.ndarray, optional): uint8 (H, W, 3) RGB; masks are laid over it.
        truth (np.ndarray, optional): uint8 (H, W); right and wrong labels are shown too.
        prediction (np.ndarray, optional): uint8 (H, W), of a network; shown next to the truth.
        threshold (int, optional): Votes that make a pixel clean; all of them where None.
        opacity (float): Of a mask over the image, 0 to 1.

    Returns:
        list[Figure]: Pictures uint8 (H, W, 3) with captions.

    Raises:
        ValueError: If shapes differ or a label has no colour.
    """
    threshold = num_seeds if threshold is None else threshold

    def painted(mask: np.ndarray) -> np.ndarray:
        colors = color_mask(mask, palette)
        return colors if image is None else blend(image, colors, opacity)

    label = masks[AGGREGATED_FOLDER]
    figures = [] if image is None else [(image, 'image')]
    figures += [
        (painted(mask), name)
        for name, mask in (('prediction', prediction), ('truth', truth))
        if mask is not None
    ]
    figures += [
        (painted(label), 'aggregate'),
        (agreement_picture(agreement, num_seeds), 'agreement'),
    ]
    if truth is not None:
        picture = confusion_picture(truth, label, agreement, threshold)
        figures.append((picture, f'right and wrong, clean from {threshold} votes'))
    figures += [
        (painted(mask), f'seed {name}') for name, mask in masks.items() if name != AGGREGATED_FOLDER
    ]
    return figures
