"""What lies in an own folder: images, masks, class names, and which images are for validation."""

from __future__ import annotations

import csv
import json
import os
import os.path as osp
import re
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from ..checks.report import ConversionReport, examples
from ..datasets.splits import read_lines, read_split
from ..store import check_image_id
from ..utils.atomic import write_atomic

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
MASK_FOLDER = 'SegmentationClass'
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
    """

    classes: list[str]
    palette: list[list[int]]
    img_path: str
    img_suffix: str
    has_val: bool
    has_masks: bool

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
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        write_atomic(osp.join(root, DESCRIPTION), (text + '\n').encode())


def find_images(folder: str, report: ConversionReport) -> dict[str, str]:
    """Give the path of each image in a folder by id, the path below it without suffix."""
    if not osp.isdir(folder):
        raise FileNotFoundError(f'{folder}: no such folder of images.')
    paths: dict[str, str] = {}
    for directory, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = osp.join(directory, name)
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


def match_ids(
    tagged: dict[str, tuple[int, ...]], paths: dict[str, str], source: str, report: ConversionReport
) -> dict[str, tuple[int, ...]]:
    """Reduce ids with a suffix, name those without an image."""
    matched: dict[str, tuple[int, ...]] = {}
    missing = []
    for image_id, labels in tagged.items():
        stem, suffix = osp.splitext(image_id)
        if image_id not in paths and suffix.lower() in SUFFIXES and stem in paths:
            image_id = stem
        if image_id not in paths:
            missing.append(image_id)
        elif image_id in matched:
            report.problems.append(f'{source}: image {image_id} has two entries.')
        else:
            matched[image_id] = labels
    report.problems += [f'{source}: there is no image {image_id}.' for image_id in missing]
    return matched


def find_masks(
    folder: str | None, paths: dict[str, str], report: ConversionReport
) -> dict[str, str]:
    """Give the path of each mask by image id; a mask without image is a problem."""
    if folder is None:
        return {}
    if not osp.isdir(folder):
        raise FileNotFoundError(f'{folder}: no such folder of masks.')
    found = {}
    for directory, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = osp.join(directory, name)
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
    report: ConversionReport,
) -> list[str]:
    """Give the ids of the validation images: those listed, or those that have a mask."""
    if val_list is None:
        return list(mask_paths)
    val = read_split(val_list)
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
            they are separated by ``;`` or ``|`` if the file has one of them, else by blanks.

    Returns:
        list[str]: Foreground classes: those of a table in the order of its columns, others in
        alphabetical order.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is of another kind or names no class.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in ('.csv', '.json'):
        raise ValueError(
            f'{path}: class names cannot be taken from a {suffix or "nameless"} file, list them '
            '(--classes).'
        )
    lines = read_lines(path, 'tags file')
    names = _from_json('\n'.join(lines), path) if suffix == '.json' else _from_csv(lines)
    if not names:
        raise ValueError(f'{path}: no class is named in it.')
    return names


def _from_json(text: str, path: str | os.PathLike) -> list[str]:
    try:
        content = json.loads(text)
        names = {name for entry in content.values() for name in entry}
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f'{path}: no JSON object of image id to class names ({error}).') from None
    return sorted(names)


def _from_csv(lines: list[str]) -> list[str]:
    rows = [row for row in csv.reader(lines) if row]
    header = [cell.strip() for cell in rows[0]] if rows else []
    if header != ['image_id', 'tags']:
        return header[1:]
    cells = [row[1] for row in rows[1:] if len(row) > 1]
    separator = r'[;|]' if any(';' in cell or '|' in cell for cell in cells) else r'\s+'
    return sorted({name.strip() for cell in cells for name in re.split(separator, cell)} - {''})
