"""PASCAL VOC 2012 with the masks of SBD, to the layout that the configs read."""

from __future__ import annotations

import os.path as osp
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from mmseg.datasets import PascalVOCDataset

from ..checks.ground_truth import MaskContent, check_ground_truth, mask_content
from ..checks.images import check_image
from ..checks.report import CheckReport, count_by_class, examples
from ..datasets.splits import read_split
from ..datasets.tags import write_tags
from ..store.masks import read_mask, write_mask
from ..utils.atomic import remove_stale_temporaries
from ..utils.parallel import run_tasks
from .tag_files import write_cls_labels, write_list
from .voc_sources import AUG_FOLDER, MaskFolder, read_sbd_mask, read_xml_tags

CLASSES = PascalVOCDataset.METAINFO['classes']
PALETTE = PascalVOCDataset.METAINFO['palette']
OFFICIAL_COUNTS = dict(train=1464, val=1449, trainaug=10582)

SETS = osp.join('ImageSets', 'Segmentation')


@dataclass(frozen=True)
class _Task:
    image_id: str
    image: str
    xml: str | None  # None: tags from the mask
    count_difficult: bool
    source: str | None  # mask as downloaded
    target: str | None  # mask as the configs read it; None: stays where it is


@dataclass
class _Outcome:
    image_id: str
    size: tuple[int, int] | None = None
    tags: tuple[int, ...] | None = None
    content: MaskContent | None = None
    mask: str = 'none'
    problems: list[str] = field(default_factory=list)


def convert_voc12(
    root: str,
    sbd: str | None = None,
    trainaug_list: str | None = None,
    tags_from: str = 'xml',
    count_difficult: bool = True,
    workers: int | None = None,
) -> CheckReport:
    """Complete an official VOC 2012 download in place.

    Adds ``SegmentationClassAug`` (only with ``sbd``), ``ImageSets/Segmentation/trainaug.txt``,
    ``cls_labels.npy`` and ``tags.csv``, both for trainaug and val. Run again, it keeps masks that
    are already right. Lists and tags are written last, and only if nothing was wrong.

    In ``SegmentationClassAug`` the official mask takes the place of SBD's where both exist, as in
    the folder that the field passes around.

    Args:
        root (str): ``VOCdevkit/VOC2012`` as unpacked.
        sbd (str, optional): Masks of SBD, see :meth:`MaskFolder.find`. Not needed if
            ``SegmentationClassAug`` is in ``root`` already, nor for training from tags if
            ``trainaug_list`` is given.
        trainaug_list (str, optional): Image ids, one a line. By default VOC's train and all of
            SBD without VOC's val, sorted: 10,582 images.
        tags_from (str): ``'xml'``, as the field does, or ``'mask'``. On 2,222 real images the XML
            tags contained the mask tags always, and one class more in 4 of 100.
        count_difficult (bool): Whether XML objects marked ``difficult`` count, as in the field.
        workers (int, optional): Number of processes.

    Returns:
        CheckReport: Counts and problems; complete if there is no problem.

    Raises:
        FileNotFoundError: If ``root`` is no VOC download or no source of the trainaug list exists.
        ValueError: If a list is empty or has duplicates, or an argument is none of its choices.
    """
    if tags_from not in ('xml', 'mask'):
        raise ValueError(f"tags_from={tags_from!r}, expected 'xml' or 'mask'.")
    report = CheckReport(f'PASCAL VOC 2012 in {root}')
    train = read_split(osp.join(root, SETS, 'train.txt'))
    val = read_split(osp.join(root, SETS, 'val.txt'))
    folder = _find_masks(root, sbd, trainaug_list)
    if trainaug_list is None:
        trainaug = sorted((set(train) | set(folder.image_ids())) - set(val))
    else:
        trainaug = read_split(trainaug_list)
        shared = sorted(set(trainaug) & set(val))
        if shared:
            report.problems.append(
                f'{trainaug_list}: {len(shared)} of its images belong to val ({examples(shared)}).'
            )
    shared = sorted(set(train) & set(val))
    if shared:
        report.problems.append(
            f'{osp.join(root, SETS)}: {len(shared)} images are in train and in val '
            f'({examples(shared)}).'
        )
    is_train, is_val, is_aug = set(train), set(val), set(trainaug)
    tasks = [
        _make_task(root, image_id, folder, is_train, is_val, tags_from, count_difficult)
        for image_id in [*trainaug, *(image_id for image_id in val if image_id not in is_aug)]
    ]
    remove_stale_temporaries(osp.join(root, AUG_FOLDER))
    outcomes = run_tasks(_convert_image, tasks, workers, 'images, masks and tags of VOC')
    for outcome in outcomes:
        report.problems += outcome.problems
    _summarise(report, dict(train=train, val=val, trainaug=trainaug), outcomes)
    if not report.problems:
        tags = {outcome.image_id: outcome.tags for outcome in outcomes}
        write_tags(osp.join(root, 'tags.csv'), tags, CLASSES)
        write_cls_labels(osp.join(root, 'cls_labels.npy'), tags, len(CLASSES))
        write_list(osp.join(root, SETS, 'trainaug.txt'), trainaug)
    return report


