"""The data sets of a config, listed for the check before a run."""

from __future__ import annotations

import copy
import os.path as osp
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.config import Config, ConfigDict

from ..datasets.seed_records import CurrentImage, StaleSeedsError, find_stale_seeds
from ..datasets.tags import read_tags, tags_for
from ..registry import DATASETS
from ..seeds import IGNORE_INDEX
from ..store import ImageRecords
from ..store.image_ids import image_id_of
from ..utils.digest import json_sha256
from .images import ADVICE, DataItem, check_items
from .losses import check_losses
from .report import CheckReport, examples
from .tags import tag_remarks

# What the converters leave in the folder of a data set.
TAGS_FILES = ('tags.csv', 'cls_labels.npy')
SECTIONS = ('train_dataloader', 'val_dataloader', 'test_dataloader', 'seed_generation')


def check_config(config: Config, workers: int | None = None) -> list[CheckReport]:
    """Check every data set that a config names, and that its model has as many classes.

    Args:
        config (Config): Of a classifier or a segmentor.
        workers (int, optional): Number of processes; by default the number of cores.

    Returns:
        list[CheckReport]: One per different data set; a data set that cannot be listed at all
        (tags or masks missing, other classes than its seeds) has that as its problem.

    Raises:
        ValueError: If the config names no data set.
    """
    reports = []
    done = set()
    for where, dataset in find_datasets(config):
        plain = {key: value for key, value in dataset.items() if key != 'pipeline'}
        # It decides which files there have to be.
        loading = [step for step in dataset.get('pipeline') or () if step.get('losing_votes')]
        digest = json_sha256([plain, loading])
        if digest in done:
            continue
        done.add(digest)
        try:
            built = DATASETS.build({**copy.deepcopy(plain), 'pipeline': loading, 'lazy_init': True})
            stale = _load(built)
            items = list_items(built, stale)
        except AssertionError as error:  # mmseg's, often without a word
            places = ('data_root', 'data_prefix', 'ann_file')
            found = ', '.join(f'{key} {plain[key]!r}' for key in places if plain.get(key))
            problem = f'{plain["type"]} refuses its data, which have to be there first: {found}'
            problem += f' ({error})' if str(error) else ''
            reports.append(CheckReport(where, problems=[problem], advice=ADVICE))
            continue
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            reports.append(CheckReport(where, problems=[str(error)], advice=ADVICE))
            continue
        classes = getattr(built, 'all_classes', None) or built.metainfo.get('classes')
        mask_tags, remarks = find_mask_tags(built, items, plain.get('data_root') or '')
        report = check_items(where, items, classes, workers, mask_tags)
        report.problems += stale.values()
        report.remarks += remarks
        if items and items[0].tags is not None:
            training = not where.startswith(('val', 'test'))
            report.remarks += tag_remarks([item.tags for item in items], classes, training)
        report.remarks += _remark_seeds(config, where, items, classes)
        report.problems += check_model(config, built)
        if where.startswith('train_dataloader.'):
            report.problems += check_losses(config, dataset)
        reports.append(report)
    if not reports:
        raise ValueError(f'the config names no data set in {", ".join(SECTIONS)}')
    return reports


def find_datasets(config: Mapping[str, Any]) -> Iterator[tuple[str, dict]]:
    """List the data sets of a config by their key, those inside of wrappers too.

    >>> config = dict(train_dataloader=dict(dataset=dict(type='Repeat', dataset=dict(type='A'))))
    >>> list(find_datasets(config))
    [('train_dataloader.dataset.dataset', {'type': 'A'})]
    """

    def unwrap(where: str, dataset: Any) -> Iterator[tuple[str, dict]]:
        if not isinstance(dataset, Mapping):
            return
        if 'dataset' in dataset:
            yield from unwrap(f'{where}.dataset', dataset['dataset'])
        elif 'datasets' in dataset:
            for index, one in enumerate(dataset['datasets']):
                yield from unwrap(f'{where}.datasets.{index}', one)
        else:
            plain = dataset.to_dict() if isinstance(dataset, ConfigDict) else dict(dataset)
            yield where, plain

    for section in SECTIONS:
        yield from unwrap(f'{section}.dataset', (config.get(section) or {}).get('dataset'))


def _load(dataset: Any) -> dict[str, str]:
    """Load the list of a data set; give a line for each image whose seeds are stale."""
    try:
        dataset.full_init()
    except StaleSeedsError as error:
        if not error.problems:
            raise
        return error.problems
    return {}


def _remark_seeds(
    config: Config, where: str, items: Sequence[DataItem], classes: Sequence[str] | None
) -> list[str]:
    """Remark that the seeds a classifier's config made are of other tags or photographs."""
    section = config.get('seed_generation') or {}
    maker = 'seed_generation' if section.get('dataset') else 'train_dataloader'
    if not where.startswith(f'{maker}.') or any(item.tags is None for item in items):
        return []
    name = osp.splitext(osp.basename(config.filename or ''))[0]
    work_dir = config.get('work_dir') or osp.join('work_dirs', name)
    root = section.get('out') or osp.join(work_dir, 'seeds')
    records = ImageRecords(root)
    made = {
        item.image_id: CurrentImage(item.path, tuple(classes[tag] for tag in item.tags))
        for item in items
        if records.read(item.image_id) is not None
    }
    stale = [*find_stale_seeds(root, made).values()]
    if not stale:
        return []
    return [
        f'{len(stale)} images have changed since their seeds were made, tools/make_seeds.py makes '
        f'these anew: {examples(stale)}'
    ]


