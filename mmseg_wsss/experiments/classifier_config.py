"""The config of a classifier of a study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .budget import INITIAL_WEIGHTS
from .config_text import load_config, set_options


def classifier_config(
    base: Path, options: Mapping[str, Any], dropout: float | None = None
) -> dict[str, Any]:
    """Make the config of a classifier; files are named by places until it runs.

    Args:
        base (Path): The config that it starts from.
        options (Mapping[str, Any]): Further overrides.
        dropout (float, optional): Replaces the config's rate in training.

    Returns:
        dict[str, Any]: Plain containers.
    """
    config = load_config(str(base))
    changes: dict[str, Any] = {'custom_hooks': INITIAL_WEIGHTS, **options}
    for part, split in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        changes[f'{part}_dataloader.dataset.data_root'] = '<data>'
        changes[f'{part}_dataloader.dataset.ann_file'] = f'<split:{split}>'
    if dropout is not None:
        changes['model.head.dropout'] = dropout
    set_options(config, changes)
    return config


def training_crop(config: Mapping[str, Any]) -> int:
    """The side of the images that a classifier is trained on."""
    steps = config['train_dataloader']['dataset']['pipeline']
    return next(step['scale'] for step in steps if 'scale' in step)
