"""What lies in an own folder: images, masks, class names, and which images are for validation."""

from __future__ import annotations

import csv
import json
import os
import os.path as osp
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..checks.report import CheckReport, examples
from ..datasets.splits import read_lines
from ..datasets.tags import (
    check_header,
    check_json_kind,
    check_spellings,
    extra_columns,
    parse_list,
)
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


def _image_of(name: str, paths: dict[str, str]) -> str:
    """Give the id of the image that a list names with or without suffix, folders kept."""
    stem, suffix = osp.splitext(name)
    return stem if name not in paths and suffix.lower() in SUFFIXES else name


def match_ids(
    tagged: dict[str, tuple[int, ...]], paths: dict[str, str], source: str, report: CheckReport
) -> dict[str, tuple[int, ...]]:
    """Reduce ids with a suffix, name those without an image."""
    matched: dict[str, tuple[int, ...]] = {}
    missing = []
    for image_id, labels in tagged.items():
        image_id = _image_of(image_id, paths)
        if image_id not in paths:
            missing.append(image_id)
        elif image_id in matched:
            report.problems.append(f'{source}: image {image_id} has two entries.')
        else:
            matched[image_id] = labels
    report.problems += [f'{source}: there is no image {image_id}.' for image_id in missing]
    return matched


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
) -> list[str]:
    """Give the ids of the validation images: those listed, or those that have a mask."""
    if val_list is None:
        return list(mask_paths)
    val: list[str] = []
    for number, line in enumerate(read_lines(val_list, 'split list'), start=1):
        if line.strip():
            # Not read_split: what looks like a suffix may be part of a name here.
            name = check_image_id(line.strip(), f'{val_list}:{number}')
            image_id = _image_of(name, paths)
            if image_id in val:
                raise ValueError(f'{val_list}:{number}: duplicate image id {image_id!r}')
            val.append(image_id)
    if not val:
        raise ValueError(f'{val_list}: the split list is empty, expected one image id a line')
    report.problems += [
        f'{val_list}: there is no image {image_id}.' for image_id in val if image_id not in paths
    ]
    val = [image_id for image_id in val if image_id in paths]
    if with_masks:
        report.problems += [
            f'{val_list}: image {image_id} has no mask.'
            for image_id in val
            if image_id not in mask_paths
        ]
        unused = sorted(set(mask_paths) - set(val))
        if unused:
            report.remarks.append(
                f'{len(unused)} masks of images that are not in {val_list} are not used '
                f'({examples(unused)}).'
            )
    return val


def group_by_suffix(paths: dict[str, str]) -> dict[str, list[str]]:
    """Group the paths of images by suffix, as it is spelt."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths.values():
        groups[osp.splitext(path)[1]].append(path)
    return dict(groups)


def read_class_names(path: str | os.PathLike) -> list[str]:
    """Collect the class names of a tags file, so that they need not be listed by hand.

    Args:
        path (str | os.PathLike): Tags file, .csv or .json. In a list of names (``image_id,tags``)
            they are separated by ``;``, ``|`` or ``,`` if the file has one of them, else by
            blanks; a cell may also hold a list.

    Returns:
        list[str]: Foreground classes: those of a table in the order of its columns, others in
        alphabetical order.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is of another kind or names no class, or if it is not clear which
            names are one class.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in ('.csv', '.json'):
        raise ValueError(
            f'{path}: class names cannot be taken from a {suffix or "nameless"} file, list them '
            '(--classes).'
        )
    lines = read_lines(path, 'tags file')
    names = _from_json('\n'.join(lines), path) if suffix == '.json' else _from_csv(lines, path)
    if not names:
        raise ValueError(f'{path}: no class is named in it.')
    check_spellings(names, str(path))
    return names


# Words that say that an image shows none of the classes.
NOTHING = {'none', 'normal', 'background', 'nothing', 'no finding', 'no findings', 'empty', 'n/a'}


def remark_doubtful_names(names: Sequence[str], report: CheckReport) -> None:
    """Remark class names that usually mean that an image shows no class."""
    report.remarks += [
        f'{name!r} is taken as a class; if it means that an image shows none of the classes, '
        'leave the tags of these images empty.'
        for name in names
        if re.sub(r'[\s_-]+', ' ', name).strip().casefold() in NOTHING
    ]


def _from_json(text: str, path: str | os.PathLike) -> list[str]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path}: no valid JSON ({error}).') from None
    check_json_kind(content, path)
    for image_id, names in content.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f'{path}: key {image_id!r}: expected a list of class names.')
    return sorted({name for names in content.values() for name in names})


def _from_csv(lines: list[str], path: str | os.PathLike) -> list[str]:
    reader = csv.reader(lines)
    rows = [(f'{path}:{reader.line_num}', [c.strip() for c in row]) for row in reader if any(row)]
    if not rows:
        return []
    source, header = rows[0]
    check_header(header, source)
    if header[:2] != ['image_id', 'tags']:
        return header[1:]
    if len(header) > 2:
        raise ValueError(extra_columns(header, source))
    cells = [(source, row[1]) for source, row in rows[1:] if len(row) > 1]
    lists = [parse_list(cell, source) for source, cell in cells]
    plain = [entry for entry, names in zip(cells, lists, strict=True) if names is None]
    separated = any(re.search('[;|,]', cell) for _, cell in plain)
    found = {name: '' for names in lists for name in names or ()}
    for source, cell in plain:
        if len(set(re.findall('[;|,]', cell))) > 1:
            raise ValueError(
                f'{source}: {cell[:80]!r} mixes separators; use one of ; | , or list the classes '
                '(--classes).'
            )
        for name in re.split(r'[;|,]' if separated else r'\s+', cell):
            found.setdefault(name.strip(), source)
    found.pop('', None)
    for name, source in found.items():
        if source and len(name.split()) > 1 and set(name.split()) <= set(found):
            raise ValueError(
                f'{source}: is {name!r} one class, or are these several, separated by blanks? '
                'Separate tags alike in all lines, or list the classes (--classes).'
            )
    return sorted(found)
