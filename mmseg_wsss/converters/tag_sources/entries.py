"""What a source of tags says, before it is known which photographs it speaks of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..annotations.annotated import read_json

__all__ = ['Entry', 'TagEntries', 'class_name', 'files_below', 'read_json']

# What annotation tools call the background or a region that does not count; both are no tags.
BACKGROUND_NAMES = ('background', '_background_', '__background__', '__ignore__', '_unlabeled')


@dataclass(frozen=True)
class Entry:
    """One image as a source of tags names it.

    Attributes:
        name (str): Its name: a path with or without folders and suffix, or a URL.
        labels (tuple[str, ...]): Names of the classes that it shows.
        source (str): File and entry, for messages.
        folder (str): Folder that a relative name starts from.
        other_names (tuple[str, ...]): Names to try if there is no image of the first.
    """

    name: str
    labels: tuple[str, ...]
    source: str
    folder: str = '.'
    other_names: tuple[str, ...] = ()


@dataclass
class TagEntries:
    """All that a source says.

    Attributes:
        title (str): What was read, for the report.
        entries (list[Entry]): The images.
        classes (list[str], optional): Classes in the order in which the source declares them. None
            if it declares none; their order is then alphabetical.
        merges (bool): Whether several entries of one image are its tags together.
        remarks (list[str]): Found and dealt with.
        problems (list[str]): Entries that are wrong.
    """

    title: str
    entries: list[Entry] = field(default_factory=list)
    classes: list[str] | None = None
    merges: bool = False
    remarks: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def class_name(value: object, source: str) -> str:
    """Check the name of a class.

    Args:
        value (object): What stands in the file.
        source (str): File and entry, for the message.

    Returns:
        str: The name without blanks around it.

    Raises:
        ValueError: If it is no text, empty, or has a line break.
    """
    if not isinstance(value, str) or not value.strip():
        hint = ' (YAML reads yes, no, on and off as true and false: put them in quotation marks)'
        raise ValueError(
            f'{source}: {value!r:.80}, expected the name of a class'
            f'{hint if isinstance(value, bool) else ""}'
        )
    name = value.strip()
    if not name.isprintable():
        raise ValueError(f'{source}: the class name {name!r:.80} has a line break or tab')
    return name


def files_below(folder: str | os.PathLike, suffixes: Sequence[str]) -> list[Path]:
    """List the files below a folder that have one of some suffixes, sorted, hidden ones left out.

    Args:
        folder (str | os.PathLike): The folder.
        suffixes (Sequence[str]): Lower-case suffixes with the dot.
    """
    found = []
    for directory, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != '.')
        found += [
            Path(directory, name)
            for name in sorted(names)
            if name[0] != '.' and Path(name).suffix.lower() in suffixes
        ]
    return found
