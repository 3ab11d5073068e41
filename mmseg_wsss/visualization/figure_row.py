"""All pictures of one image, with what a page filters them by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
