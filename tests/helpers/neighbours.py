"""Neighbouring pixels by a loop over all pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator


def neighbour_pairs(
    height: int, width: int, radius: float
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """All pairs of different pixels nearer than the radius, each once."""
    pixels = [(y, x) for y in range(height) for x in range(width)]
    for place, one in enumerate(pixels):
        for other in pixels[place + 1 :]:
            if math.dist(one, other) < radius:
                yield one, other
