"""Finds the background threshold of a set of images without masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from mmengine import dist
from torch import Tensor

from ..seeds.refine import RefinerInput, SeedRefiner
from ..seeds.threshold import NUM_BINS, activation_histogram, fit_mixture
from ..utils.image import resize_image
from ..utils.progress import Progress
from .images import SeedImage, SeedImageDataset, SeedSample
from .settings import SeedSettings
from .sources import SeedSource, check_features

# Enough for the second decimal of the threshold.
SAMPLE_SIZE = 200


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


def refined_maps(
    source: SeedSource,
    refiners: Sequence[SeedRefiner],
    settings: SeedSettings,
    images: Sequence[SeedImage],
) -> Iterator[tuple[SeedSample, Tensor]]:
    """Make the activation maps that backgrounds are put before, one image after the other.

    Args:
        source (SeedSource): Gives the maps.
        refiners (Sequence[SeedRefiner]): Those of maps are applied.
        settings (SeedSettings): Seeds and draws.
        images (Sequence[SeedImage]): The images.

    Yields:
        tuple[SeedSample, Tensor]: The image and its maps (S, P, H, W).
    """
    refiners = [refiner for refiner in refiners if refiner.works_on == 'maps']
    needed = check_features(source, refiners)
    samples = SeedImageDataset(
        images,
        source.views,
        settings.seeds,
        source.num_channels,
        settings.num_draws,
        settings.random_seed,
        source.flip,
    )
    for index in range(len(samples)):
        sample = samples[index]
        features = None
        if needed:
            ((maps, features),) = source.with_features([sample])
        else:
            (maps,) = source([sample])
        if maps.shape[1]:
            inputs = RefinerInput(
                [resize_image(sample.image, tuple(maps.shape[-2:]), 'area')],
                [sample.info.tags],
                [sample.info.image_id],
                None if features is None else features[None],
            )
            for refiner in refiners:
                maps = refiner(maps[None], inputs)[0]
        yield sample, maps


def fit_background(
    source: SeedSource,
    refiners: Sequence[SeedRefiner],
    settings: SeedSettings,
    images: Sequence[SeedImage],
) -> dict[str, Any]:
    """Find the background threshold from the activations of a sample of images.

    The processes of a launcher share the sample; all get the same result, whatever their number.

    Args:
        source (SeedSource): Gives the maps.
        refiners (Sequence[SeedRefiner]): The chain; those of maps are applied.
        settings (SeedSettings): Seeds and draws.
        images (Sequence[SeedImage]): All images; those without tags say nothing.

    Returns:
        dict[str, Any]: ``threshold``, the two components as ``weights``, ``means`` and
        ``deviations``, ``counts`` (the histogram) and ``images`` (how many were looked at).

    Raises:
        ValueError: If the activations do not show two kinds of pixels.
    """
    sample = sample_images([image for image in images if image.tags] or images[:1], SAMPLE_SIZE)
    mine = sample[dist.get_rank() :: dist.get_world_size()]
    counts = np.zeros(NUM_BINS, np.int64)
    progress = Progress(len(mine), 'images for the background threshold')
    for _, maps in refined_maps(source, refiners, settings, mine):
        counts += activation_histogram(maps.cpu().numpy())
        progress.step()
    counts = sum(dist.all_gather_object(counts))
    try:
        fit = fit_mixture(counts)
    except ValueError as error:
        raise ValueError(
            f"background.threshold='auto': {error}, e.g. one that tools/background_curve.py "
            'shows to be good.'
        ) from None
    return dict(
        threshold=fit.threshold,
        weights=[round(value, 4) for value in fit.weights],
        means=[round(value, 4) for value in fit.means],
        deviations=[round(value, 4) for value in fit.deviations],
        counts=counts.tolist(),
        images=len(sample),
    )
