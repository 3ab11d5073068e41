"""A table of tags: CSV, JSON or ``cls_labels.npy``, as :func:`read_tags` reads it."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...datasets.splits import read_lines
from ...datasets.tags import (
    check_header,
    check_json_kind,
    check_spellings,
    extra_columns,
    parse_list,
    read_tags,
)
from ..folder_inputs import image_of
from .photographs import ImageTags


def read_table(
    path: str | os.PathLike, paths: Mapping[str, str], classes: Sequence[str] | None
) -> ImageTags:
    """Read the tags of photographs from a table; each entry must have an image.

    Args:
        path (str | os.PathLike): The table, see :func:`mmseg_wsss.datasets.tags.read_tags`; ids may
            have the image's suffix.
        paths (Mapping[str, str]): Path of each image by id.
        classes (Sequence[str], optional): Foreground classes in order. By default those of the
            table in alphabetical order (columns of 0 and 1 in the table's order).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is malformed.
    """
    names = list(classes) if classes is not None else read_class_names(path)
    names = ['background', *(name for name in names if name != 'background')]
    result = ImageTags({}, names[1:])
    tagged = match_ids(read_tags(path, names), paths, os.fspath(path), result.problems)
    for image_id, labels in tagged.items():
        result.tags[image_id] = tuple(names[label] for label in labels)
    return result


def match_ids(
    tagged: Mapping[str, tuple[int, ...]],
    paths: Mapping[str, str],
    source: str,
    problems: list[str],
) -> dict[str, tuple[int, ...]]:
    """Reduce ids with a suffix, name those without an image."""
    matched: dict[str, tuple[int, ...]] = {}
    missing = []
    for image_id, labels in tagged.items():
        image_id = image_of(image_id, paths)
        if image_id not in paths:
            missing.append(image_id)
        elif image_id in matched:
            problems.append(f'{source}: image {image_id} has two entries.')
        else:
            matched[image_id] = labels
    problems += [f'{source}: there is no image {image_id}.' for image_id in missing]
    return matched


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
