"""PAMR against loops over the pixels."""

import numpy as np
import pytest
import torch

from mmseg_wsss.seeds.pamr import pamr


def plain(image, scores, iterations, dilations):
    """One image (3, H, W), scores (M, H, W), in float64."""
    height, width = image.shape[1:]

    def neighbours(y, x):
        for dilation in dilations:
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if (dy, dx) != (0, 0):
                        yield (
                            min(max(y + dy * dilation, 0), height - 1),
                            min(max(x + dx * dilation, 0), width - 1),
                        )

    for _ in range(iterations):
        refined = np.zeros_like(scores)
        for y in range(height):
            for x in range(width):
                places = list(neighbours(y, x))
                colours = np.array([image[:, row, column] for row, column in places])
                deviation = colours.std(axis=0, ddof=1)
                differences = np.abs(colours - image[:, y, x]) / (1e-8 + 0.1 * deviation)
                weights = np.exp(-differences.mean(axis=1))
                weights /= weights.sum()
                for weight, (row, column) in zip(weights, places, strict=True):
                    refined[:, y, x] += weight * scores[:, row, column]
        scores = refined
    return scores


@pytest.mark.parametrize(('iterations', 'dilations'), [(1, (1,)), (3, (1, 2)), (0, (1,))])
def test_against_loops(iterations, dilations):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, 3, 5, 6)).astype(np.float64)
    scores = random.random((2, 4, 5, 6))
    found = pamr(torch.from_numpy(images), torch.from_numpy(scores).float(), iterations, dilations)
    for index in range(2):
        expected = plain(images[index], scores[index], iterations, dilations)
        assert np.allclose(found[index], expected, atol=1e-5)


def test_an_image_of_one_colour_gives_means():
    scores = torch.rand(1, 2, 4, 4)
    found = pamr(torch.full((1, 3, 4, 4), 7), scores, 50, (1,))
    assert found.isfinite().all() and (found.amax() <= scores.amax())
    assert float((found - found.mean(dim=(-2, -1), keepdim=True)).abs().max()) < 1e-3


@pytest.mark.parametrize('options', [dict(iterations=-1), dict(dilations=()), dict(dilations=(0,))])
def test_bad_options(options):
    with pytest.raises(ValueError, match='iterations=.* dilations='):
        pamr(torch.zeros(1, 3, 2, 2), torch.zeros(1, 1, 2, 2), **options)
