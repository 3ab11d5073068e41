"""What lies in an own folder: images, masks, and which of them are for validation."""

from __future__ import annotations

import os
import os.path as osp
from collections import defaultdict

from mmseg_wsss.datasets.splits import read_split
from mmseg_wsss.seeds import check_image_id

from .report import ConversionReport, examples

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')


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
