"""The page of an evaluation of seeds: head, tables, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmseg_wsss.evaluation.table import Table

from .confusion_picture import CONFUSION_COLORS
from .figure_row import FigureRow
from .gallery import html_rows
from .pictures import IGNORE_COLOR
from .report import (
    html_contents,
    html_heading,
    html_key,
    html_page,
    html_paragraph,
    html_table,
)

PICTURES_TITLE = 'Pictures'


def seed_report(
    title: str,
    head: Sequence[str],
    tables: Sequence[Table],
    rows: Sequence[FigureRow],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    plots: Mapping[str, str] | None = None,
    with_truth: bool = True,
) -> str:
    """Make the page.

    Args:
        title (str): Its title.
        head (Sequence[str]): What was scored and how, a paragraph each.
        tables (Sequence[Table]): In their order.
        rows (Sequence[FigureRow]): The pictures of each image; may be empty.
        classes (Sequence[str]): Names of the classes.
        palette (Sequence[Sequence[int]]): Their RGB colours.
        plots (Mapping[str, str], optional): HTML of a plot by the title of the table it belongs to.
        with_truth (bool): Whether the pictures show right and wrong labels.

    Returns:
        str: A whole HTML document that loads nothing.
    """
    titles = [table.title for table in tables] + [PICTURES_TITLE] * bool(rows)
    sections = [*map(html_paragraph, head), html_contents(titles)]
    for table in tables:
        sections += [
            html_heading(table.title),
            html_table(
                table.header, table.rows, table.note, table.bar, table.strong, table.decimals
            ),
            *([plots[table.title]] if plots and table.title in plots else []),
        ]
    if rows:
        sections += [
            html_heading(PICTURES_TITLE),
            html_key([*classes, '255 (no vote)'], [*palette, IGNORE_COLOR]),
            *([_confusion_key()] if with_truth else []),
            html_paragraph('Agreement: white where all seeds agree, the darker red the fewer.'),
            html_rows(rows, classes),
        ]
    return html_page(title, sections)


def _confusion_key() -> str:
    return html_key(list(CONFUSION_COLORS), list(CONFUSION_COLORS.values()))
