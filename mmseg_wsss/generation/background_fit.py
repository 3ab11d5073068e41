"""Finds the background threshold of a set of images without masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import chain, takewhile
from typing import Any

import numpy as np
from mmengine import dist
from torch import Tensor

from ..seeds import IGNORE_INDEX
from ..seeds.refine import RefinerInput, SeedRefiner
from ..seeds.threshold import (
    NUM_BINS,
    activation_histogram,
    fit_mixture,
    separating_threshold,
)
from ..store import AGGREGATED_FOLDER, SeedManifest, SeedStore, read_mask
from ..utils.image import resize_image
from ..utils.progress import Progress
from .images import SeedImage, SeedSample
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
    for sample, (maps,) in _branching_maps(source, refiners, [()], settings, images):
        yield sample, maps


def _branching_maps(
    source: SeedSource,
    shared: Sequence[SeedRefiner],
    branches: Sequence[Sequence[SeedRefiner]],
    settings: SeedSettings,
    images: Sequence[SeedImage],
) -> Iterator[tuple[SeedSample, list[Tensor]]]:
    """Make activation maps, refine them by what all branches share, then by each branch."""
    needed = check_features(source, [*shared, *chain.from_iterable(branches)])
    samples = source.dataset(images, settings.seeds, settings.num_draws, settings.random_seed)
    for index in range(len(samples)):
        sample = samples[index]
        ((maps, features),) = source.maps_and_features([sample], needed)
        refined = [maps] * len(branches)
        if maps.shape[1]:
            inputs = RefinerInput(
                [resize_image(sample.image, tuple(maps.shape[-2:]), 'area')],
                [sample.info.tags],
                [sample.info.image_id],
                None if features is None else features[None],
            )
            maps = _refine(shared, maps[None], inputs)
            refined = [_refine(branch, maps, inputs)[0] for branch in branches]
        yield sample, refined


def _refine(refiners: Sequence[SeedRefiner], maps: Tensor, inputs: RefinerInput) -> Tensor:
    for refiner in refiners:
        maps = refiner(maps, inputs)
    return maps


def fit_background(
    source: SeedSource,
    refiners: Sequence[SeedRefiner],
    settings: SeedSettings,
    images: Sequence[SeedImage],
) -> dict[str, Any]:
    """Find the background threshold from the activations of a sample of images.

    Without labels it is where a mixture of two normal distributions crosses. With
    ``settings.background_labels``, a seed root, it is where the pixels that its seeds agree on are
    told apart best. Where refiners shift it (``shifts_threshold``) it is halfway between that of
    the maps and that of the maps without these refiners (a reading of this project). The processes
    of a launcher share the sample; all get the same result, whatever their number.

    Args:
        source (SeedSource): Gives the maps.
        refiners (Sequence[SeedRefiner]): The chain; those of maps are applied.
        settings (SeedSettings): Seeds, draws and labels.
        images (Sequence[SeedImage]): All images; those without tags say nothing.

    Returns:
        dict[str, Any]: ``threshold``, ``counts`` (histogram of the highest positive activations),
        ``images`` (how many were looked at), and the two components as ``weights``, ``means`` and
        ``deviations``, or with labels the histograms ``background`` and ``foreground``. Where
        refiners shift the threshold, ``thresholds``, that without these and that of the maps.

    Raises:
        FileNotFoundError, ValueError: If the activations do not show two kinds of pixels, or the
            labels cannot be read.
    """
    refiners = [refiner for refiner in refiners if refiner.works_on == 'maps']
    shared = list(takewhile(lambda refiner: not refiner.shifts_threshold, refiners))
    branches = [refiners[len(shared) :]]
    if branches[0]:
        branches.append([refiner for refiner in branches[0] if not refiner.shifts_threshold])
    tagged = [image for image in images if image.tags]
    labels = None
    if settings.background_labels is not None:
        labels = AgreedLabels(settings.background_labels)
        tagged = [image for image in tagged if image.image_id in labels.image_ids]
    sample = sample_images(tagged or images[:1], SAMPLE_SIZE)
    counts = np.zeros((len(branches), 3, NUM_BINS), np.int64)
    try:
        mine = sample[dist.get_rank() :: dist.get_world_size()]
        progress = Progress(len(mine), 'images for the background threshold')
        for one, refined in _branching_maps(source, shared, branches, settings, mine):
            for place, maps in enumerate(refined):
                values = maps.cpu().numpy()
                counts[place, 0] += activation_histogram(values)
                if labels is not None and one.info.tags:
                    counts[place, 1:] += labels.histograms(one.info.image_id, values)
            progress.step()
        counts = sum(dist.all_gather_object(counts))
        fits = [_fit(one, labels is not None) for one in counts]
    except ValueError as error:
        raise ValueError(
            f"background.threshold='auto': {error}; give a threshold, e.g. one that "
            'tools/background_curve.py shows to be good.'
        ) from None
    found = dict(images=len(sample), **fits[0])
    if len(fits) > 1:
        found['thresholds'] = [fits[1]['threshold'], fits[0]['threshold']]
        found['threshold'] = round(sum(found['thresholds']) / 2, 4)
    return found


def _fit(counts: np.ndarray, labelled: bool) -> dict[str, Any]:
    """Threshold of the histograms (3, NUM_BINS): all pixels, labelled background and foreground."""
    every, background, foreground = counts
    found: dict[str, Any] = dict(counts=every.tolist())
    if labelled:
        found['threshold'] = separating_threshold(background, foreground, every)
        return {**found, 'background': background.tolist(), 'foreground': foreground.tolist()}
    fit = fit_mixture(every)
    return dict(
        found,
        threshold=fit.threshold,
        weights=[round(value, 4) for value in fit.weights],
        means=[round(value, 4) for value in fit.means],
        deviations=[round(value, 4) for value in fit.deviations],
    )


class AgreedLabels:
    """The labels that all seeds of a root agree on.

    Args:
        root (str): The seed root.

    Raises:
        FileNotFoundError, ValueError: If there is none, or its manifest is damaged.
    """

    def __init__(self, root: str) -> None:
        self.store = SeedStore(root)
        self.manifest = SeedManifest.load(self.store.manifest_path)
        self.image_ids = set(self.manifest.images)

    def histograms(self, image_id: str, maps: np.ndarray) -> np.ndarray:
        """Count the highest activations of agreed background and agreed foreground.

        Args:
            image_id (str): The image's id.
            maps (np.ndarray): (S, P, H, W) of the image.

        Returns:
            np.ndarray: (2, NUM_BINS) int64; activations of 0 are in the first bin.
        """
        label = read_mask(self.store.mask_path(AGGREGATED_FOLDER, image_id))
        agreement = self.store.read_agreement(image_id, len(self.manifest.seeds), label.shape)
        label = np.where(agreement == len(self.manifest.seeds), label, np.uint8(IGNORE_INDEX))
        label = resize_image(label, tuple(maps.shape[-2:]), 'nearest')
        bins = np.ceil(maps.max(axis=1) * NUM_BINS).astype(np.int64) - 1
        bins = bins.clip(0, NUM_BINS - 1)
        kinds = (label == 0, (label != 0) & (label != IGNORE_INDEX))
        return np.stack([np.bincount(bins[:, kind].ravel(), minlength=NUM_BINS) for kind in kinds])
