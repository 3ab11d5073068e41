"""Hugging Face's ``imagefolder``: images with ``metadata.csv``, ``.jsonl`` or ``.parquet``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ...checks.report import examples
from ...datasets.splits import read_lines
from ...datasets.tags import parse_list
from .entries import Entry, TagEntries, class_name, files_below

FILE_NAMES = ('metadata.csv', 'metadata.jsonl', 'metadata.parquet')
NAME_COLUMN = 'file_name'
# Columns that hold labels, and the keys of labels in a column of objects.
LABEL_COLUMNS = ('label', 'labels', 'tag', 'tags', 'class', 'classes', 'category', 'categories')
OBJECT_COLUMN = 'objects'


def find_metadata(folder: Path) -> list[Path]:
    """List the metadata files of a data set, one in its folder or one for each part of it."""
    suffixes = [Path(name).suffix for name in FILE_NAMES]
    return [path for path in files_below(folder, suffixes) if path.name in FILE_NAMES]


def read(path: Path, column: str | None, classes: Sequence[str] | None) -> TagEntries:
    """Read the tags of images from metadata files.

    The labels of an image are a name, a list of names, ``objects`` with a list of ``categories``,
    or a column of 0 and 1 for each class. Numbers stand for the names that the data set's
    ``README.md`` declares (``class_label``), or for those of ``classes``. An image whose labels are
    empty has no tag.

    Args:
        path (Path): Folder of the data set, or one metadata file.
        column (str, optional): Column of the labels; by default the one that is called so.
        classes (Sequence[str], optional): Foreground classes that are listed.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is malformed, or it is not clear which column has the labels.
    """
    files = find_metadata(path) if path.is_dir() else [path]
    if not files:
        raise ValueError(f'{path}: no {" or ".join(FILE_NAMES)} in it')
    shown = examples([str(file) for file in files], 3)
    found = TagEntries(f'imagefolder metadata ({shown}); boxes are not used')
    for file in files:
        rows = list(_read_rows(file))
        if not rows:
            raise ValueError(f'{file}: no rows, expected one for each image')
        columns = list(dict.fromkeys(name for _, row in rows for name in row))
        if NAME_COLUMN not in columns:
            raise ValueError(
                f'{file}: no column {NAME_COLUMN}; it has {", ".join(columns)[:200]}. It names the '
                'image of each row, relative to the file.'
            )
        chosen = _choose_columns(file, rows, columns, column)
        declared = _declared_names(file, path, chosen[0]) if len(chosen) == 1 else None
        if len(chosen) > 1 or found.classes is None:
            found.classes = (chosen if len(chosen) > 1 else declared) or found.classes
        names = declared or list(classes or ())
        labels_of = _cell_values if file.suffix.lower() == '.csv' else _values
        for source, row in rows:
            name = row.get(NAME_COLUMN)
            if not isinstance(name, str) or not name.strip():
                found.problems.append(f'{source}: {NAME_COLUMN} is {name!r:.80}, expected a path')
                continue
            try:
                if len(chosen) > 1:
                    labels = [one for one in chosen if _is_set(row.get(one), f'{source}, {one}')]
                else:
                    values = labels_of(row.get(chosen[0]), f'{source}, {chosen[0]}')
                    labels = [_name(one, names, f'{source}, {chosen[0]}') for one in values]
            except ValueError as error:
                found.problems.append(str(error))
                continue
            found.entries.append(
                Entry(
                    name,
                    tuple(dict.fromkeys(labels)),
                    source,
                    str(file.parent),
                )
            )
    return found


def has_file_names(path: Path) -> bool:
    """Tell whether a CSV file is metadata of an imagefolder, by its header."""
    header = next((line for line in read_lines(path, 'tags file') if line.strip()), '')
    return NAME_COLUMN in [cell.strip() for cell in next(csv.reader([header]), [])]


def _read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the rows of a metadata file with file and line, for messages."""
    suffix = path.suffix.lower()
    if suffix == '.csv':
        lines = csv.reader((line + '\n' for line in read_lines(path, 'metadata')), strict=True)
        header: list[str] = []
        try:
            for cells in lines:
                if not any(cell.strip() for cell in cells):
                    continue
                source = f'{path}:{lines.line_num}'
                if not header:
                    header = [cell.strip() for cell in cells]
                elif len(cells) != len(header):
                    raise ValueError(
                        f'{source}: {len(cells)} cells, expected {len(header)} as in the header'
                    )
                else:
                    yield source, dict(zip(header, cells, strict=True))
        except csv.Error as error:
            raise ValueError(f'{path}:{lines.line_num}: {error}') from None
    elif suffix == '.jsonl':
        for number, line in enumerate(read_lines(path, 'metadata'), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f'{path}:{number}: no valid JSON ({error})') from None
            if not isinstance(row, dict):
                raise ValueError(f'{path}:{number}: {line[:60]!r}, expected an object')
            yield f'{path}:{number}', row
    elif suffix == '.parquet':
        yield from _read_parquet(path)
    else:
        raise ValueError(f'{path}: expected {", ".join(FILE_NAMES)}')


def _read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise ValueError(
            f'{path}: reading Parquet needs pyarrow (pip install pyarrow); or save the table as '
            'metadata.csv or metadata.jsonl'
        ) from None
    try:
        rows = parquet.read_table(path).to_pylist()
    except (ArrowException, OSError) as error:
        raise ValueError(f'{path}: no Parquet file ({error})') from None
    for number, row in enumerate(rows, start=1):
        yield f'{path}: row {number}', row


