"""What the formats of annotation tools have in common: images, labels and their names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...seeds import IGNORE_INDEX
from ...store.masks import IGNORE_COLOR

# What the label 255 is called; the second where a class has the first name.
IGNORE_NAMES = ('ignore', 'ignore_255')


@dataclass(frozen=True)
class ImageToAnnotate:
    """An image on its way to an annotation tool.

    Attributes:
        image_id (str): Its id.
        file_name (str): Its file, relative to the folder of the photographs.
        mask (np.ndarray): uint8 (H, W), labels below K or 255.
        score (float, optional): How good the mask is thought to be, 0 to 1.
    """

    image_id: str
    file_name: str
    mask: np.ndarray
    score: float | None = None


@dataclass(frozen=True)
class AnnotatedImage:
    """An image as it comes from an annotation tool.

    Attributes:
        name (str): Its name in the file: a path, a URL, or the id that an export gave.
        mask (np.ndarray): uint8 (H, W), labels below K or 255; 0 where nothing is annotated.
        source (str): File and entry, for messages.
        is_reviewed (bool): Whether the file says that a person has looked at it.
    """

    name: str
    mask: np.ndarray
    source: str
    is_reviewed: bool = False


@dataclass(frozen=True)
class LabelNames:
    """The labels of masks by the names that annotation tools show.

    Attributes:
        classes (Sequence[str]): K class names, background first.
        palette (Sequence[Sequence[int]]): Their RGB colours.

    >>> names = LabelNames(['background', 'cat'], [[0, 0, 0], [128, 0, 0]])
    >>> names.label('cat', 'a.json'), names.label('ignore', 'a.json')
    (1, 255)
    """

    classes: Sequence[str]
    palette: Sequence[Sequence[int]]

    @property
    def ignore_name(self) -> str:
        """What 255 is called."""
        return next(name for name in IGNORE_NAMES if name not in self.classes)

    @property
    def foreground(self) -> list[tuple[int, str, tuple[int, ...]]]:
        """Label, name and colour of all that can be drawn: the foreground and 255."""
        labels = [
            (label, self.classes[label], tuple(self.palette[label]))
            for label in range(1, len(self.classes))
        ]
        return [*labels, (IGNORE_INDEX, self.ignore_name, IGNORE_COLOR)]

    def label(self, name: str, source: str) -> int:
        """Give the label of a name.

        Raises:
            ValueError: If no class has it.
        """
        if name in self.classes:
            return list(self.classes).index(name)
        if name == self.ignore_name:
            return IGNORE_INDEX
        raise ValueError(
            f'{source}: there is no class {name!r}; expected one of '
            f'{", ".join(self.classes)}, or {self.ignore_name} for pixels that shall not count. '
            'Rename the label in the annotation tool.'
        )


def labels_in(mask: np.ndarray) -> list[int]:
    """Give the labels of a mask without the background, ascending."""
    return [int(label) for label in np.unique(mask) if label]


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no JSON.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such file')
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path}: no JSON file ({error})') from None


def json_bytes(content: Any) -> bytes:
    """Give the content of a JSON file, UTF-8; equal values give equal bytes."""
    return (json.dumps(content, ensure_ascii=False) + '\n').encode()
