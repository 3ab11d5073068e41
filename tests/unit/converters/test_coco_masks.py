"""Rasterising of COCO annotations, with and without pycocotools."""

from __future__ import annotations

import numpy as np
import pytest

from mmseg_wsss.converters import coco_annotations as coco_masks
from mmseg_wsss.converters.coco_annotations import (
    decode_run_lengths,
    draw_instances,
    fill_polygon,
    fill_polygon_builtin,
    rasteriser,
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


def test_builtin_fill_equals_the_even_odd_rule():
    generator = np.random.default_rng(0)
    for _ in range(60):
        corners = generator.integers(3, 9)
        # Some corners lie outside of the image, edges cross each other.
        polygon = (generator.random((corners, 2)) * [26, 18] - [4, 4]).ravel().tolist()
        np.testing.assert_array_equal(
            fill_polygon_builtin(polygon, (11, 17)), point_in_polygon(polygon, (11, 17))
        )


@pytest.mark.parametrize(
    'polygon',
    [[3, 5, 8, 5, 5, 5], [-9, -9, -2, -9, -2, -2], [30, 1, 40, 1, 40, 5], [1, 30, 5, 30, 5, 40]],
    ids=['flat', 'above left', 'right', 'below'],
)
def test_builtin_fill_of_nothing(polygon):
    assert not fill_polygon_builtin(polygon, (11, 17)).any()


def test_builtin_fill_of_everything():
    assert fill_polygon_builtin([-5, -5, 40, -5, 40, 40, -5, 40], (11, 17)).all()


def test_builtin_agrees_with_pycocotools_but_for_outlines():
    reference = pytest.importorskip('pycocotools.mask')
    generator = np.random.default_rng(1)
    differing = filled = 0
    for _ in range(30):
        angle = np.sort(generator.random(12)) * 2 * np.pi
        radius = 20 + 20 * generator.random(12)
        polygon = np.stack([60 + radius * np.cos(angle), 50 + radius * np.sin(angle)], 1).ravel()
        ours = fill_polygon_builtin(polygon.tolist(), (100, 120))
        theirs = reference.decode(reference.frPyObjects([polygon.tolist()], 100, 120))[..., 0] > 0
        differing += (ours != theirs).sum()
        filled += theirs.sum()
    assert 0 < differing < 0.01 * filled  # not the same algorithm, and within a per cent


def test_the_missing_package_is_replaced_and_named(monkeypatch):
    polygon = [1, 1, 4, 1, 4, 3, 1, 3]
    expected = np.zeros((5, 6), bool)
    expected[1:3, 1:4] = True
    np.testing.assert_array_equal(fill_polygon(polygon, (5, 6)), expected)
    monkeypatch.setattr(coco_masks, 'coco_mask', None)
    assert 'built-in' in rasteriser()
    np.testing.assert_array_equal(fill_polygon(polygon, (5, 6)), expected)


def test_compressed_run_lengths_equal_pycocotools():
    reference = pytest.importorskip('pycocotools.mask')
    generator = np.random.default_rng(2)
    for density in (0.01, 0.3, 0.9):
        mask = (generator.random((37, 61)) < density).astype(np.uint8)
        encoded = reference.encode(np.asfortranarray(mask))
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
