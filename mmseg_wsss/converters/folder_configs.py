"""Ready-to-train configs for an own data set."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from ..datasets.splits import read_split
from ..utils.atomic import write_atomic
from .affinity_configs import affinity_kinds, affinity_texts, split_rounds
from .config_parts import Raw, config_text, read_base, seed_dataset
from .folder_inputs import MASK_FOLDER, TRAINVAL_LIST, FolderDescription
from .recipes import Recipe, choose_recipe, gpu_memory

CLS_BASE = 'cls/resnet50_voc.py'
PNL_BASE = 'pnl/deeplabv3plus_r50_voc.py'


def recipe_for(
    root: str,
    weights: str | None = None,
    affinity: str | None = None,
    affinity_rounds: int = 1,
) -> Recipe:
    """Choose the recipe of a prepared data set on this machine.

    Args:
        root (str): Data set made by :func:`convert_folder`.
        weights (str, optional): File of initial weights.
        affinity (str, optional): As in :func:`~mmseg_wsss.converters.recipes.choose_recipe`.
        affinity_rounds (int): Likewise.

    Returns:
        Recipe: See :func:`~mmseg_wsss.converters.recipes.choose_recipe`.

    Raises:
        FileNotFoundError: If the data set or the weights are missing.
        ValueError: If the weights are of no known network.
    """
    FolderDescription.load(root)
    number = len(read_split(osp.join(root, 'train.txt')))
    return choose_recipe(number, gpu_memory(), weights, affinity, affinity_rounds)


def make_config(
    root: str,
    config_folder: str,
    name: str,
    cls_base: str | None = None,
    pnl_base: str | None = None,
    recipe: Recipe | None = None,
    runs: str | None = None,
) -> tuple[str, ...]:
    """Write the config of the classifier and that of the segmentation network.

    Where the recipe has learned affinity, those of its labels, its networks and its seeds besides,
    see :mod:`~mmseg_wsss.converters.affinity_configs`; the segmentation network then learns these
    seeds.

    Both inherit a config and replace data set, classes, palette and the number of classes; batch
    size, schedule and crops stay those of the base, or of the recipe, and can be overridden below.
    The second reads the seeds where ``tools/make_seeds.py`` leaves those of the first. Seeds are
    made of validation images that have masks as well, so that the masks can judge them; networks
    train on the training images alone.

    Args:
        root (str): Data set made by :func:`convert_folder`; written to the configs as given.
        config_folder (str): Where to write ``<name>_cls.py`` and ``<name>_pnl.py``.
        name (str): Name of the data set, without folders.
        cls_base (str, optional): Config of a classifier: of this project or a path. By default the
            recipe's, without one ``cls/resnet50_voc.py``.
        pnl_base (str, optional): Config of a segmentation network, likewise; by default
            ``pnl/deeplabv3plus_r50_voc.py``.
        recipe (Recipe, optional): Schedules for the data set, see :func:`recipe_for`; not together
            with a base.
        runs (str, optional): Folder of what the configs make: ``classifier``, ``seeds`` and
            ``network`` in it, those of learned affinity under the ends of their configs' names.
            The classifier then trains without making its seeds at the end. By default the folders
            of the tools, ``work_dirs/<name>_cls``, ``<name>_pnl`` and so on.

    Returns:
        tuple[str, ...]: Paths of the two configs, then those of learned affinity.

    Raises:
        FileExistsError: If one of them exists: it may hold changes made by hand.
        FileNotFoundError: If the data set or a base is missing.
        ValueError: If the name is none, a base is no config of that kind, or there are both a
            recipe and a base.
    """
    if recipe is None:
        recipe = Recipe(cls_base or CLS_BASE, pnl_base or PNL_BASE)
    elif cls_base or pnl_base:
        raise ValueError('A recipe has bases of its own: give either it or bases.')
    if not name or not name.replace('-', '_').isidentifier():
        raise ValueError(f'name={name!r}, expected letters, digits, - and _.')
    description = FolderDescription.load(root)
    kinds = ('cls', 'pnl')
    if recipe.affinity is not None:
        kinds += affinity_kinds(recipe.affinity.rounds)
    paths = tuple(osp.join(config_folder, f'{name}_{kind}.py') for kind in kinds)
    for path in paths:
        if osp.exists(path):
            raise FileExistsError(f'{path}: exists; remove it or choose another name.')
    cls = read_base(recipe.cls_base, config_folder, 'TagsDataset')
    pnl = read_base(recipe.pnl_base, config_folder, 'SeedDataset')
    maker = f'{name}_{kinds[-1]}' if len(kinds) > 2 else f'{name}_cls'  # of the seeds
    seeds = osp.join(osp.join('work_dirs', maker) if runs is None else runs, 'seeds')
    texts = [
        _cls_text(root, description, runs, seeds, recipe, *cls),
        _pnl_text(root, description, runs, seeds, recipe, *pnl),
    ]
    if recipe.affinity is not None:
        texts += affinity_texts(
            root, description, config_folder, name, recipe.affinity, seeds, runs
        )
    os.makedirs(config_folder, exist_ok=True)
    for path, text in zip(paths, texts, strict=True):
        write_atomic(path, text.encode())
    return paths


def next_commands(cls_path: str, pnl_path: str, *affinity: str) -> list[str]:
    """Give the commands that go on from the configs of :func:`make_config`."""
    cls = Config.fromfile(cls_path)
    stem = osp.splitext(osp.basename(cls_path))[0]
    work_dir = cls.get('work_dir') or osp.join('work_dirs', stem)
    train, seeds = osp.join('tools', 'train.py'), osp.join('tools', 'make_seeds.py')
    checkpoint = osp.join(work_dir, last_checkpoint_name(cls))
    makers = [f'python {seeds} {cls_path} {checkpoint}']
    if affinity:
        rounds, spread = split_rounds(affinity)
        makers = []
        for labels, network in rounds:
            makers += [f'python {seeds} {labels} {checkpoint}', f'python {train} {network}']
        makers.append(f'python {seeds} {spread} {checkpoint}')
    return [f'python {train} {cls_path}', *makers, f'python {train} {pnl_path}']


def last_checkpoint_name(config: Config) -> str:
    """Give the name of the checkpoint that ends a config's training, ``epoch_5.pth``."""
    unit = 'iter' if 'max_iters' in config.train_cfg else 'epoch'
    return f'{unit}_{config.train_cfg[f"max_{unit}s"]}.pth'


