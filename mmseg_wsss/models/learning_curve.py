"""The curve by which a network fits the labels of a class, and where it flattens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MIN_POINTS = 4  # one more than the curve has parameters
_ROUNDS = 8
_STEPS = 17


@dataclass(frozen=True)
class LearningCurve:
    """``f(t) = a (1 - exp(-t^b / c))``, from 0 up to a.

    Attributes:
        a (float): 0 to 1.
        b (float): In (0, 1], so that the slope only falls.
        c (float): > 0.
    """

    a: float
    b: float
    c: float

    def value(self, time: float) -> float:
        """Give the curve's value at a time > 0."""
        return self.a * -math.expm1(-(time**self.b) / self.c)

    def slope(self, time: float) -> float:
        """Give the curve's derivative at a time > 0."""
        inner = time**self.b / self.c
        return self.a * math.exp(-inner) * inner * self.b / time

    def relative_drop(self, time: float) -> float:
        """Say by which share the slope has fallen since time 1.

        >>> curve = LearningCurve(a=0.8, b=1.0, c=2.0)
        >>> round(curve.relative_drop(1 + 2.0), 3)  # exp(-1) of it is left after another c
        0.632
        """
        first = self.slope(1.0)
        return 1 - self.slope(time) / first if first > 0 else 0.0


def fit_learning_curve(times: Sequence[float], values: Sequence[float]) -> LearningCurve:
    """Fit the curve by least squares, with later points weighing more.

    The standard deviations fall geometrically from 1 at the first point to 0.1 at the last, as in
    ADELE's public code. For given b and c the best a is known in closed form; the best c of each b,
    and then the best b, are found on a grid that is drawn closer around the best point, so that
    there is no start that could be a bad one.

    Args:
        times (Sequence[float]): > 0, ascending, at least ``MIN_POINTS``.
        values (Sequence[float]): As many, in [0, 1].

    Returns:
        LearningCurve: The curve.

    Raises:
        ValueError: If there are too few points, or as many times as values are not given.
    """
    time, value = np.asarray(times, float), np.asarray(values, float)
    if len(time) < MIN_POINTS or time.shape != value.shape:
        raise ValueError(
            f'expected at least {MIN_POINTS} times and as many values, got {len(time)} and '
            f'{len(value)}'
        )
    weight = np.geomspace(1, 0.1, len(time)) ** -2
    b_low, b_high = 0.02, 1.0
    for _ in range(_ROUNDS):
        b = np.linspace(b_low, b_high, _STEPS)
        a, c, error = _best_for_exponents(b, time, value, weight)
        best = error.argmin()
        step = 2 * (b[1] - b[0])
        b_low, b_high = max(b[best] - step, 0.02), min(b[best] + step, 1.0)
    return LearningCurve(float(a[best]), float(b[best]), float(c[best]))


def _best_for_exponents(
    b: np.ndarray, time: np.ndarray, value: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find a and c for each of some b (M,), and the squared errors that remain."""
    powers = (time / time[-1]) ** b[:, None, None]
    # In units of the last point's t^b, where the exponent is then 1 / c.
    low, high = np.full(len(b), np.log(1e-3)), np.full(len(b), np.log(1e3))
    rows = np.arange(len(b))
    for _ in range(_ROUNDS):
        log_c = np.linspace(low, high, _STEPS, axis=1)
        shape = -np.expm1(-powers / np.exp(log_c)[..., None])
        a = (shape @ (weight * value) / (shape**2 @ weight)).clip(0, 1)
        error = (value - a[..., None] * shape) ** 2 @ weight
        best = error.argmin(1)
        step = 2 * (high - low) / (_STEPS - 1)
        low, high = log_c[rows, best] - step, log_c[rows, best] + step
    c = np.exp(log_c[rows, best]) * time[-1] ** b
    return a[rows, best], c, error[rows, best]