def _find_masks(root: str, sbd: str | None, trainaug_list: str | None) -> MaskFolder | None:
    if sbd is not None:
        return MaskFolder.find(sbd)
    if osp.isdir(osp.join(root, AUG_FOLDER)):
        return MaskFolder.find(osp.join(root, AUG_FOLDER))
    if trainaug_list is not None:
        return None
    raise FileNotFoundError(
        f'{osp.join(root, AUG_FOLDER)}: no such folder. Give the masks of SBD (its benchmark or '
        'SegmentationClassAug), or at least the trainaug list: training from tags needs no masks.'
    )


def _make_task(
    root: str,
    image_id: str,
    folder: MaskFolder | None,
    train: set[str],
    val: set[str],
    tags_from: str,
    count_difficult: bool,
) -> _Task:
    official = osp.join(root, 'SegmentationClass', f'{image_id}.png')
    target = osp.join(root, AUG_FOLDER, f'{image_id}.png')
    if image_id in val:
        source, target = official, None
    elif folder is None:
        source, target = (official if image_id in train else None), None
    elif osp.realpath(folder.path) == osp.realpath(osp.dirname(target)):
        source, target = target, None
    else:
        source = official if image_id in train else folder.mask_path(image_id)
    return _Task(
        image_id=image_id,
        image=osp.join(root, 'JPEGImages', f'{image_id}.jpg'),
        xml=osp.join(root, 'Annotations', f'{image_id}.xml') if tags_from == 'xml' else None,
        count_difficult=count_difficult,
        source=source,
        target=target,
    )


def _convert_image(task: _Task) -> _Outcome:
    outcome = _Outcome(task.image_id)
    try:
        outcome.size = check_image(task.image)
    except (FileNotFoundError, ValueError) as error:
        outcome.problems.append(str(error))
    try:
        if task.source is not None:
            mask = _convert_mask(task, outcome)
            outcome.content = mask_content(mask)
        if task.xml is not None:
            outcome.tags = read_xml_tags(task.xml, CLASSES, task.count_difficult)
        elif task.source is not None:
            outcome.tags = outcome.content.foreground
        else:
            outcome.problems.append(f'{task.image_id}: no mask to take the tags from.')
    except (FileNotFoundError, ValueError) as error:
        outcome.problems.append(str(error))
    return outcome


def _convert_mask(task: _Task, outcome: _Outcome) -> np.ndarray:
    mask = read_sbd_mask(task.source, outcome.size, len(CLASSES))
    outcome.mask = 'kept'
    if task.target is None:
        return mask
    if _is_same(task.target, mask):
        return mask
    if outcome.size is not None:  # never beside an image that could not be read
        write_mask(task.target, mask, PALETTE)
        outcome.mask = 'written'
        if not _is_same(task.target, mask):
            raise ValueError(f'{task.target}: reads back other than it was written.')
    return mask


def _is_same(path: str, mask: np.ndarray) -> bool:
    try:
        return np.array_equal(read_mask(path, mask.shape, len(CLASSES)), mask)
    except (FileNotFoundError, ValueError):
        return False


def _summarise(
    report: CheckReport, splits: dict[str, Sequence[str]], outcomes: list[_Outcome]
) -> None:
    for name, image_ids in splits.items():
        official = OFFICIAL_COUNTS[name]
        report.add(f'{name} images', f'{len(image_ids):,} (official {official:,})')
        if len(image_ids) != official:
            report.remarks.append(
                f'{name} has {len(image_ids):,} images, not the official {official:,}.'
            )
    masks = Counter(outcome.mask for outcome in outcomes)
    sizes = [outcome.size for outcome in outcomes if outcome.size is not None]
    tags = [outcome.tags for outcome in outcomes if outcome.tags is not None]
    report.add('masks kept / written', f'{masks["kept"]:,} / {masks["written"]:,}')
    report.add('images without mask', masks['none'])
    if sizes:
        report.add(
            'image sizes (height x width)',
            ' to '.join(f'{f(s[0] for s in sizes)} x {f(s[1] for s in sizes)}' for f in (min, max)),
        )
    report.add('images with tags', sum(bool(labels) for labels in tags))
    report.add('images without any tag', sum(not labels for labels in tags))
    report.add('images by tag', count_by_class(tags, CLASSES))
    contents = {o.image_id: o.content for o in outcomes if o.content is not None}
    known = {o.image_id: o.tags for o in outcomes if o.tags is not None}
    check_ground_truth(report, contents, known, CLASSES)
