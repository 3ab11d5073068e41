"""One-page HTML reports that hold everything they show: no server, no network, no other file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from numbers import Real

from .report_script import SCRIPT, script_source
from .report_style import STYLE


def html_page(title: str, sections: Sequence[str]) -> str:
    """Make the page.

    Args:
        title (str): Plain text.
        sections (Sequence[str]): HTML, made by the functions of this module.

    Returns:
        str: The whole document. It loads nothing; its tables sort and its rows of pictures can be
        filtered.
    """
    body = '\n'.join(sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Whatever a text might smuggle in, nothing is fetched and no script runs but this page's.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        f'script-src {script_source()}">\n'
        f'<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n'
        f'<body>\n<h1>{escape(title)}</h1>\n{body}\n<script>{SCRIPT}</script>\n</body>\n</html>\n'
    )


def html_heading(text: str) -> str:
    """Make the heading of a section."""
    return f'<h2 id="{_anchor(text)}">{escape(text)}</h2>'


def html_contents(headings: Sequence[str]) -> str:
    """Make a list of links to headings of the page, each with a text of its own."""
    items = (f'<li><a href="#{_anchor(text)}">{escape(text)}</a></li>' for text in headings)
    return f'<nav aria-label="Contents"><ul>{"".join(items)}</ul></nav>'


def html_paragraph(text: str) -> str:
    """Make a paragraph of plain text."""
    return f'<p>{escape(text)}</p>'


def html_code(text: str) -> str:
    """Make a block of commands."""
    return f'<pre>{escape(text)}</pre>'


def html_table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    caption: str = '',
    bar: int | None = None,
    strong: Sequence[int] = (),
    decimals: int = 2,
) -> str:
    """Make a table.

    Args:
        header (Sequence[str]): Titles of the columns.
        rows (Sequence[Sequence[object]]): Cells: text, or numbers, which are rounded; NaN and None
            become a dash.
        caption (str): Above the table.
        bar (int, optional): Column of numbers from 0 to 100 that is drawn as bars as well.
        strong (Sequence[int]): Rows in bold.
        decimals (int): Of floats.

    Returns:
        str: HTML.

    Raises:
        ValueError: If a row has another number of cells than the header.
    """
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f'a row has {len(row)} cells, the header {len(header)}')
    # No caption element: it would be as narrow as the table, or scroll with it.
    note = [f'<p class="note">{escape(caption)}</p>'] if caption else []
    lines = [*note, '<div class="scroll"><table>']
    titles = ''.join(_title(title, column == bar) for column, title in enumerate(header))
    lines.append(f'<thead><tr>{titles}</tr></thead>\n<tbody>')
    for number, row in enumerate(rows):
        cells = ''.join(_cell(value, decimals, column == bar) for column, value in enumerate(row))
        lines.append(f'<tr{" class=strong" if number in strong else ""}>{cells}</tr>')
    lines.append('</tbody></table></div>')
    return '\n'.join(lines)


def html_key(names: Sequence[str], palette: Sequence[Sequence[int]]) -> str:
    """Make a key of colours."""
    entries = (
        f'<span class="key"><i style="background:rgb({r},{g},{b})"></i>{escape(name)}</span>'
        for name, (r, g, b) in zip(names, palette, strict=True)
    )
    return f'<p>{"".join(entries)}</p>'


def _anchor(text: str) -> str:
    return re.sub(r'\W+', '-', text.lower()).strip('-')


def _title(title: str, bar: bool) -> str:
    # A name without blanks is not broken at its hyphens.
    kinds = ['bar'] * bar + ['name'] * (' ' not in title)
    return f'<th scope="col" class="{" ".join(kinds)}">{escape(title)}</th>'


def _cell(value: object, decimals: int, bar: bool) -> str:
    missing = value is None or value != value
    # Numbers sort by what they are, not by their rounded text.
    number = isinstance(value, Real) and not missing
    key = f' data-value="{float(value)}"' if number else ''
    shown = f'{value:.{decimals}f}' if isinstance(value, float) else str(value)
    text = '–' if missing else escape(shown)
    if not bar:
        return f'<td{key}>{text}</td>'
    width = 0.08 * max(0.0, min(100.0, float(value))) if number else 0.0
    return f'<td class="bar"{key}><span>{text}</span><i style="width:{width:.2f}rem"></i></td>'
