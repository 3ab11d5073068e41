"""One-page HTML reports that hold everything they show: no server, no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from numbers import Real
from pathlib import Path
from typing import ClassVar

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from ..utils.image import resize_image
from .plots import Plot
from .tables import Cell, Table

TEMPLATES = Path(__file__).with_name('templates')
# Pictures are shown at about half of it; the page must stay small enough to be sent around.
LONGER_SIDE = 256

# A picture, uint8 (H, W, 3) RGB, and its caption.
Figure = tuple[np.ndarray, str]


@dataclass(frozen=True)
class FigureRow:
    """The pictures of one image.

    Attributes:
        title (str): Names the image.
        figures (Sequence[Figure]): Pictures uint8 (H, W, 3) RGB with captions; those larger than
            256 pixels are shrunk.
        classes (Sequence[str]): Names of the classes it shows, background left out.
        agreement (float | None): Share of its pixels at which all seeds agree, 0 to 1; None where
            no seeds are shown.
        note (str): More about it.
    """

    title: str
    figures: Sequence[Figure]
    classes: Sequence[str] = ()
    agreement: float | None = None
    note: str = ''

    @property
    def text(self) -> str:
        """What stands beside the title."""
        parts = [self.note] if self.note else []
        if self.agreement is not None:
            parts.insert(0, f'{100 * self.agreement:.1f} % of the pixels unanimous')
        return '; '.join(parts)


@dataclass(frozen=True)
class Code:
    """A block of commands."""

    kind: ClassVar[str] = 'code'
    text: str


@dataclass(frozen=True)
class Key:
    """A key of colours: names and RGB values."""

    kind: ClassVar[str] = 'key'
    entries: Sequence[tuple[str, Sequence[int]]]


@dataclass(frozen=True)
class Plots:
    """Plots side by side."""

    kind: ClassVar[str] = 'plots'
    plots: Sequence[Plot]


@dataclass(frozen=True)
class Rows:
    """Pictures of several images below each other, with filters by class and by agreement.

    Attributes:
        rows (Sequence[FigureRow]): The images.
        classes (Sequence[str]): Names of all classes, in the order of the filter.
    """

    kind: ClassVar[str] = 'rows'
    rows: Sequence[FigureRow]
    classes: Sequence[str]

    @property
    def options(self) -> list[tuple[str, int]]:
        """Classes that an image shows, with the number of images."""
        found = [(name, sum(name in row.classes for row in self.rows)) for name in self.classes]
        return [(name, number) for name, number in found if number]

    @property
    def has_agreement(self) -> bool:
        """Whether an image can be filtered by its agreement."""
        return any(row.agreement is not None for row in self.rows)


Block = str | Code | Key | Plots | Rows | Table


@dataclass(frozen=True)
class Section:
    """A heading and what follows; a text is a paragraph."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
        title (str): Its title.
        sections (Sequence[Section]): In their order; their titles differ.
        lead (Sequence[str]): Paragraphs below the title.
        figures (Sequence[tuple[str, str]]): The few figures that matter most: name and value.
        details (Sequence[str]): Paragraphs that are folded away.
        colors (Mapping[str, Sequence[int]]): RGB colours of the classes, shown in their tables.
    """

    title: str
    sections: Sequence[Section]
    lead: Sequence[str] = ()
    figures: Sequence[tuple[str, str]] = ()
    details: Sequence[str] = ()
    colors: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def html(self) -> str:
        """Give the whole document. It loads nothing; its tables sort and its rows can be filtered;
        no script but its own runs, whatever a text holds."""
        template = _environment().get_template('page.html.j2')
        return template.render(
            title=self.title,
            sections=self.sections,
            lead=self.lead,
            figures=self.figures,
            details=self.details,
            colors={name: [int(value) for value in rgb] for name, rgb in self.colors.items()},
            style=(TEMPLATES / 'page.css').read_text(encoding='utf-8'),
            script=(TEMPLATES / 'page.js').read_text(encoding='utf-8'),
        )


def thumbnail_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of a picture in a page: at most 256 pixels a side.

    >>> thumbnail_size(375, 500), thumbnail_size(100, 200)
    ((192, 256), (100, 200))
    """
    factor = min(1.0, LONGER_SIDE / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def picture_uri(picture: np.ndarray) -> str:
    """Put a picture into a data URI, at most 256 pixels a side.

    Pictures of few colours, such as masks, are stored exactly; photographs, and masks over them, as
    JPEG.

    Args:
        picture (np.ndarray): uint8 (H, W, 3) RGB.
    """
    photograph = _is_photograph(picture)
    size = thumbnail_size(*picture.shape[:2])
    small = resize_image(picture, size, 'area' if photograph else 'nearest')
    content = io.BytesIO()
    if _is_photograph(small):
        Image.fromarray(small).save(content, 'JPEG', quality=88)
        kind = 'jpeg'
    else:
        Image.fromarray(small).save(content, 'PNG', optimize=True)
        kind = 'png'
    return f'data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode("ascii")}'


def script_source(script: str) -> str:
    """Give what a Content-Security-Policy names to allow a script and no other.

    Args:
        script (str): All characters between the tags.

    Returns:
        str: Its digest, with quotation marks.

    >>> script_source('')
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')
    return f"'sha256-{digest}'"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    environment.filters.update(
        anchor=lambda text: re.sub(r'\W+', '-', text.lower()).strip('-'),
        bar_width=lambda value: f'{0.08 * min(100.0, max(0.0, value or 0.0)):.2f}',
        json=lambda value: json.dumps(value),
        picture_uri=picture_uri,
        script_source=script_source,
        sort_key=_sort_key,
    )
    return environment


def _sort_key(cell: Cell) -> float | None:
    """Numbers sort by what they are, not by their rounded text."""
    return float(cell) if isinstance(cell, Real) and cell == cell else None


def _is_photograph(picture: np.ndarray) -> bool:
    """Distinguish a photograph, or a mask over one, from flat colours."""
    step = max(1, min(picture.shape[:2]) // 32)
    sample = picture[::step, ::step].reshape(-1, 3).astype(np.int64)
    return len(np.unique(sample @ (65536, 256, 1))) > 256
