"""Curves for a report, drawn as SVG inside the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ..evaluation.agreement import Calibration

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 40
# With more values than this the points would hide the curve.
MOST_POINTS = 40


@dataclass(frozen=True)
class Curve:
    """A curve of shares over whole numbers.

    Attributes:
        name (str): Shown when the mouse rests on it.
        values (Sequence[float]): Percentages at 0, 1, 2, ...; NaN leaves a gap.
        color (Sequence[int] | None): RGB; the colour of text where None.
        width (float): Of the line, in pixels.
        dashed (bool): Whether it is a reference rather than a measurement; it has no points.
    """

    name: str
    values: Sequence[float]
    color: Sequence[int] | None = None
    width: float = 1.5
    dashed: bool = False


def html_plot(curves: Sequence[Curve], x_title: str, y_title: str) -> str:
    """Draw curves with axes.

    Args:
        curves (Sequence[Curve]): At least one, all of the same length of at least 2.
        x_title (str): What the whole numbers are.
        y_title (str): What the percentages are.

    Returns:
        str: HTML.

    Raises:
        ValueError: If there is no curve or the lengths differ.
    """
    lengths = {len(curve.values) for curve in curves}
    if len(lengths) != 1 or min(lengths) < 2:
        raise ValueError(f'curves of {sorted(lengths)} values, expected one length of at least 2')
    last = lengths.pop() - 1
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" fill="none" '
        f'stroke="currentColor" font-size="12"><title>{escape(y_title)}</title>'
    ]
    top = _top(curves)
    for percent in range(0, top + 1, top // 5):
        y = _y(percent, top)
        parts.append(f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke-opacity=".2"/>')
        parts.append(_text(LEFT - 6, y + 4, str(percent), 'end'))
    step = max(1, math.ceil(last / 10))
    for number in range(0, last + 1, step):
        parts.append(_text(_x(number, last), HEIGHT - BOTTOM + 17, str(number), 'middle'))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_title, 'middle'))
    parts += [_draw(curve, last, top) for curve in curves]
    parts.append('</svg>')
    return (
        f'<figure class="plot">{"".join(parts)}<figcaption>{escape(y_title)}</figcaption></figure>'
    )


def _draw(curve: Curve, last: int, top: int) -> str:
    color = 'currentColor' if curve.color is None else 'rgb({},{},{})'.format(*curve.color)
    path, pen_down, points = [], False, []
    for number, value in enumerate(curve.values):
        if math.isnan(value):
            pen_down = False
            continue
        x, y = _x(number, last), _y(value, top)
        path.append(f'{"L" if pen_down else "M"}{x} {y}')
        points.append(f'<circle cx="{x}" cy="{y}" r="{1.5 + curve.width / 2}" fill="{color}"/>')
        pen_down = True
    dashes = ' stroke-dasharray="4 4"' if curve.dashed else ''
    return (
        f'<g stroke="{color}" stroke-width="{curve.width}"{dashes}>'
        f'<title>{escape(curve.name)}</title><path d="{"".join(path)}"/>'
        f'{"" if curve.dashed or last > MOST_POINTS else "".join(points)}</g>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" stroke="none" fill="currentColor">'
        f'{escape(text)}</text>'
    )


def _x(number: int, last: int) -> float:
    return round(LEFT + number / last * (WIDTH - LEFT - RIGHT), 1)


def _y(percent: float, top: int) -> float:
    return round(TOP + (1 - percent / top) * (HEIGHT - TOP - BOTTOM), 1)


def _top(curves: Sequence[Curve]) -> int:
    """Upper end of the scale: 25, 50, 75 or 100, whichever holds all values."""
    values = [value for curve in curves for value in curve.values if not math.isnan(value)]
    return 25 * max(1, math.ceil(max(values, default=100) / 25))


def calibration_plot(
    calibration: Calibration, classes: Sequence[str], palette: Sequence[Sequence[int]]
) -> str:
    """Draw the calibration curve: overall, of each class, and the diagonal.

    On the diagonal the share of right labels is the share of seeds that agree.

    Args:
        calibration (Calibration): What was counted.
        classes (Sequence[str]): Names of the K classes.
        palette (Sequence[Sequence[int]]): Their RGB colours.

    Returns:
        str: HTML.
    """
    num_seeds = calibration.counts.shape[2] - 1
    diagonal = [100 * votes / num_seeds for votes in range(num_seeds + 1)]
    curves = [Curve('share of seeds that agree', diagonal, dashed=True)]
    curves += [
        Curve(name, (100 * values).tolist(), color)
        for name, values, color in zip(classes, calibration.accuracy_by_class, palette, strict=True)
    ]
    curves.append(Curve('all classes', (100 * calibration.accuracy).tolist(), width=3.5))
    return html_plot(
        curves,
        'seeds that agree',
        'Right labels in percent: all classes (bold), each class in its colour, and the share of '
        'seeds that agree (dashed).',
    )