def _cls_text(
    root: str,
    description: FolderDescription,
    runs: str | None,
    seeds: str,
    recipe: Recipe,
    reference: str,
    base: Config,
) -> str:
    num_classes = len(description.classes)
    prefix = base.train_dataloader.dataset.get('data_prefix') or {}
    # A base that learns from saliency maps looks for them beside the lists.
    maps = isinstance(prefix, Mapping) and bool(prefix.get('saliency_path'))

    def dataset(split: str) -> dict:
        saliency = dict(saliency_path='saliency') if maps and split == 'train' else {}
        return dict(
            _delete_=True,
            type='TagsDataset',
            data_root=Raw('data_root'),
            tags_file='tags.csv',
            ann_file=f'{split}.txt',
            data_prefix=dict(img_path=description.img_path, **saliency),
            img_suffix=description.img_suffix,
            metainfo=Raw('metainfo'),
            pipeline=Raw(f'_base_.{split}_dataloader.dataset.pipeline'),
            **({'test_mode': True} if split == 'val' else {}),
        )

    head = base.model.get('head', {}).get('num_classes')
    sections = _model_sections(base, head, num_classes - 1)
    sections['train_dataloader'] = dict(dataset=dataset('train'))
    sections.update(
        _val_sections(base, dict(dataset=dataset('val')) if description.has_val else None)
    )
    if description.has_masks:
        both = dataset('train') | dict(ann_file=TRAINVAL_LIST, pipeline=[])
        del both['_delete_']  # no base has this key
        sections['seed_generation'] = dict(dataset=both)
    if runs is not None:
        sections['work_dir'] = osp.join(runs, 'classifier')
        sections.setdefault('seed_generation', {})['out'] = seeds
    if runs is not None or recipe.affinity is not None:
        # Seeds are a step of their own.
        sections['custom_hooks'] = [
            hook for hook in base.get('custom_hooks') or [] if hook['type'] != 'MultiSeedCAMHook'
        ]
    title = f'Classifier on the tags of {root}.'
    return config_text(title, reference, root, description, sections, recipe.cls, recipe.reasons)


