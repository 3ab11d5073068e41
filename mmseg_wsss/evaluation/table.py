"""A table that can be printed, put into Markdown and stored as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A table of text and numbers.

    Attributes:
        title (str): What it shows.
        header (Sequence[str]): Titles of the columns.
        rows (Sequence[Sequence[Cell]]): Cells. Floats are rounded, NaN and None become a dash.
        note (str): How to read it; whether it was tuned on the truth.
        decimals (int): Of floats.
        bar (int | None): Column of percentages that a page draws as bars as well.
        strong (Sequence[int]): Rows that stand out.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ''
    decimals: int = 2
    bar: int | None = None
    strong: Sequence[int] = ()

    def text(self) -> str:
        """Give the table as aligned columns."""
        lines = [list(self.header), *([self._show(cell) for cell in row] for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        body = [
            '  '.join(
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return '\n'.join([self.title, *([self.note] if self.note else []), *body])

    def markdown(self) -> str:
        """Give the table as Markdown, with its title as a heading."""

        def line(cells: Sequence[str]) -> str:
            return '| ' + ' | '.join(cell.replace('|', '\\|') for cell in cells) + ' |'

        marks = line(['---'] + ['---:'] * (len(self.header) - 1))
        rows = [line([self._show(cell) for cell in row]) for row in self.rows]
        head = [f'## {self.title}', '', *([self.note, ''] if self.note else [])]
        return '\n'.join([*head, line(self.header), marks, *rows])

    def as_dict(self) -> dict:
        """Give the table as JSON values, unrounded; NaN becomes null."""
        rows = [
            [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in row]
            for row in self.rows
        ]
        return dict(title=self.title, note=self.note, header=list(self.header), rows=rows)

    def _show(self, cell: Cell) -> str:
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return '–'
        return f'{cell:.{self.decimals}f}' if isinstance(cell, float) else str(cell)
