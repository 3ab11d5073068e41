"""Activation maps of images, one after the other, without making seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn

from ..seeds import PAPER_SEEDS, Seed
from .background_fit import refined_maps
from .images import SeedImage, SeedSample
from .settings import SeedSettings
from .sources import build_source


def activation_stream(
    settings: SeedSettings,
    model: nn.Module,
    images: Sequence[SeedImage],
    seeds: Sequence[Seed],
    device: str | torch.device = 'cpu',
) -> Iterator[tuple[SeedSample, Tensor]]:
    """Make the activation maps that the seeds of a config start from, refined as maps.

    Args:
        settings (SeedSettings): Of the classifier's config.
        model (nn.Module): The trained classifier.
        images (Sequence[SeedImage]): The images.
        seeds (Sequence[Seed]): Whose maps, with their own dropout and scale.
        device (str | torch.device): Where the network runs.

    Yields:
        tuple[SeedSample, Tensor]: The image and its maps, float32 (S, P, H, W) in [0, 1] with P its
        number of tags; smaller than the image where memory does not suffice.

    Raises:
        ValueError: As the parts of ``settings``.
    """
    settings = replace(settings, seeds=seeds, device=device, compile_backend=None)
    source, refiners = build_source(model, settings), settings.build_refiners()
    yield from refined_maps(source, refiners, settings, images)


def class_activation(
    config: Config,
    model: nn.Module,
    image_ids: Sequence[str],
    seed: Seed = PAPER_SEEDS[0],
) -> dict[str, dict[str, np.ndarray]]:
    """Make the activation maps that a seed of a classifier's config starts from.

    Args:
        config (Config): The classifier's config; the images are those of its
            ``seed_generation.dataset``, by default ``train_dataloader.dataset``.
        model (nn.Module): The trained classifier.
        image_ids (Sequence[str]): Ids of images of that data set.
        seed (Seed): Whose maps, with its own dropout and scale.

    Returns:
        dict: For each image id, float32 (H, W) maps in [0, 1] by class name, one per tag.

    Raises:
        ValueError: If an id is not in the data set, or as in
            :class:`ActivationExtractor`.
    """
    settings = SeedSettings.from_config(config)
    images, classes, _ = settings.read_images()
    by_id = {image.image_id: image for image in images}
    unknown = [image_id for image_id in image_ids if image_id not in by_id]
    if unknown:
        raise ValueError(f'Not in the data set: {", ".join(unknown)}.')
    maps = {}
    chosen = [by_id[image_id] for image_id in image_ids]
    for sample, activation in activation_stream(settings, model, chosen, [seed]):
        maps[sample.info.image_id] = {
            classes[tag]: values.numpy()
            for tag, values in zip(sample.info.tags, activation[0], strict=True)
        }
    return maps