def list_items(dataset: Any, known: Collection[str] = ()) -> list[DataItem]:
    """List the images of a data set with their masks or tags.

    Args:
        dataset: A ``TagsDataset``, a ``SeedDataset`` or a data set of mmseg with ground truth.
        known (Collection[str]): Images whose seeds are known to be stale.

    Returns:
        list[DataItem]: In the order of the data set.
    """
    items = []
    records = saliency_records = table = None
    if getattr(dataset, 'check_records', False):
        records = ImageRecords(dataset.seed_root)
    if getattr(dataset, 'data_prefix', {}).get('saliency_path'):
        saliency_records = ImageRecords(dataset.data_prefix['saliency_path'])
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if table is None and is_ground_truth(info):
            table = label_table(info.get('label_map'))
        path = info['img_path']
        tags = record = saliency_record = losing_votes = None
        if records is not None and info['image_id'] not in known:
            record = records.read(info['image_id'])
        if saliency_records is not None:
            saliency_record = saliency_records.read(info['image_id'])
        if 'losing_votes_path' in info:
            losing_votes = info['losing_votes_path'], info['num_classes']
        if hasattr(dataset, 'all_classes'):
            tags = tuple(label + 1 for label in info['gt_label'])
        items.append(
            DataItem(
                image_id=info.get('image_id') or _image_id(path, dataset),
                path=path,
                masks=tuple(_masks(info, dataset)),
                tags=tags,
                label_table=table,
                record=record,
                saliency=info.get('saliency_path'),
                saliency_record=saliency_record,
                losing_votes=losing_votes,
            )
        )
    return items


def is_ground_truth(info: Mapping[str, Any]) -> bool:
    """Tell whether the masks of a data set are ground truth, and their label 0 the background.

    Args:
        info (Mapping): An image of the data set, as it lists it.
    """
    seeds = info.get('num_classes') is not None
    has_masks = info.get('seg_map_path') is not None
    return has_masks and not seeds and not info.get('reduce_zero_label')


def label_table(label_map: Mapping[int, int] | None) -> tuple[int, ...]:
    """Give the label that each value of a mask stands for.

    Args:
        label_map (Mapping[int, int], optional): mmseg's, for a choice of classes.

    Returns:
        tuple[int, ...]: 256 labels, those that are no class 255.

    >>> label_table({0: 0, 1: 255, 2: 1})[:3]
    (0, 255, 1)
    """
    table = np.arange(256)
    for value, label in (label_map or {}).items():
        table[value] = label if label >= 0 else IGNORE_INDEX
    return tuple(table.tolist())


def find_mask_tags(
    dataset: Any, items: list[DataItem], root: str
) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """Find the tags of images with ground truth in the tags file of their data set.

    Args:
        dataset: A data set of mmseg.
        items (list[DataItem]): Its images.
        root (str): Its folder, where the converters leave a tags file.

    Returns:
        tuple[dict[str, tuple[int, ...]], list[str]]: Labels by image id, of those images that have
        any, and remarks.
    """
    paths = [path for path in (osp.join(root, name) for name in TAGS_FILES) if osp.isfile(path)]
    if not paths or not any(item.label_table for item in items):
        return {}, []
    classes = list(dataset.metainfo['classes'])
    # Tags of a larger set, whose other classes are 255 in the masks.
    others = [name for name in type(dataset).METAINFO.get('classes', ()) if name not in classes]
    try:
        tags = read_tags(paths[0], [*classes, *others])
    except ValueError as error:
        return {}, [f'the tags were not compared with the masks: {error}']
    found = {item.image_id: tags_for(tags, item.image_id) for item in items}
    return {
        image_id: tuple(label for label in labels if label < len(classes))
        for image_id, labels in found.items()
        if labels is not None
    }, []


def _image_id(path: str, dataset: Any) -> str:
    """Give the id of an image, or its whole path if it lies elsewhere than the others."""
    prefix = getattr(dataset, 'data_prefix', None) or {}
    try:
        return image_id_of(path, prefix.get('img_path') or '')
    except ValueError:
        return osp.splitext(path)[0]


def _masks(info: dict, dataset: Any) -> Iterator[tuple[str, int | None, int | None]]:
    if info.get('seg_map_path') is None:
        return
    num_classes = info.get('num_classes')  # a seed data set
    if num_classes is None and info.get('label_map') is None:
        classes = dataset.metainfo.get('classes')
        # With reduce_zero_label the file has one label more than there are classes.
        num_classes = len(classes) + bool(info.get('reduce_zero_label')) if classes else None
    yield info['seg_map_path'], num_classes, IGNORE_INDEX
    if 'agreement_path' in info:
        yield info['agreement_path'], info['num_seeds'] + 1, None


def check_model(config: Mapping[str, Any], dataset: Any) -> list[str]:
    """List the heads of a config's model that have another number of classes than a data set.

    Args:
        config (Mapping): With ``model``, or none.
        dataset: A data set of the config; a classifier's has no background.
    """
    model = config.get('model') or {}
    classes = dataset.metainfo.get('classes')
    if classes is None:
        return []
    problems = []
    for name in ('head', 'decode_head', 'auxiliary_head'):
        heads = model.get(name) or []
        for head in heads if isinstance(heads, (list, tuple)) else [heads]:
            found = head.get('num_classes')
            if found is not None and found != len(classes):
                problems.append(
                    f'model.{name}.num_classes is {found}, the data set has {len(classes)} '
                    f'({", ".join(classes[:3])}, ...).'
                )
    return problems
