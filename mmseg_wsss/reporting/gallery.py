"""Pictures in a page: side by side, and in rows that can be filtered."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from ..utils.image import resize_image

# A picture, uint8 (H, W, 3) RGB, and its caption.
Figure = tuple[np.ndarray, str]


@dataclass(frozen=True)
class FigureRow:
    """The pictures of one image.

    Attributes:
        title (str): Names the image.
        figures (Sequence[Figure]): Pictures uint8 (H, W, 3) RGB with captions.
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


# Pictures are shown at about half of it; the page must stay small enough to be sent around.
LONGER_SIDE = 256


def thumbnail_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of a picture in a page: at most 256 pixels a side.

    >>> thumbnail_size(375, 500), thumbnail_size(100, 200)
    ((192, 256), (100, 200))
    """
    factor = min(1.0, LONGER_SIDE / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """Shrink a picture to at most 256 pixels a side; flat colours stay what they are.

    Args:
        picture (np.ndarray): uint8 (H, W, 3) RGB.

    Returns:
        np.ndarray: uint8 (h, w, 3).
    """
    how = 'area' if _is_photograph(picture) else 'nearest'
    return resize_image(picture, thumbnail_size(*picture.shape[:2]), how)


def html_gallery(figures: Sequence[Figure]) -> str:
    """Put pictures with captions side by side.

    Pictures of few colours, such as masks, are stored exactly; photographs, and masks over them,
    as JPEG.

    Args:
        figures (Sequence[Figure]): Pictures, uint8 (H, W, 3) RGB, and captions. Those larger than
            256 pixels are shrunk.

    Returns:
        str: HTML.
    """
    parts = (
        f'<figure><img alt="{escape(caption)}" src="{_data_uri(thumbnail(picture))}">'
        f'<figcaption>{escape(caption)}</figcaption></figure>'
        for picture, caption in figures
    )
    return f'<div class="gallery">{"".join(parts)}</div>'


def html_rows(rows: Sequence[FigureRow], classes: Sequence[str]) -> str:
    """Put the pictures of several images below each other, with filters.

    The filters, by class and by the share of unanimous pixels, need the page's script; without it
    all images are shown.

    Args:
        rows (Sequence[FigureRow]): The images.
        classes (Sequence[str]): Names of all classes, in the order of the filter.

    Returns:
        str: HTML.
    """
    return '\n'.join(['<div class="rows">', _filters(rows, classes), *map(_row, rows), '</div>'])


def _row(row: FigureRow) -> str:
    attributes = f' data-classes="{escape(json.dumps(list(row.classes)))}"'
    text = []
    if row.agreement is not None:
        attributes += f' data-agreement="{100 * row.agreement:.2f}"'
        text.append(f'{100 * row.agreement:.1f} % of the pixels unanimous')
    if row.note:
        text.append(row.note)
    note = f'<p class="note">{escape("; ".join(text))}</p>' if text else ''
    return (
        f'<div class="row"{attributes}><h3>{escape(row.title)}</h3>{note}'
        f'{html_gallery(row.figures)}</div>'
    )


def _filters(rows: Sequence[FigureRow], classes: Sequence[str]) -> str:
    shown = [(name, sum(name in row.classes for row in rows)) for name in classes]
    options = ''.join(
        f'<option value="{escape(name)}">{escape(name)} ({number})</option>'
        for name, number in shown
        if number
    )
    parts = []
    if options:
        parts.append(
            '<label>Class <select name="class" autocomplete="off"><option value="">all</option>'
            f'{options}</select></label>'
        )
    if any(row.agreement is not None for row in rows):
        number = '<input type="number" min="0" max="100" step="any" autocomplete="off"'
        parts.append(
            f'<span><label>Unanimous pixels from {number} name="least" value="0"></label> '
            f'<label>to {number} name="most" value="100"> %</label></span>'
        )
    parts.append(
        '<label>Size <input type="range" name="size" min="5" max="30" value="9" '
        'autocomplete="off"></label>'
    )
    return (
        '<div class="filters" role="group" aria-label="Filters" hidden>'
        f'{"".join(parts)}<output role="status"></output></div>'
    )


def _is_photograph(picture: np.ndarray) -> bool:
    """Tell a photograph, or a mask over one, from flat colours."""
    step = max(1, min(picture.shape[:2]) // 32)
    sample = picture[::step, ::step].reshape(-1, 3).astype(np.int64)
    return len(np.unique(sample @ (65536, 256, 1))) > 256


def _data_uri(picture: np.ndarray) -> str:
    content = io.BytesIO()
    image = Image.fromarray(picture)
    kind = 'jpeg' if _is_photograph(picture) else 'png'
    if kind == 'jpeg':
        image.save(content, 'JPEG', quality=88)
    else:
        image.save(content, 'PNG', optimize=True)
    return f'data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode("ascii")}'
