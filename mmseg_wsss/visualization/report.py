"""One-page HTML reports that hold everything they show: no server, no network, no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

STYLE = """
:root { color-scheme: light dark; --line: #8884; --bar: #4a90d9; --soft: #888; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin-bottom: .3rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; }
p { max-width: 50rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th { font-weight: 600; } th:first-child, td:first-child { text-align: left; }
tr.strong td { font-weight: 700; }
td.bar { min-width: 12rem; text-align: left; }
td.bar i { display: inline-block; height: .8em; background: var(--bar); margin-right: .5rem; }
.gallery { display: flex; gap: .6rem; margin: 0 0 1.1rem; padding-bottom: .3rem; }
figure { margin: 0; flex: none; }
figure img { display: block; height: 9rem; image-rendering: pixelated;
  border: 1px solid var(--line); }
figcaption { font-size: .8rem; color: var(--soft); max-width: 13rem; }
.key { display: inline-block; margin-right: 1rem; }
.key i { display: inline-block; width: 1em; height: 1em; margin-right: .35em; vertical-align: -.1em;
  border: 1px solid var(--line); }
pre { overflow-x: auto; padding: .7rem 1rem; border: 1px solid var(--line); border-radius: 6px; }
"""


def html_page(title: str, sections: Sequence[str]) -> str:
    """Make the page.

    Args:
        title (str): Plain text.
        sections (Sequence[str]): HTML, made by the functions of this module.

    Returns:
        str: The whole document. It loads nothing.
    """
    body = '\n'.join(sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Whatever a text might smuggle in, nothing is fetched and no script runs.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f'<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n'
        f'<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n'
    )


def html_heading(text: str) -> str:
    """Make the heading of a section."""
    return f'<h2>{escape(text)}</h2>'


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
    lines = ['<div class="scroll"><table>']
    if caption:
        lines.append(f'<caption>{escape(caption)}</caption>')
    titles = ''.join(f'<th scope="col">{escape(title)}</th>' for title in header)
    lines.append(f'<thead><tr>{titles}</tr></thead>\n<tbody>')
    for number, row in enumerate(rows):
        cells = ''.join(
            _cell(value, decimals, column == bar and isinstance(value, float))
            for column, value in enumerate(row)
        )
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


def html_gallery(figures: Sequence[tuple[np.ndarray, str]], photographs: Sequence[int] = ()) -> str:
    """Put pictures with captions side by side.

    Args:
        figures (Sequence): Pictures, uint8 (H, W, 3) RGB, and captions.
        photographs (Sequence[int]): Which of them are stored as JPEG; others are stored exactly.

    Returns:
        str: HTML.
    """
    parts = (
        f'<figure><img alt="{escape(caption)}" src="{_data_uri(picture, index in photographs)}">'
        f'<figcaption>{escape(caption)}</figcaption></figure>'
        for index, (picture, caption) in enumerate(figures)
    )
    return f'<div class="gallery scroll">{"".join(parts)}</div>'


def _cell(value: object, decimals: int, bar: bool) -> str:
    missing = value is None or (isinstance(value, float) and value != value)
    number = f'{value:.{decimals}f}' if isinstance(value, float) and not missing else str(value)
    text = '–' if missing else escape(number)
    if bar and not missing:
        width = max(0.0, min(100.0, float(value)))
        return f'<td class="bar"><i style="width:{0.08 * width:.2f}rem"></i>{text}</td>'
    return f'<td>{text}</td>'


def _data_uri(picture: np.ndarray, photograph: bool) -> str:
    content = io.BytesIO()
    image = Image.fromarray(picture)
    if photograph:
        image.save(content, 'JPEG', quality=90)
    else:
        image.save(content, 'PNG', optimize=True)
    kind = 'jpeg' if photograph else 'png'
    return f'data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode("ascii")}'
