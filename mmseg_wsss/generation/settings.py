"""Which images the ``seed_generation`` section of a classifier's config asks for."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from ..registry import DATASETS
from .images import SeedImage


def read_images(dataset: Mapping[str, Any]) -> tuple[list[SeedImage], list[str], list | None]:
    """List the images of a :class:`mmseg_wsss.datasets.TagsDataset` and their tags.

    Args:
        dataset (Mapping): Config of the data set; its pipeline is not used.

    Returns:
        tuple: The images, all class names (background first), the palette or None.

    Raises:
        ValueError: If the data set is no ``TagsDataset``; what the data set itself refuses, such as
            an image without a tags entry, is raised as it is.
    """
    config = {**copy.deepcopy(dict(dataset)), 'pipeline': [], 'lazy_init': False}
    built = DATASETS.build(config)
    if not hasattr(built, 'all_classes'):
        raise ValueError(
            f'seed_generation.dataset is a {type(built).__name__}; expected a TagsDataset, which '
            'knows ids and tags of the images.'
        )
    images = []
    for index in range(len(built)):
        info = built.get_data_info(index)
        tags = tuple(sorted(label + 1 for label in info['gt_label']))
        images.append(SeedImage(info['image_id'], info['img_path'], tags))
    return images, list(built.all_classes), built.metainfo.get('palette')


def seed_dataset(config: Config, section: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the data set whose images seeds are made of.

    Args:
        config (Config): The classifier's config.
        section (Mapping): Its ``seed_generation``.

    Returns:
        Mapping: The section's ``dataset``, by default that of ``train_dataloader``.

    Raises:
        ValueError: If there is neither.
    """
    dataset = section.get('dataset') or config.get('train_dataloader', {}).get('dataset')
    if dataset is None:
        raise ValueError(
            'The config has neither seed_generation.dataset nor train_dataloader.dataset: there '
            'are no images to make seeds of.'
        )
    return dataset
