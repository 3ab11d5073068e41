"""What lies in an own folder: images, masks, class names, and which images are for validation."""

from __future__ import annotations

import json
import os
import os.path as osp
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from ..checks.report import CheckReport, examples
from ..datasets.splits import read_lines
from ..store import check_image_id
from ..utils.atomic import write_atomic

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
MASK_FOLDER = 'SegmentationClass'
TRAINVAL_LIST = 'trainval.txt'
DESCRIPTION = 'dataset.json'


@dataclass(frozen=True)
class FolderDescription:
    """What the configs of an own data set need to know, kept in ``dataset.json``.

    Attributes:
        classes (list[str]): Background first.
        palette (list[list[int]]): RGB colours.
        img_path (str): Folder of the images, relative to the data set's.
        img_suffix (str): Suffix of all images.
        has_val (bool): Whether there is ``val.txt``.
        has_masks (bool): Whether the images of ``val.txt`` have ground truth.
        shift_bits (int, optional): By how many bits copies of images of more than 8 bits were
            shifted right; None if there are none.
    """

    classes: list[str]
    palette: list[list[int]]
    img_path: str
    img_suffix: str
    has_val: bool
    has_masks: bool
    shift_bits: int | None = None

    @classmethod
    def load(cls, root: str) -> FolderDescription:
        """Read the description of a prepared data set.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If it is damaged.
        """
        path = osp.join(root, DESCRIPTION)
        if not osp.isfile(path):
            raise FileNotFoundError(f'{path}: no such file; prepare the data set first.')
        with open(path, encoding='utf-8') as file:
            try:
                return cls(**json.load(file))
            except (ValueError, TypeError) as error:
                raise ValueError(f'{path}: not a description of a data set ({error}).') from None

    def save(self, root: str) -> None:
        """Write the description into the folder of a data set, which must exist."""
        content = {key: value for key, value in asdict(self).items() if value is not None}
        text = json.dumps(content, indent=2, ensure_ascii=False)
        write_atomic(osp.join(root, DESCRIPTION), (text + '\n').encode())


# Words that say that an image shows none of the classes.
NOTHING = {
    'none', 'normal', 'background', 'nothing', 'no finding', 'no findings', 'no object',
    'no objects', 'empty', 'n/a',
}  # fmt: skip
# Folders of the parts of a data set, also as train2017.
SPLIT_NAME = re.compile(r'(train(?:ing)?|val(?:id|idation)?|dev|eval|test(?:ing)?)[0-9]*', re.I)


def means_nothing(name: str) -> bool:
    """Tell whether a name usually means that an image shows no class.

    >>> means_nothing('No_Finding'), means_nothing('cat')
    (True, False)
    """
    return re.sub(r'[\s_-]+', ' ', name).strip().casefold() in NOTHING


def is_split_name(name: str) -> bool:
    """Tell whether a folder is called like a part of a data set.

    >>> is_split_name('val2017'), is_split_name('trains')
    (True, False)
    """
    return SPLIT_NAME.fullmatch(name) is not None


def list_images(folder: str | os.PathLike) -> dict[str, str]:
    """List the images of a folder as :func:`find_images`, where remarks are of no use.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no images, or two of one id.
    """
    report = CheckReport('images')
    paths = find_images(os.fspath(folder), report)
    if report.problems:
        raise ValueError(' '.join(report.problems))
    return paths


def find_images(folder: str, report: CheckReport) -> dict[str, str]:
    """Give the path of each image in a folder by id, the path below it without suffix."""
    if not osp.isdir(folder):
        raise FileNotFoundError(f'{folder}: no such folder of images.')
    paths: dict[str, str] = {}
    for path in _walk(folder, report):
        stem, suffix = osp.splitext(osp.relpath(path, folder))
        if suffix.lower() not in SUFFIXES:
            continue
        image_id = check_image_id(stem.replace(os.sep, '/'), path)
        if image_id in paths:
            report.problems.append(f'{path} and {paths[image_id]}: two images of one name.')
        paths.setdefault(image_id, path)
    if not paths:
        raise ValueError(f'{folder}: no images ({", ".join(SUFFIXES)}) in it.')
    return dict(sorted(paths.items()))


def _walk(folder: str, report: CheckReport) -> list[str]:
    """Give the paths of all files below a folder, sorted, without hidden files and folders."""
    paths = []
    hidden = []
    for directory, folders, names in os.walk(folder):
        hidden += [osp.join(directory, name) for name in [*folders, *names] if name[0] == '.']
        folders[:] = sorted(name for name in folders if name[0] != '.')
        paths += [osp.join(directory, name) for name in sorted(names) if name[0] != '.']
    if hidden:
        report.remarks.append(
            f'{len(hidden)} hidden files or folders in {folder} are not read '
            f'({examples(sorted(hidden))}).'
        )
    return paths


