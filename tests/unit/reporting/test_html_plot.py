"""Curves in a page: valid XML, points where they belong, gaps where there is no value."""

import math
from xml.etree import ElementTree

import numpy as np
import pytest

from mmseg_wsss.evaluation import Calibration
from mmseg_wsss.reporting import Curve, calibration_plot, html_plot


def groups(html):
    """Circles and path commands of each curve, by name."""
    figure = ElementTree.fromstring(html)
    found = {}
    for group in figure.iter('g'):
        points = [(float(c.get('cx')), float(c.get('cy'))) for c in group.iter('circle')]
        found[group.find('title').text] = (points, group.find('path').get('d'))
    return found


def test_points_lie_where_their_values_are():
    curve = Curve('a <b> & c', [0, 50, 100], (1, 2, 3))
    points, path = groups(html_plot([curve], 'x', 'y'))['a <b> & c']
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 - x0 == pytest.approx(x2 - x1) and y0 - y1 == pytest.approx(y1 - y2) and y2 < y0
    assert path.count('M') == 1 and path.count('L') == 2


@pytest.mark.parametrize('highest, ticks', [(100, 100), (51, 75), (25, 25), (3, 25), (0, 25)])
def test_scale_holds_all_values(highest, ticks):
    html = html_plot([Curve('a', [0, highest]), Curve('b', [math.nan, 0])], 'x', 'y')
    texts = [text.text for text in ElementTree.fromstring(html).iter('text')]
    assert texts[:6] == [str(number) for number in range(0, ticks + 1, ticks // 5)]
    ((_, bottom), (_, top)), _ = groups(html)['a']
    lines = [path.get('d') for path in ElementTree.fromstring(html).iter('path')][:6]
    ends = [float(line.split()[1].partition('H')[0]) for line in lines]
    assert ends[0] == bottom
    assert bottom - top == pytest.approx(highest / ticks * (ends[0] - ends[-1]), abs=0.1)


def test_long_curves_have_no_points():
    (points, path) = groups(html_plot([Curve('a', [1.0] * 100)], 'x', 'y'))['a']
    assert not points and path.count('L') == 99


def test_missing_values_are_gaps():
    nan = math.nan
    found = groups(html_plot([Curve('a', [1, 2, nan, 3, nan]), Curve('b', [nan] * 5)], 'x', 'y'))
    assert len(found['a'][0]) == 3 and found['a'][1].count('M') == 2
    assert found['b'] == ([], '')


def test_reference_has_no_points():
    assert groups(html_plot([Curve('a', [1, 2], dashed=True)], 'x', 'y'))['a'][0] == []


@pytest.mark.parametrize('values', [[], [[1]], [[1, 2], [1, 2, 3]]])
def test_curves_that_cannot_be_drawn(values):
    with pytest.raises(ValueError, match='at least 2'):
        html_plot([Curve('a', one) for one in values], 'x', 'y')


def test_calibration_plot_has_a_curve_per_class():
    counts = np.zeros((2, 3, 5), np.int64)
    counts[1, 0, 4], counts[0, 1, 2] = 7, 3  # right at 4 votes, wrong at 2
    found = groups(calibration_plot(Calibration(counts), ('sky', 'sea'), [[0, 0, 0], [9, 9, 9]]))
    assert list(found) == ['share of seeds that agree', 'sky', 'sea', 'all classes']
    (top,), (bottom,) = found['sky'][0], found['sea'][0]
    assert sorted([top, bottom]) == sorted(found['all classes'][0])
    assert top[1] < bottom[1] and top[0] > bottom[0]
