"""The estimates give back the figures they were made from."""

import pytest

from mmseg_wsss.experiments.speeds import Speeds


def test_measured_figures():
    speeds = Speeds()
    assert speeds.classifier(2000, 6, 192) == pytest.approx(300, rel=0.05)
    per_image = (speeds.seeds(2000, 6, (0.5, 1.0), True) - speeds.start) / 2000
    assert per_image == pytest.approx(0.44, rel=0.02)
    both = speeds.network(600, 8, 256) + speeds.tested(222, False, False)
    assert 6 * 60 < both < 8 * 60
    # Two at the same time: each takes half of the machine.
    assert 2 * (speeds.tested(600, True, True) - speeds.start) == pytest.approx(720, rel=0.1)


def test_costs_follow_pixels():
    speeds = Speeds(start=0.0)
    assert speeds.network(10, 2, 128) == pytest.approx(speeds.network(10, 2, 256) / 4)
    assert speeds.tested(10, False, False, 128) == pytest.approx(
        speeds.tested(10, False, False) / 4
    )
    assert speeds.tested(10, True, False) == pytest.approx(4.5 * speeds.tested(10, False, False))
    assert speeds.seeds(1, 0, (1.0, 2.0), True) == pytest.approx(
        4 * speeds.seeds(1, 0, (0.5, 1.0), 1)
    )
