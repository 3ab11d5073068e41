"""The fit against scipy's least squares."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from mmseg_wsss.models.learning_curve import LearningCurve, fit_learning_curve

CURVES = [
    LearningCurve(0.8, 0.9, 0.7),
    LearningCurve(0.5, 0.4, 0.3),
    LearningCurve(0.9, 1.0, 6.0),
    LearningCurve(0.3, 0.7, 0.05),
]


def f(time, a, b, c):
    return a * (1 - np.exp(-(time**b) / c))


@pytest.mark.parametrize('curve', CURVES)
def test_value_and_slope_are_those_of_the_formula(curve):
    for time in (0.2, 1.0, 5.0):
        assert curve.value(time) == pytest.approx(f(time, curve.a, curve.b, curve.c))
        ahead, behind = (f(time + h, curve.a, curve.b, curve.c) for h in (1e-6, -1e-6))
        assert curve.slope(time) == pytest.approx((ahead - behind) / 2e-6, rel=1e-4, abs=1e-9)
    slopes = [curve.slope(time) for time in (1.0, 4.0)]
    assert curve.relative_drop(4.0) == pytest.approx(1 - slopes[1] / slopes[0])


@pytest.mark.parametrize('noise', [0.0, 0.03])
@pytest.mark.parametrize('curve', CURVES)
def test_fit_is_as_good_as_that_of_scipy(curve, noise):
    time = np.linspace(0.1, 8, 40)
    value = f(time, curve.a, curve.b, curve.c)
    value = (value + np.random.default_rng(0).normal(0, 1, 40) * noise).clip(0, 1)
    deviation = np.geomspace(1, 0.1, 40)
    theirs, _ = curve_fit(
        f, time, value, p0=(curve.a, curve.b, curve.c), sigma=deviation,
        bounds=([0, 0.02, 1e-9], [1, 1, np.inf]), max_nfev=10000,
    )  # fmt: skip
    ours = fit_learning_curve(time, value)
    errors = [
        (((f(time, *parameters) - value) / deviation) ** 2).sum()
        for parameters in (theirs, (ours.a, ours.b, ours.c))
    ]
    assert errors[1] <= errors[0] * 1.001 + 1e-4
    drop = LearningCurve(*theirs).relative_drop(8)
    assert ours.relative_drop(8) == pytest.approx(drop, abs=0.003)


def test_a_class_that_is_never_predicted_has_no_slope():
    curve = fit_learning_curve([0.5, 1, 2, 3, 4], [0.0] * 5)
    assert curve.a == 0 and curve.relative_drop(4) == 0


def test_the_time_at_which_learning_is_over():
    """With b = 1 the slope falls by exp(-(t - 1) / c): by 0.9 at t = 1 + c log 10."""
    time = np.linspace(0.05, 9, 60)
    curve = fit_learning_curve(time, f(time, 0.7, 1.0, 1.5))
    over = 1 + 1.5 * np.log(10)
    assert curve.relative_drop(over - 0.2) < 0.9 < curve.relative_drop(over + 0.2)


def test_too_few_points():
    with pytest.raises(ValueError, match='at least 4'):
        fit_learning_curve([1, 2, 3], [0.1, 0.2, 0.3])
