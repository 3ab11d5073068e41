"""MS COCO 2014 to the layout that the configs read."""

from __future__ import annotations

import os.path as osp
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from ..checks.ground_truth import mask_content
from ..checks.images import check_image
from ..checks.report import CheckReport, count_by_class
from ..datasets.class_names import COCO_CLASSES
from ..datasets.tags import write_tags
from ..store.masks import read_mask, write_mask
from ..utils.atomic import remove_stale_temporaries
from ..utils.palette import label_palette
from ..utils.parallel import run_tasks
from .coco_annotations import CocoImage, draw_instances, read_instances
from .tag_files import write_cls_labels, write_list

OFFICIAL_COUNTS = dict(train=82081, val=40137)
PALETTE = label_palette(len(COCO_CLASSES))


@dataclass(frozen=True)
class _Task:
    image: CocoImage
    folder: str
    target_folder: str


@dataclass
class _Outcome:
    image_id: str  # name of the image file without suffix
    tags: tuple[int, ...]
    shape: tuple[int, int]
    mask: str = 'none'
    mask_labels: tuple[int, ...] = ()
    degenerate: int = 0
    problems: list[str] = field(default_factory=list)


def convert_coco14(
    root: str,
    annotations: str | None = None,
    tags_from: str = 'annotations',
    workers: int | None = None,
) -> CheckReport:
    """Complete an official COCO 2014 download in place.

    Adds ``SegmentationClass/{train2014,val2014}``, ``train.txt``, ``val.txt``, ``cls_labels.npy``
    and ``tags.csv`` (both for all tagged images). Labels are the 91 category ids in order,
    gaps closed, 1 to 80; crowds are left out, later annotations lie on top, there is no 255, and
    images without any tag are in no list: 82,081 and 40,137 images remain. Run again, masks that
    are already right are kept. Lists and tags are written last, and only if nothing was wrong.

    Images may be named as in the official archives (``COCO_train2014_000000000009.jpg``), as in
    2017 (``000000000009.jpg``) or by the bare number (``9.jpg``); ids in lists and tags are the
    names found.

    Args:
        root (str): Folder with ``train2014`` and ``val2014`` as unpacked.
        annotations (str, optional): Folder with ``instances_{train,val}2014.json``; by default
            ``root/annotations``.
        tags_from (str): ``'annotations'``: every class that has an instance, or ``'mask'``: every
            class that is visible in the mask (small instances can vanish under later ones).
        workers (int, optional): Number of processes.

    Returns:
        CheckReport: Counts and problems; complete if there is no problem.

    Raises:
        FileNotFoundError: If an annotation file is missing.
        ValueError: If an annotation file is unreadable or an argument none of its choices.
    """
    if tags_from not in ('annotations', 'mask'):
        raise ValueError(f"tags_from={tags_from!r}, expected 'annotations' or 'mask'.")
    annotations = osp.join(root, 'annotations') if annotations is None else annotations
    report = CheckReport(f'MS COCO 2014 in {root}')
    outcomes: dict[str, list[_Outcome]] = {}
    for split in OFFICIAL_COUNTS:
        path = osp.join(annotations, f'instances_{split}2014.json')
        found = read_instances(path, COCO_CLASSES)
        report.problems += found.problems
        target_folder = osp.join(root, 'SegmentationClass', f'{split}2014')
        remove_stale_temporaries(target_folder)
        tasks = [
            _Task(image, osp.join(root, f'{split}2014'), target_folder) for image in found.images
        ]
        outcomes[split] = run_tasks(_convert_image, tasks, workers, f'COCO {split}2014')
        report.add(f'{split}: images in the annotations', found.num_images)
        report.add(f'{split}: crowd annotations left out', found.num_crowds)
        _summarise(report, split, outcomes[split], tags_from)
    if not report.problems:
        tags = {
            outcome.image_id: outcome.tags if tags_from == 'annotations' else outcome.mask_labels
            for split in OFFICIAL_COUNTS
            for outcome in outcomes[split]
        }
        write_tags(osp.join(root, 'tags.csv'), tags, COCO_CLASSES)
        write_cls_labels(osp.join(root, 'cls_labels.npy'), tags, len(COCO_CLASSES))
        for split in OFFICIAL_COUNTS:
            kept = [outcome.image_id for outcome in outcomes[split] if tags[outcome.image_id]]
            write_list(osp.join(root, f'{split}.txt'), kept)
    return report


