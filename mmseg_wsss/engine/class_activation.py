"""Activation maps of a few images, to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.config import Config
from torch import nn

from mmseg_wsss.seeds import PAPER_SEEDS, Seed

from .activation_stream import activation_stream
from .seed_config import read_images, seed_dataset


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
            :class:`~.activation_extractor.ActivationExtractor`.
    """
    section = config.get('seed_generation', None) or {}
    images, classes, _ = read_images(seed_dataset(config, section))
    by_id = {image.image_id: image for image in images}
    unknown = [image_id for image_id in image_ids if image_id not in by_id]
    if unknown:
        raise ValueError(f'Not in the data set: {", ".join(unknown)}.')
    maps = {}
    chosen = [by_id[image_id] for image_id in image_ids]
    for sample, activation in activation_stream(section, model, chosen, [seed]):
        maps[sample.info.image_id] = {
            classes[tag]: values.numpy()
            for tag, values in zip(sample.info.tags, activation[0], strict=True)
        }
    return maps
