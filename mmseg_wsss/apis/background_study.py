"""How good the activation maps of a classifier are at every background threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np
import torch
from torch import nn

from ..evaluation.background_curve import (
    NUM_THRESHOLDS,
    BackgroundCurve,
    count_background,
    rank_activation,
)
from ..evaluation.scores import GroundTruthFolder
from ..generation.activations import activation_stream
from ..generation.images import SeedImage
from ..seeds import Seed
from ..utils.image import resize_image
from ..utils.progress import Progress


def study_background(
    section: Mapping,
    model: nn.Module,
    images: Sequence[SeedImage],
    classes: Sequence[str],
    seeds: Sequence[Seed],
    truth: GroundTruthFolder,
    device: str | torch.device = 'cpu',
) -> dict[str, BackgroundCurve]:
    """Count the activation maps of images against their true masks.

    Args:
        section (Mapping): The ``seed_generation`` section of the classifier's config.
        model (nn.Module): The trained classifier.
        images (Sequence[SeedImage]): The images.
        classes (Sequence[str]): All K class names, background first.
        seeds (Sequence[Seed]): Whose maps; one curve each.
        truth (GroundTruthFolder): The true masks, at the images' own size.
        device (str | torch.device): Where the network runs.

    Returns:
        dict[str, BackgroundCurve]: By name of the seed.

    Raises:
        FileNotFoundError: If true masks are missing, before any map is made.
        ValueError: If a true mask is damaged, of another size or has a label out of range, or as
            :func:`~.activation_stream.activation_stream`.
    """
    missing = [
        str(path) for path in (truth.path(image.image_id) for image in images) if not path.is_file()
    ]
    if missing:
        raise FileNotFoundError(
            f'{len(missing)} of {len(images)} true masks are missing, first '
            f'{", ".join(missing[:3])}'
        )
    num_classes = len(classes)
    counts = {
        seed.name: np.zeros((num_classes, num_classes, NUM_THRESHOLDS + 1), np.int64)
        for seed in seeds
    }
    progress = Progress(len(images), 'images to evaluate')
    for sample, maps in activation_stream(section, model, images, seeds, device):
        true = truth.read(sample.info.image_id, sample.size, classes)
        for name, activation in zip(counts, maps.cpu().numpy(), strict=True):
            label, exceeded = (
                # As the masks of seeds: those of a shrunk image are enlarged.
                resize_image(values, sample.size, 'nearest')
                for values in rank_activation(activation, sample.info.tags)
            )
            counts[name] += count_background(true, label, exceeded, num_classes).counts
        progress.step()
    return {name: BackgroundCurve(values) for name, values in counts.items()}


def sample_images(images: Sequence[SeedImage], number: int) -> list[SeedImage]:
    """Draw images by a hash of their ids, the same ones in every run.

    Args:
        images (Sequence[SeedImage]): All images.
        number (int): Images at most, at least 1.

    Returns:
        list[SeedImage]: In the order of ``images``.

    Raises:
        ValueError: If ``number`` is below 1.
    """
    if number < 1:
        raise ValueError(f'{number} images, expected at least 1')
    ranked = sorted(images, key=lambda image: sha256(image.image_id.encode()).digest())
    chosen = {image.image_id for image in ranked[:number]}
    return [image for image in images if image.image_id in chosen]
