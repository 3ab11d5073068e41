"""Class names that a tags file uses."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path

from mmseg_wsss.datasets.splits import read_lines


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
