"""Rows of pictures that show the chain from tags to a network, image by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .figure_row import Figure
from .pictures import activation_picture, agreement_picture, blend, color_mask


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
        truth (np.ndarray): uint8 (H, W); only shown, to judge by.
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
        (blend(image, color_mask(truth, palette)), 'truth (never trained on)'),
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
    labels = {**predictions, 'truth': truth}
    return [
        (image, 'image'),
        *((blend(image, color_mask(mask, palette)), name) for name, mask in labels.items()),
    ]