def find_image(folder: str, image: CocoImage) -> str:
    """Find the file of an image under any of the names in use.

    Args:
        folder (str): ``train2014`` or ``val2014``.
        image (CocoImage): The image.

    Returns:
        str: Path of the file.

    Raises:
        FileNotFoundError: If there is none.
    """
    names = [image.file_name, f'{image.image_id:012d}.jpg', f'{image.image_id}.jpg']
    for name in names:
        path = osp.join(folder, osp.basename(name))
        if osp.isfile(path):
            return path
    raise FileNotFoundError(f'{folder}: no image {" or ".join(names)}.')


def _convert_image(task: _Task) -> _Outcome:
    image = task.image
    outcome = _Outcome('', image.tags, image.shape)
    try:
        path = find_image(task.folder, image)
        outcome.image_id = osp.splitext(osp.basename(path))[0]
        size = check_image(path)
        if size != image.shape:
            raise ValueError(
                f'{path}: the image is {size[0]} x {size[1]} (height x width), the annotations '
                f'say {image.shape[0]} x {image.shape[1]}.'
            )
        try:
            mask, outcome.degenerate = draw_instances(image.shape, image.instances)
        except ValueError as error:
            raise ValueError(f'annotations of image {image.image_id}: {error}.') from None
        outcome.mask_labels = mask_content(mask).foreground
        target = osp.join(task.target_folder, f'{outcome.image_id}.png')
        if _is_same(target, mask):
            outcome.mask = 'kept'
            return outcome
        write_mask(target, mask, PALETTE)
        outcome.mask = 'written'
        if not _is_same(target, mask):
            raise ValueError(f'{target}: reads back other than it was written.')
    except (FileNotFoundError, ValueError) as error:
        outcome.problems.append(str(error))
    return outcome


def _is_same(path: str, mask: np.ndarray) -> bool:
    try:
        return np.array_equal(read_mask(path, mask.shape, len(COCO_CLASSES)), mask)
    except (FileNotFoundError, ValueError):
        return False


def _summarise(report: CheckReport, split: str, outcomes: list[_Outcome], tags_from: str) -> None:
    for outcome in outcomes:
        report.problems += outcome.problems
    tags = [o.tags if tags_from == 'annotations' else o.mask_labels for o in outcomes]
    tagged = sum(bool(labels) for labels in tags)
    official = OFFICIAL_COUNTS[split]
    report.add(f'{split}: images with tags', f'{tagged:,} (official {official:,})')
    if tagged != official:
        report.remarks.append(
            f'{split} has {tagged:,} tagged images, not the official {official:,}.'
        )
    masks = Counter(outcome.mask for outcome in outcomes)
    report.add(f'{split}: masks kept / written', f'{masks["kept"]:,} / {masks["written"]:,}')
    if outcomes:
        report.add(
            f'{split}: image sizes (height x width)',
            ' to '.join(
                f'{f(o.shape[0] for o in outcomes)} x {f(o.shape[1] for o in outcomes)}'
                for f in (min, max)
            ),
        )
    degenerate = sum(outcome.degenerate for outcome in outcomes)
    if degenerate:
        report.remarks.append(
            f'{split}: {degenerate:,} polygons of fewer than three corners have no area and were '
            'left out; their class still counts as a tag.'
        )
    hidden = sum(o.mask != 'none' and set(o.mask_labels) < set(o.tags) for o in outcomes)
    report.add(f'{split}: images with a tag that no pixel shows', hidden)
    report.add(f'{split}: images by tag', count_by_class(tags, COCO_CLASSES))
