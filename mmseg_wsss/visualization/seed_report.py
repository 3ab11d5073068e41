"""The page of an evaluation of seeds: head, tables, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from mmseg_wsss.evaluation.table import Table

from .confusion_picture import CONFUSION_COLORS
from .report import (
    html_gallery,
    html_heading,
    html_key,
    html_page,
    html_paragraph,
    html_table,
)
from .review_figures import Figure

# Pictures are shown at about half of it; the page must stay small enough to be sent around.
LONGER_SIDE = 256


def seed_report(
    title: str,
    head: Sequence[str],
    tables: Sequence[Table],
    galleries: Sequence[tuple[str, Sequence[Figure]]],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    plots: Mapping[str, str] | None = None,
) -> str:
    """Make the page.

    Args:
        title (str): Its title.
        head (Sequence[str]): What was scored and how, a paragraph each.
        tables (Sequence[Table]): In their order.
        galleries (Sequence): A line and figures of each image; may be empty.
        classes (Sequence[str]): Names of the classes.
        palette (Sequence[Sequence[int]]): Their RGB colours.
        plots (Mapping[str, str], optional): HTML of a plot by the title of the table it belongs to.

    Returns:
        str: A whole HTML document that loads nothing.
    """
    sections = [html_paragraph(line) for line in head]
    for table in tables:
        sections += [
            html_heading(table.title),
            html_table(
                table.header, table.rows, table.note, table.bar, table.strong, table.decimals
            ),
            *([plots[table.title]] if plots and table.title in plots else []),
        ]
    if galleries:
        sections += [
            html_heading('Pictures of the images to look at first'),
            html_key([*classes, '255'], [*palette, (224, 224, 192)]),
            html_key(list(CONFUSION_COLORS), list(CONFUSION_COLORS.values())),
            html_paragraph('Agreement: white where all seeds agree, the darker red the fewer.'),
        ]
    for line, figures in galleries:
        small = [(_shrink(picture), caption) for picture, caption in figures]
        # Flat pictures stay exact and small as PNG, photographs do not.
        photographs = [index for index, (picture, _) in enumerate(small) if _is_photograph(picture)]
        sections += [html_paragraph(line), html_gallery(small, photographs)]
    return html_page(title, sections)


def _shrink(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    factor = LONGER_SIDE / max(height, width)
    if factor >= 1:
        return picture
    size = max(1, round(width * factor)), max(1, round(height * factor))
    method = cv2.INTER_AREA if _is_photograph(picture) else cv2.INTER_NEAREST
    return cv2.resize(picture, size, interpolation=method)


def _is_photograph(picture: np.ndarray) -> bool:
    """Tell a photograph, or a mask over one, from flat colours."""
    sample = picture[::4, ::4].reshape(-1, 3).astype(np.int64)
    return len(np.unique(sample @ (65536, 256, 1))) > 256
