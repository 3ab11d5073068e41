"""The config of a network of a study: which labels, which loss, how long, from which weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .budget import Budget
from .commands import WEIGHTS
from .config_changes import rescale_schedule, set_crop
from .config_text import load_config, set_options
from .training import Training


def network_config(
    base: Path,
    budget: Budget,
    options: Mapping[str, Any],
    annotations: Mapping[str, Any],
    loss: Mapping[str, Any] | None,
    seed: str | None,
    training: Training,
    from_classifier: bool,
) -> dict[str, Any]:
    """Make the config of a network; files are named by places until it runs.

    Args:
        base (Path): The config that it starts from.
        budget (Budget): Crops, iterations and batch.
        options (Mapping[str, Any]): Further overrides.
        annotations (Mapping): The step of the pipeline that loads the labels.
        loss (Mapping, optional): Replaces the config's.
        seed (str, optional): Which masks of the seed root ``<input:labels>/seeds`` are the labels;
            the true masks where None.
        training (Training): Length and learning rate, by those of the budget.
        from_classifier (bool): Whether the backbone starts as ``<input:classifier>``.

    Returns:
        dict[str, Any]: Plain containers.
    """
    config = load_config(str(base))
    set_options(config, options)
    changes: dict[str, Any] = {
        'train_dataloader.batch_size': budget.batch,
        'train_dataloader.dataset.pipeline.1': dict(annotations),
        'test_dataloader.dataset.data_root': '<data>',
        'test_dataloader.dataset.ann_file': '<split:val>',
        # The test is a step of its own.
        'val_cfg': None,
        'val_dataloader': None,
        'val_evaluator': None,
    }
    if loss is not None:
        changes['model.decode_head.loss_decode'] = dict(loss)
    set_options(config, changes)
    if budget.crop is not None:
        set_crop(config, budget.crop)
    if seed is None:
        pipeline = config['train_dataloader']['dataset']['pipeline']
        truth = {**config['test_dataloader']['dataset'], 'pipeline': pipeline}
        set_options(config, {'train_dataloader.dataset': truth})
    else:
        root = {'seed_root': '<input:labels>/seeds', 'seed': seed, 'data_root': '<data>'}
        set_options(config, {f'train_dataloader.dataset.{k}': v for k, v in root.items()})
    set_options(config, {'train_dataloader.dataset.ann_file': '<split:train>'})
    rescale_schedule(config, round(budget.iterations * training.length))
    config['optim_wrapper']['optimizer']['lr'] *= training.rate
    if from_classifier:
        config['model']['backbone']['init_cfg'] = dict(
            type='Pretrained', checkpoint=f'<input:classifier>/{WEIGHTS}', prefix='backbone.'
        )
    return config
