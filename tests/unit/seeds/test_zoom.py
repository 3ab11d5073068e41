"""Windows around what a class activates, against plain loops."""

import math

import numpy as np
import pytest
import torch

from mmseg_wsss.seeds.zoom import enlarged_size, find_window, paste_window


def plain_window(activation, level, margin, largest):
    """Pixel by pixel."""
    height, width = activation.shape
    active = [(y, x) for y in range(height) for x in range(width) if activation[y, x] > level]
    if not active:
        return None
    window = []
    for axis, side in ((0, height), (1, width)):
        first, last = min(one[axis] for one in active), max(one[axis] for one in active)
        more = margin * (last - first + 1)
        window += [max(0, math.floor(first - more)), min(side, math.ceil(last + 1 + more))]
    top, bottom, left, right = window
    pixels = sum(1 for _ in range(top, bottom) for _ in range(left, right))
    return None if pixels > largest * height * width else tuple(window)


@pytest.mark.parametrize('largest', [0.3, 0.7, 1.0])
@pytest.mark.parametrize('margin', [0.0, 0.15, 1.0])
def test_windows(margin, largest):
    generator = np.random.default_rng(0)
    found = []
    for _ in range(60):
        height, width = generator.integers(1, 30, 2)
        activation = np.zeros((height, width), np.float32)
        for _ in range(generator.integers(0, 4)):
            y, x = generator.integers(height), generator.integers(width)
            activation[y, x] = generator.random()
        window = find_window(torch.from_numpy(activation), 0.3, margin, largest)
        assert window == plain_window(activation, 0.3, margin, largest)
        found.append(window is None)
    assert any(found) and not all(found)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(level=1.0), 'level must be in'),
        (dict(level=-0.1), 'level must be in'),
        (dict(margin=-1), 'margin must be at least 0'),
        (dict(margin=math.nan), 'margin must be at least 0'),
        (dict(largest=0), r'largest must be in \(0, 1\]'),
        (dict(largest=1.1), r'largest must be in \(0, 1\]'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        find_window(torch.zeros(2, 2), **options)


def test_an_enlarged_window_has_the_photograph_s_pixels():
    height, width = enlarged_size(80, 40, 100_000, 10)
    assert height * width == pytest.approx(100_000, rel=0.01)
    assert height == 2 * width or abs(height - 2 * width) <= 1
    assert enlarged_size(80, 40, 100_000, 2) == (160, 80)
    assert enlarged_size(3, 40, 100_000, 2) == (32, 80)
    with pytest.raises(ValueError, match='most must be at least 1'):
        enlarged_size(80, 40, 100_000, 0.5)


def test_a_window_is_pasted_as_means_of_its_pixels():
    content = torch.rand(2, 3, 8, 12)
    pasted = paste_window((10, 20), (2, 6, 5, 11), content)
    assert pasted.shape == (2, 3, 10, 20)
    for y in range(10):
        for x in range(20):
            expected = torch.zeros(2, 3)
            if 2 <= y < 6 and 5 <= x < 11:
                rows, columns = slice(2 * (y - 2), 2 * (y - 1)), slice(2 * (x - 5), 2 * (x - 4))
                expected = content[..., rows, columns].mean(dim=(-2, -1))
            assert torch.allclose(pasted[..., y, x], expected, atol=1e-6)
