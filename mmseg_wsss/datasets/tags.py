"""Image-level tags: which classes an image shows."""

from __future__ import annotations

import ast
import csv
import difflib
import io
import json
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..store import check_image_id
from ..store.image_ids import image_aliases
from ..utils.atomic import write_atomic
from .array_pickle import load_array_dict
from .splits import read_lines


def read_tags(path: str | os.PathLike, classes: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Read the tags of all images from a file.

    * ``.csv`` with the header ``image_id,tags``: class names separated by blanks, or by ``;``,
      ``|`` or ``,`` where a name holds blanks (``traffic light;person``), or a list
      (``["cat", "dog"]``).
    * ``.csv`` with the header ``image_id,<class>,<class>,...``, all foreground classes in any
      order: one column per class, 0 or 1.
    * ``.json``: an object of image id to a list of class names.
    * ``.npy``: the field's ``cls_labels.npy``, a dict of image id to a vector of 0 and 1 over the
      foreground classes in order. It is a pickle, read without running any code it may hold.

    An image without any class has an entry with an empty list.

    Args:
        path (str | os.PathLike): The file.
        classes (Sequence[str]): K class names, background first. Background is no tag.

    Returns:
        dict[str, tuple[int, ...]]: By image id the sorted labels of its classes, 1 to K-1.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file has another format or is damaged, or an entry has an invalid or
            duplicate image id, a tag that is not a class or given twice, a value other than 0 and
            1, or a vector of another length; the message names file and line or key.
    """
    suffix = Path(path).suffix.lower()
    if suffix == '.csv':
        entries = _read_csv(path, classes)
    elif suffix == '.json':
        entries = _read_json(path, classes)
    elif suffix == '.npy':
        entries = _read_npy(path, classes)
    else:
        raise ValueError(f'{path}: suffix {suffix!r}, expected tags in .csv, .json or .npy')
    tags: dict[str, tuple[int, ...]] = {}
    for source, image_id, labels in entries:
        check_image_id(image_id, source)
        if image_id in tags:
            raise ValueError(f'{source}: duplicate image id {image_id!r}')
        tags[image_id] = labels
    if not tags:
        raise ValueError(f'{path}: there are no tags, expected an entry per image')
    return tags


def write_tags(
    path: str | os.PathLike, tags: Mapping[str, Iterable[int]], classes: Sequence[str]
) -> None:
    """Write tags to a ``.csv`` (``image_id,tags``) or ``.json`` file that :func:`read_tags` reads.

    Args:
        path (str | os.PathLike): The file; its folder must exist.
        tags (Mapping[str, Iterable[int]]): By image id the labels of its classes, 1 to K-1.
        classes (Sequence[str]): K class names, background first.

    Raises:
        ValueError: If the suffix is another, an image id is invalid, or a label is out of range.
    """
    names: dict[str, list[str]] = {}
    for image_id, labels in tags.items():
        labels = sorted({int(label) for label in labels})
        if labels and not 1 <= labels[0] <= labels[-1] < len(classes):
            raise ValueError(f'{path}: {image_id}: labels {labels}, expected 1-{len(classes) - 1}')
        names[check_image_id(image_id, str(path))] = [classes[label] for label in labels]
    suffix = Path(path).suffix.lower()
    if suffix == '.json':
        text = json.dumps(names, ensure_ascii=False, indent=1) + '\n'
    elif suffix == '.csv':
        separator = ';' if any(len(name.split()) != 1 for name in classes) else ' '
        # A name that holds a separator, or looks like a list, is unmistakable in a list only.
        as_lists = any(re.search(r'[;|]|^\[|\]$', name) for name in classes)
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator='\n')
        writer.writerow(['image_id', 'tags'])
        writer.writerows(
            [
                image_id,
                json.dumps(tagged, ensure_ascii=False) if as_lists else separator.join(tagged),
            ]
            for image_id, tagged in names.items()
        )
        text = lines.getvalue()
    else:
        raise ValueError(f'{path}: suffix {suffix!r}, expected .csv or .json')
    write_atomic(path, text.encode('utf-8'))


def tags_for(tags: Mapping[str, tuple[int, ...]], image_id: str) -> tuple[int, ...] | None:
    """Find the tags of an image under any of the names that the field gives it.

    The names are those of :func:`mmseg_wsss.store.image_ids.image_aliases`, the id itself first.

    Args:
        tags (Mapping[str, tuple[int, ...]]): From :func:`read_tags`.
        image_id (str): The image's id, e.g. of a split list.

    Returns:
        tuple[int, ...] | None: Its labels, empty if it shows no class; None if it has no entry.

    >>> tags_for({'9': (1, 45)}, 'COCO_train2014_000000000009')
    (1, 45)
    >>> tags_for({'COCO_val2014_000000000042': (37,)}, '42')
    (37,)
    """
    for name in image_aliases(image_id):
        if name in tags:
            return tags[name]
    return None


def read_tags_of(
    path: str | os.PathLike, classes: Sequence[str], image_ids: Collection[str]
) -> dict[str, tuple[int, ...]]:
    """Read the tags of some images, each of which has to have an entry.

    Args:
        path (str | os.PathLike): The file, see :func:`read_tags`.
        classes (Sequence[str]): K class names, background first.
        image_ids (Collection[str]): The images; :func:`tags_for` finds them.

    Returns:
        dict[str, tuple[int, ...]]: By these ids the sorted labels, 1 to K-1.

    Raises:
        FileNotFoundError, ValueError: As :func:`read_tags`; ValueError if an image has no entry.
    """
    entries = read_tags(path, classes)
    found = {image_id: tags_for(entries, image_id) for image_id in image_ids}
    missing = [image_id for image_id, labels in found.items() if labels is None]
    if missing:
        raise ValueError(
            f'{path}: {len(missing)} of {len(image_ids)} images have no entry, first '
            f'{", ".join(missing[:3])}.'
        )
    return found


def _read_csv(
    path: str | os.PathLike, classes: Sequence[str]
) -> Iterable[tuple[str, str, tuple[int, ...]]]:
    rows = csv.reader((line + '\n' for line in read_lines(path, 'tags file')), strict=True)
    columns: list[int] | None = None
    width = 0
    try:
        for row in rows:
            source = f'{path}:{rows.line_num}'
            cells = [cell.strip() for cell in row]
            if not any(cells):
                if len(cells) > 1:
                    raise ValueError(f'{source}: an image id is empty')
                continue
            if not width:
                width = len(cells)
                columns = _read_header(cells, classes, source)
                continue
            if len(cells) != width:
                raise ValueError(
                    f'{source}: {len(cells)} cells, expected {width} as in the header (several '
                    'tags share one cell, separated by blanks or ;)'
                )
            if columns is None:
                labels = _labels(_split_names(cells[1], classes, source), classes, source)
            else:
                for label, cell in zip(columns, cells[1:], strict=True):
                    if cell not in ('0', '1'):
                        raise ValueError(
                            f'{source}: value {cell!r}, expected 0 or 1 in the column of class '
                            f'{classes[label]!r}'
                        )
                labels = tuple(
                    sorted(
                        label for label, cell in zip(columns, cells[1:], strict=True) if cell == '1'
                    )
                )
            yield source, cells[0], labels
    except csv.Error as error:
        raise ValueError(f'{path}:{rows.line_num}: {error}') from None


def _read_header(cells: list[str], classes: Sequence[str], source: str) -> list[int] | None:
    """Give the label of each column of a table of 0 and 1, None for a list of names."""
    if cells == ['image_id', 'tags']:
        return None
    check_header(cells, source)
    if cells[0] != 'image_id' or len(cells) == 1:
        raise ValueError(
            f'{source}: header {",".join(cells)[:80]!r}, expected image_id,tags or image_id and '
            'one column per foreground class'
        )
    if cells[1] == 'tags' and 'tags' not in classes:
        raise ValueError(extra_columns(cells, source))
    labels = _labels(cells[1:], classes, source)
    missing = [name for label, name in enumerate(classes) if label and label not in labels]
    if missing:
        raise ValueError(f'{source}: the header has no column for {", ".join(missing[:5])}')
    return [classes.index(name) for name in cells[1:]]


def check_header(cells: Sequence[str], source: str) -> None:
    """Refuse a table whose columns are not separated by commas.

    Args:
        cells (Sequence[str]): The cells of the header, as a CSV reader gives them.
        source (str): File and line, for the message.

    Raises:
        ValueError: If the header is separated by something else; the message names it.
    """
    for separator, name in ((';', "';'"), ('\t', 'tabs'), ('|', "'|'")):
        if cells[0].startswith('image_id') and separator in cells[0]:
            raise ValueError(
                f'{source}: the columns are separated by {name}, expected commas (image_id,tags)'
            )


def extra_columns(cells: Sequence[str], source: str) -> str:
    """Give the message for a header that goes on after ``image_id,tags``."""
    return (
        f'{source}: unknown columns after image_id,tags: {", ".join(cells[2:])[:80]!r}; expected '
        'these two alone (a choice of validation images is a list of its own)'
    )


def parse_list(cell: str, source: str) -> list[str] | None:
    """Read a cell that holds a list as JSON or Python writes it.

    Args:
        cell (str): The cell.
        source (str): File and line, for the message.

    Returns:
        list[str] | None: The names; None if the cell is no list.

    Raises:
        ValueError: If the cell begins or ends as a list does but is none of texts.

    >>> parse_list("['cat', 'traffic light']", 'tags.csv:2')
    ['cat', 'traffic light']
    """
    if not (cell.startswith('[') or cell.endswith(']')):
        return None
    try:
        names = ast.literal_eval(cell)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f'{source}: {cell[:80]!r} is no list of class names in quotation marks')
    return [name.strip() for name in names]


def _split_names(cell: str, classes: Sequence[str], source: str) -> list[str]:
    if cell in classes:
        return [cell]
    names = parse_list(cell, source)
    if names is not None:
        return names
    for separator in (';', '|', ','):
        # A class name may hold a comma, then only the others separate.
        if separator in cell and not (separator == ',' and any(',' in name for name in classes)):
            return [name.strip() for name in cell.split(separator)]
    return cell.split()


def check_spellings(names: Iterable[str], source: str) -> None:
    """Refuse class names that differ only in case, blanks or punctuation.

    Args:
        names (Iterable[str]): The names found in a file.
        source (str): The file, for the message.

    Raises:
        ValueError: If two names are likely one class; the message names both.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(spelling_key(name), name)
        if other != name:
            raise ValueError(
                f'{source}: {other!r} and {name!r} differ only in case, blanks or punctuation: are '
                'they one class? Use one spelling, or list the classes (--classes) if they are two'
            )


def spelling_key(name: str) -> str:
    """Give what all likely spellings of a class name have in common.

    >>> spelling_key('Hot-Dog') == spelling_key('hot dog')
    True
    """
    folded = unicodedata.normalize('NFKC', name).casefold()
    return ''.join(c for c in folded if unicodedata.category(c)[0] in 'LMNS') or name


def check_json_kind(content: object, path: str | os.PathLike) -> None:
    """Refuse JSON of another kind, saying what it is.

    Args:
        content (object): The parsed file.
        path (str | os.PathLike): The file, for the message.

    Raises:
        ValueError: If it is a COCO annotation file, or no object at all.
    """
    expected = 'expected a JSON object of image id to a list of class names'
    if isinstance(content, dict) and {'images', 'annotations'} <= set(content):
        raise ValueError(
            f'{path}: this is a COCO annotation file (images, annotations), {expected}'
        )
    if isinstance(content, list):
        raise ValueError(
            f'{path}: a JSON list, as labelling tools export it (COCO or YOLO would do), {expected}'
        )
    if not isinstance(content, dict):
        raise ValueError(f'{path}: {expected}')


def _read_json(
    path: str | os.PathLike, classes: Sequence[str]
) -> Iterable[tuple[str, str, tuple[int, ...]]]:
    def pairs(items: list[tuple[str, object]]) -> list[tuple[str, object]]:
        # A dict would drop all but the last of duplicate ids.
        return [('', None), *items]

    text = '\n'.join(read_lines(path, 'tags file'))
    try:
        entries = json.loads(text, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path}: no valid JSON ({error})') from None
    is_object = isinstance(entries, list) and entries[:1] == [('', None)]
    check_json_kind(dict(entries[1:]) if is_object else entries, path)
    for image_id, names in entries[1:]:
        source = f'{path}: key {image_id!r}'
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f'{source}: expected a list of class names')
        yield source, image_id, _labels(names, classes, source)


