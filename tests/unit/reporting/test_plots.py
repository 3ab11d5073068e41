"""Plots: the values that they draw, and that their bytes are the same in every run."""

import base64

import pytest
from matplotlib.axes import Axes

from mmseg_wsss.reporting import (
    agreement_plot,
    background_fit_plot,
    calibration_plot,
    class_plot,
    threshold_plot,
)

DATA = dict(
    head=dict(
        seeds=['a', 'b'], classes=['sky', 'sea'], palette=[[255, 255, 255], [9, 9, 9]], current=0.02
    ),
    agreement=dict(pixels=[1, 2, 7]),
    masks=dict(aggregated=dict(classes=dict(sky=dict(iou=0.25), sea=dict(iou=None)))),
    calibration=dict(
        accuracy=[0.0, 0.5, 0.9],
        accuracy_by_class=dict(sky=[None, 0.25, 1.0], sea=[None, None, None]),
    ),
    thresholds=[0.01, 0.02, 0.03],
    seeds=dict(a=dict(miou=[0.1, 0.3, None], best=dict(threshold=0.02, miou=0.3))),
)


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn: the values of bars and lines."""
    found = dict(bar=[], barh=[], plot=[])
    for kind, values in found.items():
        original = getattr(Axes, kind)

        def spy(self, *args, original=original, values=values, **options):
            values.append([list(one) if hasattr(one, '__iter__') else one for one in args])
            return original(self, *args, **options)

        monkeypatch.setattr(Axes, kind, spy)
    return found


def test_bars_are_shares_of_the_pixels(drawn):
    agreement_plot(DATA)
    assert drawn['bar'] == [[[0, 1, 2], pytest.approx([10, 20, 70])]]


def test_six_seeds_are_shown_beside_the_paper_s(drawn):
    plot = agreement_plot(dict(agreement=dict(pixels=[0, 0, 0, 10, 10, 20, 60])))
    assert drawn['bar'][0][1] == pytest.approx([0, 0, 0, 10, 10, 20, 60])
    assert drawn['plot'] == [[[3, 4, 5, 6], [0.83, 1.39, 1.81, 95.96], ['D']]]
    assert '6: 96.0, 5: 1.8, 4: 1.4, 3: 0.8' in plot.caption


def test_the_fit_of_the_background_is_drawn_over_the_activations(drawn):
    fit = dict(
        threshold=0.4,
        weights=[0.5, 0.5],
        means=[0.2, 0.6],
        deviations=[0.1, 0.1],
        counts=[3, 1, 0, 2],
        images=7,
    )
    background_fit_plot(dict(head=dict(background_fit=fit)))
    centres, background = drawn['plot'][0]
    assert centres == [0.125, 0.375, 0.625, 0.875]
    # A normal density at 0.75 deviations from its mean, times one half.
    assert background[0] == pytest.approx(0.5 * 3.01137, abs=1e-4)
    assert drawn['plot'][1][1][2] == pytest.approx(0.5 * 3.86668, abs=1e-4)


def test_the_labels_of_the_background_are_drawn_where_there_are_some(drawn):
    fit = dict(threshold=0.5, background=[6, 2], foreground=[1, 3], counts=[1, 1], images=7)
    plot = background_fit_plot(dict(head=dict(background_fit=fit)))
    assert [line[1] for line in drawn['plot']] == [[1.5, 0.5], [0.5, 1.5]]
    assert 'labels agree on' in plot.caption
    fit.update(threshold=0.375, thresholds=[0.5, 0.25])
    plot = background_fit_plot(dict(head=dict(background_fit=fit)))
    assert '(0.250), halfway to that of the maps before saliency (0.500)' in plot.caption


def test_a_class_without_a_score_has_no_bar(drawn):
    class_plot(DATA)
    assert drawn['barh'] == [[[0, 1], [25, 0]]]


def test_there_is_a_curve_per_class_and_gaps_where_nothing_is_known(drawn):
    calibration_plot(DATA)
    diagonal, sky, sea, overall = (line[0] for line in drawn['plot'])
    assert diagonal == [0, 50, 100] and overall == pytest.approx([0, 50, 90])
    assert sky[1:] == [25, 100] and sky[0] != sky[0] and all(value != value for value in sea)


def test_the_best_threshold_is_marked(drawn):
    threshold_plot(DATA)
    line, dot = drawn['plot']
    assert line[0] == [0.01, 0.02, 0.03] and line[1][:2] == [10, 30]
    assert dot[:2] == [0.02, 30]


@pytest.mark.parametrize('plot', [agreement_plot, class_plot, calibration_plot, threshold_plot])
def test_bytes_are_the_same_in_every_run(plot):
    assert plot(DATA) == plot(DATA)
    svg = base64.b64decode(plot(DATA).uri.removeprefix('data:image/svg+xml;base64,')).decode()
    assert svg.rstrip().endswith('</svg>') and '<dc:date>' not in svg
