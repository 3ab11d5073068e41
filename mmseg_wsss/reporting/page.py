"""One-page HTML reports that hold everything they show: no server, no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape
from numbers import Real

STYLE = """
:root { color-scheme: light dark; --line: #8884; --bar: #4a90d9; --soft: light-dark(#666, #aaa);
  --head: light-dark(#f3f4f6, #26282b); --paper: light-dark(#fff, #18191b);
  --ink: light-dark(#1b1c1e, #e6e6e6); }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 84rem; margin: 2rem auto; padding: 0 1rem;
  background: var(--paper); color: var(--ink); }
h1 { font-size: 1.7rem; line-height: 1.25; margin-bottom: .3rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.6rem 0 .5rem; scroll-margin-top: 1rem; }
h3 { font-size: 1rem; overflow-wrap: anywhere; }
.row { margin: 1.4rem 0; } .row h3, .row .note { display: inline; margin: 0 .8rem 0 0; }
p { max-width: 55rem; margin: .5rem 0; overflow-wrap: anywhere; }
nav ul { columns: 2 24rem; padding-left: 1.2rem; margin: 1rem 0; font-size: .95rem; }
a { color: light-dark(#1a5fb4, #8ab8f0); }
.note { color: var(--soft); font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .55rem; border-bottom: 1px solid var(--line); text-align: right; }
th { font-weight: 600; background: var(--head); vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
tbody tr:hover { background: var(--head); }
tr.strong td { font-weight: 700; }
th:has(> button) { padding: 0; }
th button { all: unset; box-sizing: border-box; display: block; width: 100%; cursor: pointer;
  padding: .25rem .55rem; }
th button::after { content: '\\2195'; opacity: .35; margin-left: .3em; }
th[aria-sort=ascending] button::after { content: '\\2191'; opacity: 1; }
th[aria-sort=descending] button::after { content: '\\2193'; opacity: 1; }
th button:hover { text-decoration: underline; }
th button:focus-visible { outline: 2px solid var(--bar); outline-offset: -2px; }
th.name { white-space: nowrap; }
th.bar { text-align: left; }
td.bar { min-width: 13rem; text-align: left; white-space: nowrap; }
td.bar span { display: inline-block; min-width: 3.8em; text-align: right; margin-right: .6rem; }
td.bar i { display: inline-block; height: .8em; background: var(--bar); }
.filters { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .4rem 1.4rem;
  align-items: center; padding: .5rem .8rem; margin: .8rem 0; background: var(--head);
  border: 1px solid var(--line); border-radius: 6px; }
.filters select, .filters input { font: inherit; margin-left: .3rem; vertical-align: middle; }
.filters input[type=number] { width: 5rem; }
.filters output { color: var(--soft); margin-left: auto; }
.gallery { display: flex; flex-wrap: wrap; gap: .6rem; margin: .3rem 0; padding-bottom: .3rem; }
figure { margin: 0; flex: none; }
figure img { display: block; height: var(--height, 9rem); width: auto; image-rendering: pixelated;
  border: 1px solid var(--line); }
figure svg { display: block; max-width: 100%; height: auto; background: #fafafa; color: #222;
  border: 1px solid var(--line); border-radius: 4px; }
/* As wide as the picture. */
figcaption { font-size: .8rem; line-height: 1.3; color: var(--soft); width: 0; min-width: 100%;
  overflow-wrap: anywhere; margin-top: .2rem; }
figure.plot { margin: 1rem 0; width: fit-content; max-width: 100%; }
.key { display: inline-block; margin-right: 1rem; white-space: nowrap; }
.key i { display: inline-block; width: 1em; height: 1em; margin-right: .35em; vertical-align: -.1em;
  border: 1px solid var(--line); }
pre { overflow-x: auto; padding: .7rem 1rem; border: 1px solid var(--line); border-radius: 6px; }
@media print { .filters, nav { display: none; } }
"""


# Without a script the page is complete, only its order is fixed: the script makes the buttons of
# the headers, and shows the filters.
SCRIPT = """
'use strict';

// What a cell sorts by: a number, a text, or null where there is no value.
function cellKey(cell) {
  if ('value' in cell.dataset) return Number(cell.dataset.value);
  const text = cell.textContent.trim();
  return text === '' || text === '\\u2013' ? null : text;
}

// Numbers come before texts; 'image 2' before 'image 10'.
function compareKeys(a, b) {
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1;
  return typeof a === 'number' ? a - b : a.localeCompare(b, 'en', {numeric: true});
}

// Sort ascending, descending, or as the page was written; no value is last both ways.
function sortRows(rows, column, direction) {
  if (direction === 'none') return rows;
  const sign = direction === 'ascending' ? 1 : -1;
  const keyed = rows.map((row) => [cellKey(row.cells[column]), row]);
  const known = keyed.filter(([key]) => key !== null);
  known.sort(([a], [b]) => sign * compareKeys(a, b));
  return [...known, ...keyed.filter(([key]) => key === null)].map(([, row]) => row);
}

function makeSortable(table) {
  const headers = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const rows = [...body.rows];
  if (rows.length < 2) return;
  const following = {none: 'ascending', ascending: 'descending', descending: 'none'};
  headers.forEach((header, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.title = 'Sort by this column';
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener('click', () => {
      const direction = following[header.getAttribute('aria-sort') ?? 'none'];
      headers.forEach((other) => other.removeAttribute('aria-sort'));
      if (direction !== 'none') header.setAttribute('aria-sort', direction);
      body.append(...sortRows(rows, column, direction));
    });
  });
}

function makeFilterable(gallery) {
  const rows = [...gallery.querySelectorAll('.row')];
  const control = (name) => gallery.querySelector(`.filters [name=${name}]`);
  const [name, least, most, size] = ['class', 'least', 'most', 'size'].map(control);
  // A bound that is missing or empty is none.
  const bound = (input, open) => (input?.value ? Number(input.value) : open);
  const matches = ({dataset}) => {
    if (name?.value && !JSON.parse(dataset.classes).includes(name.value)) return false;
    const [low, high] = [bound(least, -Infinity), bound(most, Infinity)];
    if (!('agreement' in dataset)) return low <= 0 && high >= 100;
    return low <= Number(dataset.agreement) && Number(dataset.agreement) <= high;
  };
  const show = () => {
    rows.forEach((row) => { row.hidden = !matches(row); });
    const number = rows.filter((row) => !row.hidden).length;
    gallery.querySelector('output').textContent = `${number} of ${rows.length} images`;
    gallery.style.setProperty('--height', `${size.value}rem`);
  };
  gallery.querySelector('.filters').hidden = false;
  gallery.addEventListener('input', show);
  show();
}

document.querySelectorAll('table').forEach(makeSortable);
document.querySelectorAll('.rows').forEach(makeFilterable);
"""


def script_source(script: str = SCRIPT) -> str:
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
