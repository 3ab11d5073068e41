"""A plot of variants: every run a point, mean and standard deviation a bar, as one SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from .statistics import Spread

WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 640, 230, 20, 10, 22, 44
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
COLOR, REFERENCE_COLOR = '#1f77b4', '#d62728'


def summary_plot(
    rows: Sequence[tuple[str, Sequence[float]]], x_title: str, reference: str | None = None
) -> str:
    """Draw variants below each other.

    Args:
        rows (Sequence[tuple[str, Sequence[float]]]): Name and runs of each variant; runs may be
            missing.
        x_title (str): What is measured.
        reference (str, optional): The variant that a dashed line goes down from.

    Returns:
        str: SVG, a document of its own.
    """
    values = [value for _, runs in rows for value in runs]
    low, high, step = axis(values)
    height = TOP + ROW * len(rows) + BOTTOM
    floor = height - BOTTOM

    def x(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'role="img" font-family="sans-serif" font-size="12"><title>{escape(x_title)}</title>'
        f'<rect width="{WIDTH}" height="{height}" fill="#fafafa"/>'
    ]
    for number in range(round((high - low) / step) + 1):
        tick = low + number * step
        parts.append(f'<path d="M{x(tick)} {TOP}V{floor}" stroke="#ddd"/>')
        parts.append(_text(x(tick), floor + 16, f'{tick:.10g}', 'middle'))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, height - 8, x_title, 'middle'))
    for number, (name, runs) in enumerate(rows):
        y = TOP + ROW * (number + 0.5)
        color = REFERENCE_COLOR if name == reference else COLOR
        parts.append(_text(LEFT - 8, y + 4, name, 'end'))
        if runs:
            spread = Spread.of(list(runs))
            if name == reference:
                parts.append(
                    f'<path d="M{x(spread.mean)} {TOP}V{floor}" stroke="{color}" '
                    'stroke-dasharray="4 4" stroke-opacity=".6"/>'
                )
            parts.append(_runs(spread, runs, x, y, color))
    parts.append('</svg>')
    return '\n'.join(parts)


def axis(values: Sequence[float]) -> tuple[float, float, float]:
    """Choose the ends of an axis and the step of its ticks.

    Args:
        values (Sequence[float]): What has to fit on it; may be empty.

    Returns:
        tuple[float, float, float]: Lowest and highest tick, and the step; at most ten steps.

    >>> axis([50.2, 53.9])
    (50.0, 54.0, 0.5)
    """
    low, high = (min(values), max(values)) if values else (0.0, 100.0)
    step = next((one for one in STEPS if (high - low) / one <= 8), STEPS[-1])
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        last += 1
    return float(first * step), float(last * step), float(step)


def _runs(spread: Spread, runs: Sequence[float], x, y: float, color: str) -> str:
    parts = []
    if not math.isnan(spread.deviation):
        ends = [x(spread.mean - spread.deviation), x(spread.mean + spread.deviation)]
        parts.append(f'<path d="M{ends[0]} {y}H{ends[1]}" stroke="{color}" stroke-width="2"/>')
    mean = x(spread.mean)
    parts.append(f'<path d="M{mean} {y - 6}V{y + 6}" stroke="{color}" stroke-width="3"/>')
    parts += [
        f'<circle cx="{x(run)}" cy="{y}" r="3" fill="none" stroke="{color}"/>' for run in runs
    ]
    return f'<g><title>{escape(spread.text())}</title>{"".join(parts)}</g>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="#222">{escape(text)}</text>'
