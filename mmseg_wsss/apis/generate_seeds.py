"""Makes the seeds that a classifier's config asks for."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine import dist
from mmengine.config import Config
from torch import nn

from ..generation.config_content import config_content
from ..generation.images import SeedImage
from ..generation.pipeline import SeedSummary
from ..generation.seed_generator import SeedGenerator
from ..generation.settings import SeedSettings
from ..generation.sources import SeedSource, part_type
from ..reporting.seed_page import PAGE_NAME, write_seed_root_page
from ..utils.parallel import available_cpus


def check_generation(
    config: Config, **options: Any
) -> tuple[SeedSettings, list[SeedImage], list[str], list | None]:
    """Check all that can be checked of the seeds of a config before there is a classifier.

    Args:
        config (Config): The classifier's config.
        **options: Replace keys of its section ``seed_generation``.

    Returns:
        tuple: The settings, the images, all class names (background first), the palette or None.

    Raises:
        ValueError: If a setting is invalid, there is no place for the seeds, the data set cannot
            work, or the classifier's head does not go with the source or has another number of
            classes than the data set.
    """
    settings, images, classes, palette = _read(config, options)
    ids, paths = [one.image_id for one in images], [one.path for one in images]
    for refiner in settings.build_refiners():  # what they lack is found before the training
        refiner.check(ids, paths)
    return settings, images, classes, palette


def _read(
    config: Config, options: Mapping[str, Any]
) -> tuple[SeedSettings, list[SeedImage], list[str], list | None]:
    """As :func:`check_generation`, without the refiners, which a generator builds and asks."""
    settings = SeedSettings.from_config(config, **options)
    if settings.out is None and config.get('work_dir') is None:
        raise ValueError('Set seed_generation.out or work_dir: there is no place for the seeds.')
    part_type(settings.source, SeedSource, 'source').check_config(config)
    images, classes, palette = settings.read_images()
    number = ((config.get('model') or {}).get('head') or {}).get('num_classes')
    if number is not None and number != len(classes) - 1:
        raise ValueError(
            f'model.head.num_classes is {number}, but the data set has {len(classes) - 1} classes '
            f'without the background ({", ".join(classes[1:4])}, ...).'
        )
    return settings, images, classes, palette


def generate_seeds(
    config: Config,
    model: nn.Module | Mapping[float, nn.Module],
    out: str | os.PathLike | None = None,
    overwrite: bool = False,
    **options: Any,
) -> SeedSummary:
    """Make the seeds that a classifier's config asks for.

    The section ``seed_generation`` of the config may hold every attribute of
    :class:`~mmseg_wsss.generation.SeedSettings`.

    Args:
        config (Config): The classifier's config.
        model (nn.Module | Mapping[float, nn.Module]): The trained classifier, or one per dropout.
        out (str | os.PathLike, optional): Replaces the section's.
        overwrite (bool): Whether to replace a seed root made with other settings, or to drop more
            than half of its images.
        **options: Replace the section's.

    Returns:
        SeedSummary: What was made.

    Raises:
        ValueError: As :func:`check_generation`, or if the seed root was made otherwise.
    """
    if out is not None:
        options['out'] = str(out)
    settings, images, classes, palette = _read(config, options)
    root = settings.out or osp.join(config.work_dir, 'seeds')
    generator = SeedGenerator(model, classes, palette, settings)
    summary = generator.run(images, root, overwrite, config_content(config, settings))
    if dist.is_main_process():
        if settings.report:
            jobs = available_cpus() if generator.num_workers else 1
            write_seed_root_page(root, images, jobs)
        elif summary.made or summary.dropped:
            # It would show other seeds.
            (Path(root) / PAGE_NAME).unlink(missing_ok=True)
    return summary
