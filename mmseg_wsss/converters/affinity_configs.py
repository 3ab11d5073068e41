"""Configs of learned affinity for an own data set: its labels, its network, its seeds."""

from __future__ import annotations

import os.path as osp
from collections.abc import Sequence
from typing import Any, TypeVar

from .config_parts import config_text, format_value, merge_changes, read_base, seed_dataset
from .folder_inputs import FolderDescription
from .recipes import AffinityRecipe

T = TypeVar('T')
ROUNDS = ('affinity', 'second-affinity')  # begin the names of what each round makes


def affinity_kinds(rounds: int) -> tuple[str, ...]:
    """Give the ends of the configs' names, in the order of their use.

    Args:
        rounds (int): 1, or 2: a second network learns what is sure of the maps that the first has
            spread.

    Returns:
        tuple[str, ...]: Of the labels and the network of each round, then of the seeds.

    Raises:
        ValueError: If there are no such rounds.

    Example:
        >>> affinity_kinds(1)
        ('affinity-labels', 'affinity-net', 'affinity-seeds')
    """
    if rounds not in (1, 2):
        raise ValueError(f'Affinity is learned in 1 round or in 2, got {rounds!r}.')
    made = [f'{name}-{part}' for name in ROUNDS[:rounds] for part in ('labels', 'net')]
    return (*made, 'affinity-seeds')


def split_rounds(items: Sequence[T]) -> tuple[list[tuple[T, T]], T]:
    """Split what is in the order of :func:`affinity_kinds`.

    Args:
        items (Sequence): One for each kind.

    Returns:
        tuple: Labels and network of each round, and what is of the seeds.

    Example:
        >>> split_rounds(affinity_kinds(1))
        ([('affinity-labels', 'affinity-net')], 'affinity-seeds')
    """
    *made, seeds = items
    return list(zip(made[::2], made[1::2], strict=True)), seeds


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
        recipe (AffinityRecipe): Base of the network, its changes, rounds and thresholds of
            their labels.
        seeds (str): Where the seeds go.
        runs (str, optional): Folder of what the configs make, as in :func:`make_config`.

    Returns:
        list[str]: Their texts, in the order of :func:`affinity_kinds`.

    Raises:
        FileNotFoundError, ValueError: If there is no such base, or it trains no affinity network.
    """
    reference, base = read_base(recipe.base, config_folder, 'SeedDataset')
    if not base.model.get('type', '').endswith('AffinityNet'):
        raise ValueError(
            f'{recipe.base}: its model is {base.model.get("type")!r}, expected an AffinityNet, as '
            'in affinity/affinity-net_mobilenetv2_voc_animals.py.'
        )

    def folder(kind: str) -> str:
        return osp.join('work_dirs', f'{name}_{kind}') if runs is None else osp.join(runs, kind)

    texts = []
    spread: dict[str, Any] = {}  # refiners that spread the maps, once a network has learned to
    pairs, _ = split_rounds(affinity_kinds(recipe.rounds))
    thresholds = (recipe.thresholds, recipe.second_thresholds)[: recipe.rounds]
    for (labels_kind, net_kind), (high, low) in zip(pairs, thresholds, strict=True):
        labels = osp.join(folder(labels_kind), 'seeds')
        sure = dict(
            seeds=[(0.0, 1.0), (0.05, 1.0)],
            background=[dict(threshold=high), dict(threshold=low)],
            out=labels,
            report=False,
        )
        maps = 'activations that the first has spread' if spread else 'activations'
        title = f'strong {maps} are objects, weak ones background'
        texts.append(_seeds_text(f'Labels of {net_kind}: {title}.', name, sure | spread))

        network: dict[str, Any] = dict(
            train_dataloader=dict(dataset=seed_dataset(description, labels))
        )
        if runs is not None:
            network['work_dir'] = folder(net_kind)
        network = merge_changes(network, recipe.changes)
        title = f'Affinity network, from the labels of {labels_kind}.'
        texts.append(config_text(title, reference, root, description, network, {}, ()))
        iterations = {**base.train_cfg, **network.get('train_cfg', {})}['max_iters']
        walk = dict(
            type='AffinityRefiner',
            config=osp.join(config_folder, f'{name}_{net_kind}.py'),
            checkpoint=osp.join(folder(net_kind), f'iter_{iterations}.pth'),
        )
        # What the walk has brought to the edges needs less of the CRF.
        spread = dict(refine=[walk, dict(type='DenseCRFRefiner', preset='irn', bilateral_compat=4)])
    background = dict(_delete_=True, threshold='auto', labels=labels)
    title = f'Seeds, spread by the network of {net_kind}.'
    return [*texts, _seeds_text(title, name, dict(background=background, out=seeds) | spread)]


def _seeds_text(title: str, name: str, section: dict[str, Any]) -> str:
    return f"# {title}\n_base_ = './{name}_cls.py'\nseed_generation = {format_value(section)}\n"