def image_of(name: str, paths: Mapping[str, str]) -> str:
    """Give the id of the image that a list names with or without suffix, folders kept."""
    stem, suffix = osp.splitext(name)
    return stem if name not in paths and suffix.lower() in SUFFIXES else name


def find_masks(folder: str | None, paths: dict[str, str], report: CheckReport) -> dict[str, str]:
    """Give the path of each mask by image id; a mask without image is a problem."""
    if folder is None:
        return {}
    if not osp.isdir(folder):
        raise FileNotFoundError(f'{folder}: no such folder of masks.')
    found = {}
    for path in _walk(folder, report):
        stem, suffix = osp.splitext(osp.relpath(path, folder))
        image_id = stem.replace(os.sep, '/')
        if suffix.lower() != '.png':
            continue
        if image_id in paths:
            found[image_id] = path
        else:
            report.problems.append(f'{path}: a mask without image.')
    if not found:
        report.problems.append(f'{folder}: no masks (<image id>.png) in it.')
    return dict(sorted(found.items()))


def choose_val(
    val_list: str | None,
    mask_paths: dict[str, str],
    with_masks: bool,
    paths: dict[str, str],
    report: CheckReport,
    split: dict[str, list[str]] | None = None,
) -> list[str]:
    """Give the ids of the validation images: those listed, those of a split, or those with a mask.

    Args:
        val_list (str, optional): The list.
        mask_paths (dict[str, str]): Path of each mask by image id.
        with_masks (bool): Whether there is a folder of masks.
        paths (dict[str, str]): Path of each image by id.
        report (CheckReport): What is wrong or worth knowing is added here.
        split (dict[str, list[str]], optional): Image ids by part, from :func:`find_split`.
    """
    if val_list is not None:
        source, val = val_list, _read_val_list(val_list, paths)
        report.problems += [
            f'{val_list}: there is no image {image_id}.'
            for image_id in val
            if image_id not in paths
        ]
        val = [image_id for image_id in val if image_id in paths]
    elif split and split.get('val'):
        source, val = 'the folder of val', split['val']
    else:
        return list(mask_paths)
    if with_masks:
        report.problems += [
            f'{source}: image {image_id} has no mask.'
            for image_id in val
            if image_id not in mask_paths
        ]
        unused = sorted(set(mask_paths) - set(val))
        if unused:
            report.remarks.append(
                f'{len(unused)} masks of images that are not in {source} are not used '
                f'({examples(unused)}).'
            )
    return val


def _read_val_list(val_list: str, paths: dict[str, str]) -> list[str]:
    val: list[str] = []
    for number, line in enumerate(read_lines(val_list, 'split list'), start=1):
        if line.strip():
            # Not read_split: what looks like a suffix may be part of a name here.
            name = check_image_id(line.strip(), f'{val_list}:{number}')
            image_id = image_of(name, paths)
            if image_id in val:
                raise ValueError(f'{val_list}:{number}: duplicate image id {image_id!r}')
            val.append(image_id)
    if not val:
        raise ValueError(f'{val_list}: the split list is empty, expected one image id a line')
    return val


def find_split(image_ids: Iterable[str]) -> dict[str, list[str]]:
    """Find the parts of a data set whose images lie in folders ``train``, ``val``, ``test``.

    Args:
        image_ids (Iterable[str]): The images.

    Returns:
        dict[str, list[str]]: Image ids of ``train``, ``val`` and ``test``; ``val`` is the test
        images where there are no others. Empty if the first folder in which images differ is
        another, or nothing is for training.

    >>> find_split(['images/train/1', 'images/val2017/2'])
    {'train': ['images/train/1'], 'val': ['images/val2017/2']}
    >>> find_split(['cat/1', 'train/2'])
    {}
    """
    parts = {image_id: image_id.split('/') for image_id in image_ids}
    level = len(osp.commonprefix([one[:-1] for one in parts.values()]))
    split: dict[str, list[str]] = defaultdict(list)
    for image_id, one in parts.items():
        if len(one) <= level + 1 or not is_split_name(one[level]):
            return {}
        first = one[level].lower()
        split['train' if first[:2] == 'tr' else 'test' if first[:2] == 'te' else 'val'].append(
            image_id
        )
    if 'train' not in split or len(split) == 1:
        return {}
    if 'val' not in split:
        split['val'] = split.pop('test')
    return dict(split)


def group_by_suffix(paths: dict[str, str]) -> dict[str, list[str]]:
    """Group the paths of images by suffix, as it is spelt."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths.values():
        groups[osp.splitext(path)[1]].append(path)
    return dict(groups)


def remark_doubtful_names(names: Sequence[str], report: CheckReport) -> None:
    """Remark class names that usually mean that an image shows no class."""
    report.remarks += [
        f'{name!r} is taken as a class; if it means that an image shows none of the classes, '
        'leave the tags of these images empty.'
        for name in names
        if means_nothing(name)
    ]
