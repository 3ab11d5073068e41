"""The ``seed_generation`` section of a classifier's config."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine import dist
from mmengine.config import Config, ConfigDict
from torch import nn

from ..generation.pipeline import SeedSummary
from ..generation.seed_generator import SeedGenerator
from ..generation.settings import read_images, seed_dataset
from ..reporting.seed_page import PAGE_NAME, write_seed_root_page
from ..utils.digest import json_sha256
from ..utils.parallel import available_cpus

# Keys of the section that say where and how, but change no mask.
_NO_CONTENT = ('out', 'device', 'num_workers', 'num_writers', 'dropout_checkpoints', 'report')


def generate_seeds(
    config: Config,
    model: nn.Module | Mapping[float, nn.Module],
    out: str | os.PathLike | None = None,
    overwrite: bool = False,
    **options: Any,
) -> SeedSummary:
    """Make the seeds that a classifier's config asks for.

    The section ``seed_generation`` of the config may hold:

    * ``dataset``: config of a ``TagsDataset``; by default that of ``train_dataloader``.
    * ``out``: the seed root; by default ``<work_dir>/seeds``.
    * ``report``: whether ``<seed root>/report.html`` is written, by default True: what votes and
      tags tell, and pictures of 24 images.
    * every argument of :class:`SeedGenerator` but the model and the classes; ``seeds`` as
      (dropout, scale) pairs.

    Args:
        config (Config): The classifier's config.
        model (nn.Module | Mapping[float, nn.Module]): The trained classifier, or one per dropout.
        out (str | os.PathLike, optional): Replaces the section's.
        overwrite (bool): Whether to replace a seed root made with other settings.
        **options: Replace the section's.

    Returns:
        SeedSummary: What was made.

    Raises:
        ValueError: If there is no data set or no place for the seeds, or a key is unknown.
    """
    section = dict(config.get('seed_generation', None) or {})
    section.update(options)
    dataset = seed_dataset(config, section)
    section.pop('dataset', None)
    section.pop('dropout_checkpoints', None)
    section_out = section.pop('out', None)
    report = section.pop('report', True)
    if out is None and section_out is None and config.get('work_dir') is None:
        raise ValueError('Set seed_generation.out or work_dir: there is no place for the seeds.')
    root = out or section_out or osp.join(config.work_dir, 'seeds')
    images, classes, palette = read_images(dataset)
    try:
        generator = SeedGenerator(model, classes, palette, **_plain(section))
    except TypeError as error:
        raise ValueError(f'The section seed_generation of the config: {error}.') from error
    content = dict(
        model=config.get('model'),
        dataset=dataset,
        seed_generation={key: value for key, value in section.items() if key not in _NO_CONTENT},
    )
    summary = generator.run(images, root, overwrite, json_sha256(_without_none(_plain(content))))
    if dist.is_main_process():
        if report:
            jobs = available_cpus() if generator.num_workers else 1
            write_seed_root_page(root, images, jobs)
        elif summary.made:
            # It would show other seeds.
            (Path(root) / PAGE_NAME).unlink(missing_ok=True)
    return summary


def _without_none(value: Any) -> Any:
    """Leave out keys that are None: building a model adds some of them to its config."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    """Content of a config as plain containers."""
    if isinstance(value, ConfigDict):
        value = value.to_dict()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    return value
