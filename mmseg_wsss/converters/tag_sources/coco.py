"""MS COCO's annotation files: ``images``, ``annotations`` and ``categories``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...checks.report import examples
from .entries import Entry, TagEntries, class_name, files_below, read_json

KEYS = ('images', 'annotations', 'categories')


def is_coco(content: Any) -> bool:
    """Tell whether a parsed JSON file is one of object annotations."""
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in KEYS)


def looks_like_coco(content: Any) -> bool:
    """Tell whether a parsed JSON file is of COCO's kind, though lists may be missing."""
    return isinstance(content, dict) and sum(isinstance(content.get(key), list) for key in KEYS) > 1


def read(paths: Sequence[Path]) -> TagEntries:
    """Read the tags of images from annotation files.

    An image without an annotation has no tag. Annotations that are marked as crowds count: the
    image shows the class, and many tools mark any segmentation of run lengths so.

    Args:
        paths (Sequence[Path]): Files, or a folder with them; of several, as train and val, an image
            has the tags of all. In a folder with ``instances_*.json`` the other files are left out.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is no such file.
    """
    remarks: list[str] = []
    files: list[Path] = []
    for path in paths:
        files += _files_in(path, remarks) if path.is_dir() else [path]
    found = TagEntries(
        f'COCO annotations ({examples([path.name for path in files], 3)}); boxes and masks are not '
        'used',
        classes=[],
        merges=True,
        remarks=remarks,
    )
    classes: dict[str, None] = {}
    crowds = 0
    for path in files:
        content = read_json(path)
        if not is_coco(content):
            raise ValueError(
                f"{path}: no file of COCO's object annotations, expected an object with the lists "
                'images, annotations and categories'
            )
        names = _categories(path, content['categories'])
        crowds += _read_images(path, content, names, found)
        _leave_out_supercategories(path, content, names, found)
        classes |= dict.fromkeys(names.values())
    found.classes = list(classes)
    if crowds:
        found.remarks.append(f'{crowds} crowd annotations count as the others: they are shown.')
    return found


def _files_in(folder: Path, remarks: list[str]) -> list[Path]:
    files = files_below(folder, ('.json',))
    instances = [path for path in files if path.name.startswith('instances_')]
    others = [path for path in files if path not in instances]
    if not instances:
        instances = [path for path in others if is_coco(read_json(path))]
        others = [path for path in others if path not in instances]
    if not instances:
        raise ValueError(f"{folder}: no file of COCO's object annotations (JSON) in it")
    if others:
        remarks.append(
            f'{len(others)} other JSON files in {folder} are not read '
            f'({examples([path.name for path in others], 3)}).'
        )
    return instances


def _categories(path: Path, entries: list) -> dict[Any, str]:
    """Give the names of the categories in the order of their ids."""
    names: dict[Any, str] = {}
    for number, entry in enumerate(entries):
        source = f'{path}: categories[{number}]'
        if not isinstance(entry, dict) or not isinstance(entry.get('id'), int | str):
            raise ValueError(f'{source}: {entry!r:.80}, expected an object with id and name')
        name = class_name(entry.get('name'), f'{source}.name')
        if names.setdefault(entry['id'], name) != name:
            raise ValueError(
                f'{source}: id {entry["id"]} is {names[entry["id"]]!r} and {name!r}, expected one'
            )
    try:
        return dict(sorted(names.items()))
    except TypeError:
        raise ValueError(
            f'{path}: the ids of categories are numbers and texts, expected numbers'
        ) from None


def _read_images(path: Path, content: dict, names: dict[Any, str], found: TagEntries) -> int:
    """Add an entry for each image; give the number of crowd annotations."""
    images: dict[Any, str] = {}
    by_name: dict[str, Any] = {}
    for number, image in enumerate(content['images']):
        source = f'{path}: images[{number}]'
        if (
            not isinstance(image, dict)
            or not isinstance(image.get('file_name'), str)
            or not isinstance(image.get('id'), int | str)
        ):
            found.problems.append(f'{source}: {image!r:.80}, expected an object with id, file_name')
            continue
        image_id, name = image['id'], image['file_name']
        if image_id in images:
            found.problems.append(f'{source}: image id {image_id} occurs more than once.')
        elif name in by_name:
            found.problems.append(
                f'{source}: file_name {name!r} is that of image {by_name[name]} as well.'
            )
        else:
            images[image_id], by_name[name] = name, image_id
    labels: dict[Any, dict[str, None]] = defaultdict(dict)
    crowds = 0
    where = f'{path}: annotations'
    for number, annotation in enumerate(content['annotations']):
        image_id = annotation.get('image_id') if isinstance(annotation, dict) else None
        if not isinstance(image_id, int | str):
            found.problems.append(
                f'{where}[{number}]: {annotation!r:.80}, expected an object with image_id and '
                'category_id'
            )
            continue
        if image_id not in images:
            found.problems.append(
                f'{where}[{number}]: image_id {image_id!r} is not among the images.'
            )
            continue
        # Annotations of the panoptic kind have several segments.
        segments = annotation.get('segments_info')
        for one in segments if isinstance(segments, list) else [annotation]:
            category = one.get('category_id') if isinstance(one, dict) else None
            if not isinstance(category, int | str) or category not in names:
                found.problems.append(
                    f'{where}[{number}] of {images[image_id]}: category_id {category!r} is not '
                    f'among the categories (ids {examples([str(number) for number in names], 10)}).'
                )
                continue
            crowds += bool(one.get('iscrowd'))
            labels[image_id][names[category]] = None
    found.entries += [
        Entry(name, tuple(labels[image_id]), f'{path}: image {image_id}', str(path.parent))
        for image_id, name in images.items()
    ]
    return crowds


def _leave_out_supercategories(
    path: Path, content: dict, names: dict[Any, str], found: TagEntries
) -> None:
    """Roboflow lists the kind of the classes as a category of its own, which no object has."""
    above = {
        str(entry.get('supercategory')): None
        for entry in content['categories']
        if entry['name'] != entry.get('supercategory')
    }
    used = {label for entry in found.entries for label in entry.labels}
    for number, name in [*names.items()]:
        if name in above and name not in used:
            del names[number]
            found.remarks.append(
                f'{path}: category {name!r} is no class: other categories belong to it, and no '
                'annotation has it.'
            )
