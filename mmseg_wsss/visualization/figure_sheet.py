"""Pictures with titles on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .figure_row import Figure
from .pictures import PAPER, picture_sheet


def figure_sheet(figures: Sequence[Figure], columns: int = 4, cell: int = 224) -> np.ndarray:
    """Arrange pictures in rows, each below its title.

    Args:
        figures (Sequence[Figure]): Pictures uint8 (H, W, 3) of any size, and titles.
        columns (int): Pictures in a row, at least 1.
        cell (int): Side of a cell in pixels; pictures are made to fit it.

    Returns:
        np.ndarray: uint8 (H, W, 3).

    Raises:
        ValueError: If there is no picture or ``columns`` is below 1.
    """
    if not figures or columns < 1:
        raise ValueError(f'{len(figures)} pictures in {columns} columns, expected at least 1 each')
    rows = [figures[start : start + columns] for start in range(0, len(figures), columns)]
    sheets = [
        picture_sheet([[picture for picture, _ in row]], [title for _, title in row], cell=cell)
        for row in rows
    ]
    width = max(sheet.shape[1] for sheet in sheets)
    paper = [np.full((sheet.shape[0], width, 3), PAPER, np.uint8) for sheet in sheets]
    for blank, sheet in zip(paper, sheets, strict=True):
        blank[:, : sheet.shape[1]] = sheet
    return np.concatenate(paper)
