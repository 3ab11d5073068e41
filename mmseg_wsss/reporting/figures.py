"""All pictures of one image: its seeds, the chain from tags to a network, a training sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..seeds import decode_seed_label
from ..store import AGGREGATED_FOLDER
from .page import Figure
from .pictures import (
    PAPER,
    activation_picture,
    agreement_picture,
    blend,
    color_mask,
    confusion_picture,
    picture_sheet,
)


def figure_sheet(figures: Sequence[Figure], columns: int = 4, cell: int = 224) -> np.ndarray:
    """Arrange pictures in rows, each below its title.

    Args:
        figures (Sequence[Figure]): Pictures uint8 (H, W, 3) of any size, and titles.
        columns (int): Pictures in a row, at least 1.
        cell (int): Side of a cell in pixels; pictures are made to fit it.

    Returns:
        np.ndarray: uint8 (H, W, 3).

    Raises:
        ValueError: If there is no picture or ``columns`` is below 1.
    """
    if not figures or columns < 1:
        raise ValueError(f'{len(figures)} pictures in {columns} columns, expected at least 1 each')
    rows = [figures[start : start + columns] for start in range(0, len(figures), columns)]
    sheets = [
        picture_sheet([[picture for picture, _ in row]], [title for _, title in row], cell=cell)
        for row in rows
    ]
    width = max(sheet.shape[1] for sheet in sheets)
    paper = [np.full((sheet.shape[0], width, 3), PAPER, np.uint8) for sheet in sheets]
    for blank, sheet in zip(paper, sheets, strict=True):
        blank[:, : sheet.shape[1]] = sheet
    return np.concatenate(paper)


def seed_figures(
    image: np.ndarray,
    activation: Mapping[str, np.ndarray],
    seeds: Mapping[str, np.ndarray],
    aggregate: np.ndarray,
    agreement: np.ndarray,
    truth: np.ndarray,
    palette: Sequence[Sequence[int]],
) -> list[Figure]:
    """Show how an image's training labels come about.

    Args:
        image (np.ndarray): uint8 (H, W, 3) RGB.
        activation (Mapping[str, np.ndarray]): Activation maps float (H, W) in [0, 1] by class name;
            empty for an image without tags.
        seeds (Mapping[str, np.ndarray]): Seeds uint8 (H, W) by name.
        aggregate (np.ndarray): uint8 (H, W).
        agreement (np.ndarray): uint8 (H, W), 0 to the number of seeds.
        truth (np.ndarray): uint8 (H, W); only shown, for comparison.
        palette (Sequence[Sequence[int]]): RGB colour of each class.

    Returns:
        list[Figure]: Pictures uint8 (H, W, 3) with captions: the image with its tags, an activation
        map per tag, the seeds, the aggregate, the agreement, the truth.

    Raises:
        ValueError: If a shape differs from the image's or a label has no colour.
    """
    figures = [(image, f'image, tags: {", ".join(activation) or "none"}')]
    figures += [
        (activation_picture(image, values), f'activation map, {name}')
        for name, values in activation.items()
    ]
    figures += [
        (blend(image, color_mask(mask, palette)), f'seed {name}') for name, mask in seeds.items()
    ]
    figures += [
        (blend(image, color_mask(aggregate, palette)), 'aggregate'),
        (agreement_picture(agreement, len(seeds)), 'agreement'),
        (blend(image, color_mask(truth, palette)), 'ground truth (never trained on)'),
    ]
    return figures


def prediction_figures(
    image: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    truth: np.ndarray,
    palette: Sequence[Sequence[int]],
) -> list[Figure]:
    """Show what networks make of an image they have not seen.

    Args:
        image (np.ndarray): uint8 (H, W, 3) RGB.
        predictions (Mapping[str, np.ndarray]): Label maps uint8 (H, W) by name of the network.
        truth (np.ndarray): uint8 (H, W).
        palette (Sequence[Sequence[int]]): RGB colour of each class.

    Returns:
        list[Figure]: The image, the predictions over it, the truth over it, with captions.

    Raises:
        ValueError: If a shape differs from the image's or a label has no colour.
    """
    labels = {**predictions, 'ground truth': truth}
    return [
        (image, 'image'),
        *((blend(image, color_mask(mask, palette)), name) for name, mask in labels.items()),
    ]


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
        for name, mask in (('prediction', prediction), ('ground truth', truth))
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
