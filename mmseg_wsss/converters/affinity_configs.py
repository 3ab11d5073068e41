"""Configs of learned affinity for an own data set: its labels, its network, its seeds."""

from __future__ import annotations

import os.path as osp
from typing import Any

from .config_parts import config_text, format_value, merge_changes, read_base, seed_dataset
from .folder_inputs import FolderDescription
from .recipes import AffinityRecipe

# Ends of the configs' names, in the order of their use.
KINDS = ('affinity-labels', 'affinity-net', 'affinity-seeds')


def affinity_texts(
    root: str,
    description: FolderDescription,
    config_folder: str,
    name: str,
    recipe: AffinityRecipe,
    seeds: str,
    runs: str | None = None,
) -> list[str]:
    """Write the configs that come after the classifier's, ``<name>_cls.py``.

    Args:
        root (str): Data set made by :func:`convert_folder`; written to the configs as given.
        description (FolderDescription): What is known of it.
        config_folder (str): Where the configs will be.
        name (str): Name of the data set.
        recipe (AffinityRecipe): Base of the network, its changes, thresholds of the labels.
        seeds (str): Where the seeds go.
        runs (str, optional): Folder of what the configs make, as in :func:`make_config`.

    Returns:
        list[str]: Their texts, in the order of :data:`KINDS`.

    Raises:
        FileNotFoundError, ValueError: If there is no such base, or it trains no affinity network.
    """
    reference, base = read_base(recipe.base, config_folder, 'SeedDataset')
    if not base.model.get('type', '').endswith('AffinityNet'):
        raise ValueError(
            f'{recipe.base}: its model is {base.model.get("type")!r}, expected an AffinityNet, as '
            'in affinity/affinity-net_mobilenetv2_voc_animals.py.'
        )
    folders = [
        osp.join('work_dirs', f'{name}_{kind}') if runs is None else osp.join(runs, kind)
        for kind in KINDS[:2]
    ]
    labels = osp.join(folders[0], 'seeds')
    network: dict[str, Any] = dict(train_dataloader=dict(dataset=seed_dataset(description, labels)))
    if runs is not None:
        network['work_dir'] = folders[1]
    network = merge_changes(network, recipe.changes)
    iterations = {**base.train_cfg, **network.get('train_cfg', {})}['max_iters']
    high, low = recipe.thresholds
    first = dict(
        seeds=[(0.0, 1.0), (0.05, 1.0)],
        background=[dict(threshold=high), dict(threshold=low)],
        out=labels,
        report=False,
    )
    refiner = dict(
        type='AffinityRefiner',
        config=osp.join(config_folder, f'{name}_{KINDS[1]}.py'),
        checkpoint=osp.join(folders[1], f'iter_{iterations}.pth'),
    )
    last = dict(
        background=dict(_delete_=True, threshold='auto', labels=labels),
        # What the walk has brought to the edges needs less of the CRF.
        refine=[refiner, dict(type='DenseCRFRefiner', preset='irn', bilateral_compat=4)],
        out=seeds,
    )
    return [
        _seeds_text(
            'Labels of the affinity network: strong activations are objects, weak ones background.',
            name,
            first,
        ),
        config_text('Affinity network.', reference, root, description, network, {}, ()),
        _seeds_text('Seeds, spread by the affinity network.', name, last),
    ]


def _seeds_text(title: str, name: str, section: dict[str, Any]) -> str:
    return f"# {title}\n_base_ = './{name}_cls.py'\nseed_generation = {format_value(section)}\n"
