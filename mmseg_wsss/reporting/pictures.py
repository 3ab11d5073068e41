"""Pictures of labels, activation maps, agreement and errors, all uint8 (H, W, 3) RGB."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..seeds import IGNORE_INDEX, noisy_mask

IGNORE_COLOR = (224, 224, 192)
PAPER = (255, 255, 255)
INK = (40, 40, 40)


def color_mask(mask: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Paint a label map.

    Args:
        mask (np.ndarray): uint8 (H, W), labels below K or 255.
        palette (Sequence[Sequence[int]]): K RGB colours. 255 becomes a pale grey.

    Returns:
        np.ndarray: uint8 (H, W, 3).

    Raises:
        ValueError: If a label has no colour.

    >>> color_mask(np.array([[0, 255]], np.uint8), [[1, 2, 3]]).tolist()
    [[[1, 2, 3], [224, 224, 192]]]
    """
    outside = mask[(mask >= len(palette)) & (mask != IGNORE_INDEX)]
    if outside.size:
        raise ValueError(f'label {outside.max()}, but there are {len(palette)} colours')
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(palette)] = palette
    colors[IGNORE_INDEX] = IGNORE_COLOR
    return colors[mask]


def blend(image: np.ndarray, picture: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    """Lay a picture over an image.

    Args:
        image (np.ndarray): uint8 (H, W, 3).
        picture (np.ndarray): The same shape.
        opacity (float): Of the picture, 0 to 1.

    Returns:
        np.ndarray: uint8 (H, W, 3).

    Raises:
        ValueError: If the shapes differ.
    """
    if image.shape != picture.shape:
        raise ValueError(f'the picture has shape {picture.shape}, the image {image.shape}')
    mixed = (1 - opacity) * image.astype(np.float32) + opacity * picture.astype(np.float32)
    return np.round(mixed).astype(np.uint8)


def activation_picture(image: np.ndarray, activation: np.ndarray) -> np.ndarray:
    """Show an activation map as heat over the image.

    Args:
        image (np.ndarray): uint8 (H, W, 3).
        activation (np.ndarray): float (H, W) in [0, 1].

    Returns:
        np.ndarray: uint8 (H, W, 3): blue where the map is 0, red where it is 1.
    """
    levels = np.round(255 * np.clip(activation, 0, 1)).astype(np.uint8)
    heat = cv2.applyColorMap(levels, cv2.COLORMAP_JET)[..., ::-1]
    return blend(image, heat, 0.55)


def agreement_picture(agreement: np.ndarray, num_seeds: int) -> np.ndarray:
    """Show how many seeds agree: white where all do, the darker red the fewer.

    Args:
        agreement (np.ndarray): uint8 (H, W), 0 to S.
        num_seeds (int): S.

    Returns:
        np.ndarray: uint8 (H, W, 3).

    >>> agreement_picture(np.array([[6, 0]], np.uint8), 6).tolist()
    [[[255, 255, 255], [90, 0, 0]]]
    """
    share = np.clip(agreement.astype(np.float32) / num_seeds, 0, 1)[..., None]
    # A jump below unanimity: one missing vote has to be seen.
    share = np.where(share < 1, 0.75 * share, share)
    fewest, all_agree = np.array([90, 0, 0], np.float32), np.array([255, 255, 255], np.float32)
    return np.round(fewest + share * (all_agree - fewest)).astype(np.uint8)


def picture_sheet(
    rows: Sequence[Sequence[np.ndarray]],
    titles: Sequence[str] = (),
    captions: Sequence[str] = (),
    cell: int = 144,
) -> np.ndarray:
    """Arrange pictures in rows and columns on white.

    Args:
        rows (Sequence[Sequence[np.ndarray]]): Pictures of any size; larger ones are made to fit a
            cell, smaller ones are enlarged to it.
        titles (Sequence[str]): Of the columns; empty for none.
        captions (Sequence[str]): Below the rows; empty for none.
        cell (int): Side of a cell in pixels.

    Returns:
        np.ndarray: uint8 (H, W, 3).

    Raises:
        ValueError: If there is no picture or the numbers do not fit.
    """
    columns = max((len(row) for row in rows), default=0)
    if not columns:
        raise ValueError('there are no pictures')
    if (titles and len(titles) != columns) or (captions and len(captions) != len(rows)):
        raise ValueError(
            f'{len(titles)} titles and {len(captions)} captions for {columns} columns and '
            f'{len(rows)} rows'
        )
    gap, line = 6, 18
    head = line if titles else 0
    height = cell + gap + (line if captions else 0)
    size = (columns * (cell + gap) + gap, head + gap + len(rows) * height)
    sheet = Image.new('RGB', size, PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for column, title in enumerate(titles):
        draw.text((gap + column * (cell + gap), 4), title, INK, font)
    for number, row in enumerate(rows):
        top = head + gap + number * height
        for column, picture in enumerate(row):
            fitted = _fit(picture, cell)
            left = gap + column * (cell + gap) + (cell - fitted.width) // 2
            sheet.paste(fitted, (left, top + (cell - fitted.height) // 2))
        if captions:
            draw.text((gap, top + cell + 2), captions[number], INK, font)
    return np.array(sheet)


def _fit(picture: np.ndarray, cell: int) -> Image.Image:
    height, width = picture.shape[:2]
    factor = cell / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    method = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.LANCZOS
    return Image.fromarray(picture).resize(size, method)


# Blue and orange can be told apart by colour-blind people, and dark from light by everyone.
CONFUSION_COLORS = {
    'right, clean': (214, 232, 246),
    'right, noisy': (86, 156, 214),
    'wrong, noisy': (255, 190, 110),
    'wrong, clean': (190, 60, 20),
    'no vote': (90, 90, 90),
    'void in the ground truth': (255, 255, 255),
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