def _choose_columns(
    path: Path, rows: Sequence[tuple[str, dict]], columns: Sequence[str], column: str | None
) -> list[str]:
    """Give the column of the labels, or the columns of 0 and 1."""
    others = [name for name in columns if name != NAME_COLUMN]
    shown = ', '.join(others)[:200] or 'no other'
    if column is not None:
        if column not in others:
            raise ValueError(f'{path}: no column {column!r}; it has {shown}')
        return [column]
    labels = [name for name in others if name.lower() in (*LABEL_COLUMNS, OBJECT_COLUMN)]
    if len(labels) == 1:
        return labels
    if labels:
        raise ValueError(
            f'{path}: {" and ".join(labels)} may have the labels; say which one: --tags-from '
            f'imagefolder:{labels[0]}'
        )
    flags = {'0', '1', 'true', 'false'}
    if len(others) > 1 and all(
        str(row.get(name)).strip().lower() in flags for _, row in rows for name in others
    ):
        return others
    raise ValueError(
        f'{path}: no column of labels, expected {", ".join(LABEL_COLUMNS)} or {OBJECT_COLUMN}, or '
        f'a column of 0 and 1 for each class; it has {shown}. Name the column (--tags-from '
        'imagefolder:COLUMN), or take the names of folders (--tags-from folders)'
    )


def _is_set(value: Any, source: str) -> bool:
    text = str(value).strip().lower()
    if text not in ('0', '1', 'true', 'false'):
        raise ValueError(f'{source}: value {value!r:.80}, expected 0 or 1')
    return text in ('1', 'true')


def _values(value: Any, source: str) -> list[Any]:
    """Give the labels of an image, as names or numbers, however they are wrapped."""
    if value is None or value == '':
        return []
    if isinstance(value, list):
        return [one for item in value for one in _values(item, source)]
    if isinstance(value, Mapping):
        keys = [key for key in value if key.lower() in LABEL_COLUMNS]
        if len(keys) != 1:
            raise ValueError(
                f'{source}: has {", ".join(map(str, value))}, expected one of '
                f'{", ".join(LABEL_COLUMNS)}'
            )
        return _values(value[keys[0]], source)
    return [value]


def _cell_values(cell: str, source: str) -> list[Any]:
    """Give the labels of an image in a cell of text: a list, JSON, or names between separators."""
    text = cell.strip()
    if text.startswith(('{', '[')) and not _is_list(text):
        try:
            return _values(json.loads(text), source)
        except (ValueError, RecursionError):
            raise ValueError(f'{source}: {text[:60]!r}, expected names or JSON') from None
    names = parse_list(text, source)
    if names is None:
        separator = next((one for one in ';|,' if one in text), None)
        names = [name.strip() for name in text.split(separator)] if separator else [text]
    return [name for name in names if name]


def _is_list(text: str) -> bool:
    try:
        return parse_list(text, '') is not None
    except ValueError:
        return False


def _name(value: Any, names: Sequence[str], source: str) -> str:
    """Give the name of a class, which may be given by its number."""
    if isinstance(value, str) and (value in names or not value.isdecimal()):
        return class_name(value, source)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f'{source}: {value!r:.80}, expected the name of a class')
    number = int(value)
    if not names:
        raise ValueError(
            f'{source}: class {number} is a number, and nothing names it: neither README.md '
            '(class_label, names) nor --classes'
        )
    if not 0 <= number < len(names):
        raise ValueError(f'{source}: class {number}, expected 0 to {len(names) - 1}')
    return names[number]


def _declared_names(file: Path, root: Path, column: str) -> list[str] | None:
    """Give the names of a column's classes by the front matter of the data set's README.md."""
    places = [file.parent, *([root] if root.is_dir() else [file.parent.parent])]
    card = next((place / 'README.md' for place in places if (place / 'README.md').is_file()), None)
    if card is None:
        return None
    text = '\n'.join(read_lines(card, 'README.md'))
    if not text.startswith('---\n'):
        return None
    try:
        content = yaml.safe_load(text[4:].partition('\n---')[0])
    except yaml.YAMLError as error:
        raise ValueError(f'{card}: no valid YAML ({" ".join(str(error).split())})') from None
    info = content.get('dataset_info') if isinstance(content, dict) else None
    infos = info if isinstance(info, list) else [info]
    features = [
        one
        for info in infos
        if isinstance(info, dict)
        for one in info.get('features') or []
        if isinstance(one, dict) and one.get('name') == column
    ]
    names = next(_class_labels(features), None)
    if isinstance(names, dict):
        numbers = sorted((int(number), name) for number, name in names.items())
        names = [name for _, name in numbers]
    if names is None:
        return None
    return [class_name(str(name), f'{card}: class_label') for name in names]


def _class_labels(value: Any) -> Iterator[Any]:
    """Give the names of every class_label within a description of features."""
    if isinstance(value, dict):
        label = value.get('class_label')
        if isinstance(label, dict) and label.get('names'):
            yield label['names']
        for one in value.values():
            yield from _class_labels(one)
    elif isinstance(value, list):
        for one in value:
            yield from _class_labels(one)