def _pnl_text(
    root: str,
    description: FolderDescription,
    runs: str | None,
    seed_root: str,
    recipe: Recipe,
    reference: str,
    base: Config,
) -> str:
    val = dict(
        _delete_=True,
        type='BaseSegDataset',
        ann_file='val.txt',
        data_prefix=dict(img_path=description.img_path, seg_map_path=MASK_FOLDER),
        metainfo=Raw('metainfo'),
        pipeline=Raw('_base_.val_dataloader.dataset.pipeline'),
        test_mode=True,
        data_root=Raw('data_root'),
        img_suffix=description.img_suffix,
    )
    heads = base.model.get('decode_head', {}).get('num_classes')
    sections = _model_sections(base, heads, len(description.classes))
    sections['train_dataloader'] = dict(dataset=seed_dataset(description, seed_root))
    sections.update(_val_sections(base, dict(dataset=val) if description.has_masks else None))
    if runs is not None:
        sections['work_dir'] = osp.join(runs, 'network')
    title = f'Segmentation network on the seeds of {root}.'
    return config_text(title, reference, root, description, sections, recipe.pnl, recipe.reasons)


def _model_sections(base: Config, old: int | None, new: int) -> dict[str, Any]:
    """Replace the number of classes wherever the base's model and preprocessor name it."""
    if old is None:
        raise ValueError(f'{base.filename}: the head of its model names no num_classes.')
    sections: dict[str, Any] = {}
    for key in ('model', 'data_preprocessor') if new != old else ():
        changed = _replace_classes(base.get(key), old, new)
        if changed is not None:
            sections[key] = changed
    return sections


def _replace_classes(value: Any, old: int, new: int) -> Any:
    """Give the override of a part of a config, None where nothing changes."""
    if isinstance(value, Mapping):
        changes = {}
        for key, item in value.items():
            if key == 'num_classes' and item == old:
                changes[key] = new
            elif key == 'class_weight' and isinstance(item, list) and len(item) == old + 1:
                # Of a set loss, the last one for "no object".
                changes[key] = Raw(f'[{item[0]!r}] * {new} + [{item[-1]!r}]')
            else:
                change = _replace_classes(item, old, new)
                if change is not None:
                    changes[key] = change
        return changes or None
    if isinstance(value, (list, tuple)):
        items = [_replace_classes(item, old, new) for item in value]
        if any(item is not None for item in items):  # a list is replaced as a whole
            merged = [_merge(item, change) for item, change in zip(value, items, strict=True)]
            return type(value)(merged)
    return None


def _merge(value: Any, change: Any) -> Any:
    if change is None:
        return value.to_dict() if hasattr(value, 'to_dict') else value
    if isinstance(value, Mapping):
        return {key: _merge(item, change.get(key)) for key, item in value.items()}
    return change


def _val_sections(base: Config, dataloader: dict | None) -> dict[str, Any]:
    if dataloader is not None:
        return dict(val_dataloader=dataloader, test_dataloader=Raw('val_dataloader'))
    sections: dict[str, Any] = {
        f'{split}_{part}': None
        for split in ('val', 'test')
        for part in ('dataloader', 'evaluator', 'cfg')
    }
    if base.get('default_hooks', {}).get('checkpoint', {}).get('save_best') is not None:
        sections['default_hooks'] = dict(checkpoint=dict(save_best=None))
    return sections
