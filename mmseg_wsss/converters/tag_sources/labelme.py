"""LabelMe's files: one JSON for each image, with its shapes and flags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...checks.report import examples
from .entries import Entry, TagEntries, class_name, files_below, read_json


def is_labelme(content: Any) -> bool:
    """Tell whether a parsed JSON file is LabelMe's."""
    return isinstance(content, dict) and 'imagePath' in content and 'shapes' in content


def read(path: Path, classes: Sequence[str] | None) -> TagEntries:
    """Read the tags of images from the labels of their shapes.

    An image whose file has no shape has no tag; an image without a file has not been annotated.
    Flags that are set for the image are its tags where no file has a shape, as in LabelMe's
    classification of images, or where they are among the classes.

    Args:
        path (Path): A folder, those in it included, or one file.
        classes (Sequence[str], optional): Foreground classes that are listed.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is no JSON, or there is none of LabelMe.
    """
    files = files_below(path, ('.json',)) if path.is_dir() else [path]
    found = TagEntries(f'LabelMe files in {path}; outlines are not used')
    read_files = []
    others = []
    for file in files:
        content = read_json(file)
        if is_labelme(content):
            read_files.append((file, *_labels(file, content, found)))
        else:
            others.append(str(file))
    if not read_files:
        raise ValueError(f'{path}: no LabelMe file, expected JSON with imagePath and shapes')
    if others:
        found.remarks.append(
            f"{len(others)} JSON files are not LabelMe's and are not read ({examples(others, 3)})."
        )
    has_shapes = any(labels for _, _, labels, _ in read_files)
    unused: Counter[str] = Counter()
    for file, name, labels, flags in read_files:
        taken = [one for one in flags if not has_shapes or one in (classes or ())]
        unused.update(one for one in flags if one not in (*taken, *labels))
        found.entries.append(
            Entry(
                name,
                tuple(dict.fromkeys([*labels, *taken])),
                str(file),
                str(file.parent),
                other_names=(file.name.removesuffix('.json').removesuffix('.JSON'),),
            )
        )
    if unused:
        flags = [f'{name} ({count} images)' for name, count in sorted(unused.items())]
        found.remarks.append(
            f'flags of images are not taken as tags beside shapes: {examples(flags)}. List those '
            'that are classes with the others (--classes).'
        )
    return found


def _labels(path: Path, content: dict, found: TagEntries) -> tuple[str, list[str], list[str]]:
    """Give the name of the image, the labels of its shapes and its flags that are set."""
    name, shapes, flags = content['imagePath'], content['shapes'], content.get('flags') or {}
    if not isinstance(name, str) or not name:
        raise ValueError(f'{path}: imagePath is {name!r:.80}, expected the path of the image')
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise ValueError(f'{path}: shapes is {shapes!r:.80}, expected a list of objects')
    labels = []
    for number, shape in enumerate(shapes):
        try:
            labels.append(class_name(shape.get('label'), f'{path}: shapes[{number}].label'))
        except ValueError as error:
            found.problems.append(str(error))
    if not isinstance(flags, dict):
        raise ValueError(f'{path}: flags is {flags!r:.80}, expected an object of true and false')
    return name, labels, [flag for flag, is_set in flags.items() if is_set is True]
