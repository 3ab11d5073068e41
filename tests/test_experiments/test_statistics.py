"""Mean, spread and paired differences against numpy and Student's t by integration."""

import math

import numpy as np
import pytest

from mmseg_wsss.experiments.statistics import NORMAL_95, STUDENT_95, Difference, Spread


@pytest.mark.parametrize('number', [2, 3, 5, 12])
def test_spread_is_numpys(number):
    values = np.random.default_rng(number).normal(50, 3, number)
    spread = Spread.of(values.tolist())
    assert spread.mean == pytest.approx(values.mean())
    assert spread.deviation == pytest.approx(values.std(ddof=1))
    assert spread.number == number
    assert spread.text() == f'{values.mean():.2f} ± {values.std(ddof=1):.2f} ({number})'


def test_few_values():
    assert Spread.of([]).text() == '–' and math.isnan(Spread.of([]).mean)
    assert Spread.of([2.0]).text(signed=True) == '+2.00 (1)'
    assert Difference.of({}, {0: 1.0}).verdict() == 'too few runs'
    assert Difference.of({0: 9.0, 1: 9.0}, {0: 1.0, 1: 1.0}).verdict() == 'too few runs'


def test_pairs_are_of_the_same_random_seed():
    variant, reference = {0: 10.0, 1: 20.0, 2: 33.0, 5: 0.0}, {2: 30.0, 1: 18.0, 0: 9.0}
    spread = Difference.of(variant, reference).spread
    assert spread.mean == pytest.approx(np.mean([1, 2, 3]))
    assert spread.deviation == pytest.approx(np.std([1, 2, 3], ddof=1))
    assert spread.number == 3


def density(x, freedom):
    scale = math.gamma((freedom + 1) / 2) / math.gamma(freedom / 2)
    return scale / math.sqrt(freedom * math.pi) * (1 + x**2 / freedom) ** (-(freedom + 1) / 2)


@pytest.mark.parametrize('freedom', range(1, len(STUDENT_95) + 1))
def test_quantiles_hold_95_percent(freedom):
    grid = np.linspace(0, STUDENT_95[freedom - 1], 200_001)
    assert 2 * np.trapezoid(density(grid, freedom), grid) == pytest.approx(0.95, abs=5e-5)


def test_the_normal_quantile():
    assert math.erf(NORMAL_95 / math.sqrt(2)) == pytest.approx(0.95, abs=5e-5)


@pytest.mark.parametrize('number', [3, 5, 30])
def test_margin_is_the_intervals(number):
    values = dict(enumerate(np.random.default_rng(0).normal(1, 2, number)))
    difference = Difference.of(values, dict.fromkeys(values, 0.0))
    quantile = STUDENT_95[number - 2] if number < 22 else NORMAL_95
    expected = quantile * np.std(list(values.values()), ddof=1) / np.sqrt(number)
    assert difference.margin == pytest.approx(expected)


@pytest.mark.parametrize(
    'differences, verdict',
    [
        ([-1.0, 1.0, 0.3], 'no'),
        ([1.0, 2.0, 0.2], 'yes'),  # mean 1.07, deviation 0.90, margin 2.24
        ([-1.0, -2.0, -0.2], 'yes'),
        ([1.0, 1.1, 0.9], 'yes, beyond 95 %'),
        ([-1.0, -1.1, -0.9], 'yes, beyond 95 %'),
        ([0.0, 0.0, 0.0], 'no'),
    ],
)
def test_verdicts(differences, verdict):
    values = dict(enumerate(differences))
    assert Difference.of(values, dict.fromkeys(values, 0.0)).verdict() == verdict
