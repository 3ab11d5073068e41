"""COCO annotations drawn as masks."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mmseg_wsss.converters.coco_annotations import (
    decode_run_lengths,
    draw_instances,
    fill_polygon,
)


def point_in_polygon(polygon: list[float], shape: tuple[int, int]) -> np.ndarray:
    """Even-odd rule at every pixel centre, one pixel and one edge at a time."""
    corners = list(zip(polygon[::2], polygon[1::2], strict=True))
    inside = np.zeros(shape, bool)
    for row in range(shape[0]):
        for column in range(shape[1]):
            x, y = column + 0.5, row + 0.5
            for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
                if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
                    inside[row, column] ^= True
    return inside


def test_filling_follows_the_even_odd_rule_but_for_outlines():
    generator = np.random.default_rng(1)
    differing = filled = 0
    for _ in range(3):
        angle = np.sort(generator.random(12)) * 2 * np.pi
        radius = 20 + 20 * generator.random(12)
        polygon = np.stack([60 + radius * np.cos(angle), 50 + radius * np.sin(angle)], 1).ravel()
        expected = point_in_polygon(polygon.tolist(), (100, 120))
        differing += (fill_polygon(polygon.tolist(), (100, 120)) != expected).sum()
        filled += expected.sum()
    assert differing < 0.02 * filled


def test_a_rectangle_on_pixel_borders_is_filled_exactly():
    expected = np.zeros((5, 6), bool)
    expected[1:3, 1:4] = True
    np.testing.assert_array_equal(fill_polygon([1, 1, 4, 1, 4, 3, 1, 3], (5, 6)), expected)


@pytest.mark.parametrize('far', [1e3, 1e12, -1e12])
def test_a_corner_far_outside_is_refused(far):
    with pytest.raises(ValueError, match='a corner far outside of the image'):
        draw_instances((10, 14), [(1, [[0, 0, far, 0, far, 5, 0, 5]])])
    assert draw_instances((10, 14), [(1, [[-9, -9, 50, -9, 50, 50, -9, 50]])])[0].all()


def test_a_polygon_outside_of_the_image_fills_nothing():
    assert not fill_polygon([30, 1, 40, 1, 40, 5], (11, 17)).any()


def test_compressed_run_lengths_equal_pycocotools():
    generator = np.random.default_rng(2)
    for density in (0.01, 0.3, 0.9):
        mask = (generator.random((37, 61)) < density).astype(np.uint8)
        encoded = coco_mask.encode(np.asfortranarray(mask))
        encoding = dict(size=encoded['size'], counts=encoded['counts'].decode())
        np.testing.assert_array_equal(decode_run_lengths(encoding, (37, 61)), mask == 1)


def test_compressed_run_lengths_by_hand():
    # Counts 3, 2, 40, 5: characters are 48 + 5 bits; 40 takes two, as do bits with a sign bit;
    # the last one is stored as 5 - 2 = 3.
    encoding = dict(size=[10, 5], counts='32X13')
    decoded = decode_run_lengths(encoding, (10, 5))
    assert np.flatnonzero(decoded.T.ravel()).tolist() == [3, 4, 45, 46, 47, 48, 49]


def test_malformed_run_lengths():
    with pytest.raises(ValueError, match='no list of lengths'):
        decode_run_lengths(dict(size=[2, 2], counts=[5, -1]), (2, 2))
    with pytest.raises(ValueError, match='no list of lengths'):
        decode_run_lengths(dict(size=[2, 2], counts=[1.5, 2.5]), (2, 2))
    with pytest.raises(ValueError, match='no list of lengths'):
        decode_run_lengths(dict(size=[2, 2]), (2, 2))
    with pytest.raises(ValueError, match='size None'):
        decode_run_lengths(dict(counts=[4]), (2, 2))


def test_later_instances_lie_on_top_and_parts_belong_together():
    two_parts = [[0, 0, 1, 0, 1, 3, 0, 3], [3, 0, 4, 0, 4, 3, 3, 3]]
    mask, degenerate = draw_instances((3, 4), [(5, two_parts), (9, [[0, 1, 4, 1, 4, 2, 0, 2]])])
    assert mask.tolist() == [[5, 0, 0, 5], [9, 9, 9, 9], [5, 0, 0, 5]]
    assert degenerate == 0 and mask.dtype == np.uint8