def _read_npy(
    path: str | os.PathLike, classes: Sequence[str]
) -> Iterable[tuple[str, str, tuple[int, ...]]]:
    try:
        content = Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f'{path}: there is no such tags file') from None
    for image_id, vector in load_array_dict(content, str(path)).items():
        source = f'{path}: key {image_id!r}'
        if len(vector) != len(classes) - 1:
            raise ValueError(
                f'{source}: {len(vector)} values, expected {len(classes) - 1}, one per foreground '
                'class'
            )
        positive = vector == 1
        if not (positive | (vector == 0)).all():
            raise ValueError(f'{source}: a value is neither 0 nor 1')
        yield source, image_id, tuple((np.flatnonzero(positive) + 1).tolist())


def _labels(names: Sequence[str], classes: Sequence[str], source: str) -> tuple[int, ...]:
    labels: list[int] = []
    for name in names:
        if name not in classes:
            close = difflib.get_close_matches(name[:80], classes[1:], n=1)
            hint = f'; did you mean {close[0]!r}?' if close else ''
            raise ValueError(f'{source}: tag {name[:80]!r} is not a class{hint}')
        label = classes.index(name)
        if label == 0:
            raise ValueError(f'{source}: {name!r} is the background, which is no tag')
        if label in labels:
            raise ValueError(f'{source}: tag {name!r} is given twice')
        labels.append(label)
    return tuple(sorted(labels))
