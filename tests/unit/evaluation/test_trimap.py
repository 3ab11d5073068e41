"""The band along outlines against a plain loop over windows."""

import numpy as np
import pytest

from mmseg_wsss.evaluation import boundary_band


@pytest.mark.parametrize('width', [1, 2, 5, 40])
def test_band_is_that_of_a_plain_loop(width):
    truth = np.zeros((24, 31), np.uint8)
    truth[3:9, 5:20] = 4
    truth[9:11, 5:20] = 255
    truth[20:, 28:] = 1
    expected = np.zeros(truth.shape, bool)
    for row, column in np.ndindex(truth.shape):
        rows = slice(max(0, row - width), row + width + 1)
        columns = slice(max(0, column - width), column + width + 1)
        expected[row, column] = (truth[rows, columns] != truth[row, column]).any()
    np.testing.assert_array_equal(boundary_band(truth, width), expected)


def test_a_flat_truth_has_no_band():
    assert not boundary_band(np.full((5, 5), 255, np.uint8), 3).any()


def test_width():
    with pytest.raises(ValueError, match='width=0'):
        boundary_band(np.zeros((2, 2), np.uint8), 0)
