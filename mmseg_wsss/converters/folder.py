"""An own folder of photographs with tags, converted to the layout that the configs read."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..checks.ground_truth import MaskContent, check_ground_truth, mask_content
from ..checks.images import check_image, summarise_kinds
from ..checks.report import CheckReport, count_by_class, examples
from ..checks.tags import tag_remarks
from ..datasets.tags import write_tags
from ..store.masks import read_mask, write_mask
from ..utils.atomic import remove_stale_temporaries
from ..utils.image_copy import DeepValues, check_shift_bits, deep_values, load_values
from ..utils.image_info import ImageInfo, describe_image
from ..utils.palette import label_palette
from ..utils.parallel import run_tasks
from .folder_inputs import (
    MASK_FOLDER,
    TRAINVAL_LIST,
    FolderDescription,
    choose_val,
    find_images,
    find_masks,
    find_split,
    group_by_suffix,
    remark_doubtful_names,
)
from .image_copies import copy_deep_images, write_copy
from .tag_files import write_list
from .tag_sources import read_image_tags

IMAGE_FOLDER = 'images'


def convert_folder(
    images: str,
    tags: str | Sequence[str],
    out: str,
    classes: Sequence[str] | None = None,
    masks: str | None = None,
    val_list: str | None = None,
    copy_images: bool = False,
    workers: int | None = None,
    shift_bits: int | None = None,
    tags_from: str = 'auto',
) -> CheckReport:
    """Check an own data set and lay it out.

    Writes ``tags.csv``, ``train.txt``, ``val.txt`` and ``trainval.txt`` (if there is something to
    validate on), ``SegmentationClass`` (the masks of val) and ``dataset.json`` to ``out``, the
    lists and tags last and only if nothing was wrong. The images stay where they are unless
    ``copy_images``.

    Validation images are those of ``val_list`` or, without it, those that have a mask; all other
    images with a tags entry are for training. A validation image without a tags entry gets the
    tags of its mask. Where tags are not of a table and the images lie in folders ``train``,
    ``val`` and ``test``, these are the split if there is no ``val_list``.

    Args:
        images (str): Folder of the images, folders in it included. The image id is the path below
            it without suffix.
        tags (str | Sequence[str]): Tags file, see :func:`mmseg_wsss.datasets.tags.read_tags`; ids
            may have the image's suffix. Or a folder, a file or several of annotations, see
            ``tags_from``; the names of classes alone are taken of them.
        out (str): Folder of the data set.
        classes (Sequence[str], optional): Foreground classes in order. By default those of the
            tags file in alphabetical order (a table's columns in the table's order, classes that
            annotations declare in their order). Objects of other classes in annotations are
            ignored with a remark.
        masks (str, optional): Folder of the ground truth, ``<image id>.png``: 0 for background, 1
            for the first class and so on, 255 for pixels that do not count.
        val_list (str, optional): Image ids for validation, one a line.
        copy_images (bool): Copy all images to ``out/images`` as PNG, upright, 8-bit RGB: for
            folders with several suffixes, and for images that are refused as they are (16 bits,
            a fourth band that is marked as alpha). Copies that show the image pixel by pixel are
            kept.
        workers (int, optional): Number of processes.
        shift_bits (int, optional): By how many bits the copies of images of more than 8 bits are
            shifted right; values above 255 even then become 255. By default the fewest that keep
            the largest value of the set. Images of 8 bits are never shifted.
        tags_from (str): What ``tags`` is: ``'table'``, ``'folders'`` (named by class), ``'coco'``,
            ``'labelme'``, ``'voc'``, ``'yolo'``, ``'fiftyone'`` or ``'imagefolder'``, the last two
            also with the field or column of the labels (``'fiftyone:ground_truth'``); ``'auto'``
            recognises it. See :func:`mmseg_wsss.converters.tag_sources.read_image_tags`.

    Returns:
        CheckReport: Counts and problems; complete if there is no problem.

    Raises:
        FileNotFoundError: If a folder or file is missing.
        ValueError: If a tags file or list is malformed, it is not clear what ``tags`` is, or there
            is no image.
    """
    check_shift_bits(shift_bits)
    if shift_bits is not None and not copy_images:
        raise ValueError('shift_bits is for copies of the images only, set copy_images.')
    report = CheckReport(f'own data set in {out}')
    paths = find_images(images, report)
    source = read_image_tags(tags, paths, images, classes, tags_from)
    all_classes = ['background', *source.classes]
    report.remarks += source.remarks
    report.problems += source.problems
    remark_doubtful_names(source.classes, report)
    tagged = {
        image_id: tuple(all_classes.index(name) for name in names)
        for image_id, names in source.tags.items()
    }
    mask_paths = find_masks(masks, paths, report)
    split = find_split(tagged) if source.title and val_list is None else {}
    val = choose_val(val_list, mask_paths, masks is not None, paths, report, split)
    is_val = set(val)
    held_out = {*is_val, *split.get('test', ())}
    train = [image_id for image_id in paths if image_id in tagged and image_id not in held_out]
    if split:
        _remark_split(split, report)
    suffixes = group_by_suffix(paths)
    if len(suffixes) > 1 and not copy_images:
        found = ', '.join(f'{s} ({len(n)}, e.g. {n[0]})' for s, n in suffixes.items())
        report.problems.append(
            f'{images}: images have different suffixes: {found}. A data set has one: rename or '
            'convert them, or let them be copied as PNG (--copy-images).'
        )
    palette = label_palette(len(all_classes))
    tasks = [
        FileTask(
            image_id=image_id,
            image=paths[image_id],
            copy=osp.join(out, IMAGE_FOLDER, f'{image_id}.png') if copy_images else None,
            mask=mask_paths.get(image_id) if image_id in is_val else None,
            mask_copy=osp.join(out, MASK_FOLDER, f'{image_id}.png'),
            num_classes=len(all_classes),
            palette=palette,
        )
        for image_id in [*train, *val]
    ]
    remove_stale_temporaries(out)
    outcomes = run_tasks(convert_files, tasks, workers, 'images and masks')
    for outcome in outcomes:
        report.problems += outcome.problems
    summarise_kinds(report, {o.image_id: o.info for o in outcomes if o.info is not None})
    shift_bits = copy_deep_images(
        {task.image_id: (task.image, task.copy) for task in tasks if task.copy is not None},
        {o.image_id: o.values for o in outcomes if o.values is not None},
        shift_bits,
        len(tasks),
        workers,
        report,
    )
    all_tags = _complete_tags(tagged, outcomes, train, val, report)
    contents = {o.image_id: o.content for o in outcomes if o.content is not None}
    check_ground_truth(report, contents, tagged, all_classes)
    if not train:
        report.problems.append(
            f'{_joined(tags)}: no image is left for training; with a mask for every image give '
            '--val-list.'
        )
    if source.title:
        report.add('tags from', source.title)
    _summarise(report, paths, tagged, train, val, outcomes, all_tags, mask_paths, all_classes)
    if not report.problems:
        description = FolderDescription(
            classes=all_classes,
            palette=palette,
            img_path=IMAGE_FOLDER if copy_images else osp.relpath(images, out),
            img_suffix='.png' if copy_images else next(iter(suffixes)),
            has_val=bool(val),
            has_masks=bool(val) and masks is not None,
            shift_bits=shift_bits,
        )
        _write_layout(out, all_tags, train, val, description)
    return report


def _complete_tags(
    tagged: dict[str, tuple[int, ...]],
    outcomes: list[FileOutcome],
    train: list[str],
    val: list[str],
    report: CheckReport,
) -> dict[str, tuple[int, ...]]:
    """Give validation images without a tags entry the tags of their mask."""
    from_mask = {o.image_id: o.content.foreground for o in outcomes if o.content is not None}
    broken = {o.image_id for o in outcomes if o.problems}
    tags, completed = {}, []
    for image_id in [*train, *val]:
        if image_id in tagged:
            tags[image_id] = tagged[image_id]
        elif image_id in from_mask:
            tags[image_id] = from_mask[image_id]
            completed.append(image_id)
        elif image_id not in broken:
            report.problems.append(f'image {image_id} of val has neither tags nor a mask.')
    if completed:
        report.remarks.append(
            f'{len(completed)} validation images have no tags entry and got the tags of their '
            f'mask ({examples(completed)}).'
        )
    return tags


def _joined(tags: str | Sequence[str]) -> str:
    return str(tags) if isinstance(tags, str | os.PathLike) else ', '.join(map(str, tags))


def _remark_split(split: dict[str, list[str]], report: CheckReport) -> None:
    held_out = f', {len(split["test"])} of test in no list' if 'test' in split else ''
    report.remarks.append(
        f'the folders of the images are taken as a split: {len(split["train"])} images to train, '
        f'{len(split["val"])} to validate{held_out}; --val-list chooses otherwise.'
    )


def _summarise(
    report: CheckReport,
    paths: dict[str, str],
    tagged: dict[str, tuple[int, ...]],
    train: list[str],
    val: list[str],
    outcomes: list[FileOutcome],
    tags: dict[str, tuple[int, ...]],
    mask_paths: dict[str, str],
    classes: list[str],
) -> None:
    sizes = [outcome.size for outcome in outcomes if outcome.size is not None]
    report.add('images', len(paths))
    report.add('train / val images', f'{len(train):,} / {len(val):,}')
    report.add('masks for validation', sum(image_id in mask_paths for image_id in val))
    if sizes:
        report.add(
            'image sizes (height x width)',
            ' to '.join(f'{f(s[0] for s in sizes)} x {f(s[1] for s in sizes)}' for f in (min, max)),
        )
    untagged = [image_id for image_id in train if not tags.get(image_id)]
    report.add('training images without any tag', len(untagged))
    in_train = [tags[image_id] for image_id in train if image_id in tags]
    report.add('training images by tag', count_by_class(in_train, tuple(classes)))
    report.remarks += tag_remarks(in_train, classes)
    used = {*train, *val}
    left_out = [image_id for image_id in paths if image_id not in used and image_id not in tagged]
    if left_out:
        report.remarks.append(
            f'{len(left_out)} images have no tags entry and are in no list ({examples(left_out)}).'
        )


def _write_layout(
    out: str,
    tags: dict[str, tuple[int, ...]],
    train: list[str],
    val: list[str],
    description: FolderDescription,
) -> None:
    os.makedirs(out, exist_ok=True)
    write_tags(osp.join(out, 'tags.csv'), tags, description.classes)
    write_list(osp.join(out, 'train.txt'), train)
    for name, ids in (('val.txt', val), (TRAINVAL_LIST, [*train, *val])):
        if val:
            write_list(osp.join(out, name), ids)
        elif osp.exists(osp.join(out, name)):
            os.unlink(osp.join(out, name))  # of an earlier run with validation images
    description.save(out)


@dataclass(frozen=True)
class FileTask:
    """What to do with the files of one image.

    Attributes:
        image_id (str): Its id.
        image (str): Path of the image.
        copy (str | None): Where to copy it to as PNG; None leaves it where it is.
        mask (str | None): Path of its ground-truth mask, if it has one that is used.
        mask_copy (str): Where to copy the mask to.
        num_classes (int): K, background included.
        palette (list[list[int]]): RGB colours of the mask.
    """

    image_id: str
    image: str
    copy: str | None
    mask: str | None
    mask_copy: str
    num_classes: int
    palette: list[list[int]]


@dataclass
class FileOutcome:
    """What became of it.

    Attributes:
        image_id (str): Its id.
        size (tuple[int, int] | None): Height and width of the image, if it can be read.
        info (ImageInfo | None): What the image's header says.
        values (DeepValues | None): Of an image of more than 8 bits that is still to be copied.
        content (MaskContent | None): What the mask shows, if there is one.
        problems (list[str]): Messages about files that are wrong.
    """

    image_id: str
    size: tuple[int, int] | None = None
    info: ImageInfo | None = None
    values: DeepValues | None = None
    content: MaskContent | None = None
    problems: list[str] = field(default_factory=list)


def convert_files(task: FileTask) -> FileOutcome:
    """Check the files of one image and write the copies that are not there yet.

    That of an image of more than 8 bits is left to :func:`copy_deep_images`: how far it is shifted
    is known when all images have been looked at.
    """
    outcome = FileOutcome(task.image_id)
    try:
        outcome.info = info = describe_image(task.image)
        if task.copy is None or not (info.is_deep or info.multiplies):
            outcome.size = check_image(task.image)
        if task.copy is not None:
            _, pixels = load_values(task.image)
            outcome.size = pixels.shape[:2]
        if task.mask is not None:
            mask = read_mask(task.mask, shape=outcome.size, num_classes=task.num_classes)
            outcome.content = mask_content(mask)
            if not _is_same(task.mask_copy, mask):
                write_mask(task.mask_copy, mask, task.palette)
        if task.copy is not None and info.is_deep:
            outcome.values = deep_values(pixels)
        elif task.copy is not None:
            write_copy(task.copy, pixels)
    except (FileNotFoundError, ValueError) as error:
        outcome.problems.append(str(error))
    return outcome


def _is_same(path: str, mask: np.ndarray) -> bool:
    try:
        return np.array_equal(read_mask(path), mask)
    except (FileNotFoundError, ValueError):
        return False
