"""Channel weights of dropout: distribution, reproducibility, range."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from mmseg_wsss.seeds.dropout import channel_masks, draw_channel_weights


def test_weights_are_the_mean_of_the_draws():
    masks = channel_masks(500, 0.3, 7, 1, 'a')
    assert masks.shape == (7, 500) and masks.dtype == bool
    weights = draw_channel_weights(500, 0.3, 7, 1, 'a')
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, masks.mean(0) / 0.7, rtol=1e-6)


def test_draws_have_the_values_of_dropout2d():
    layer = nn.Dropout2d(0.2)
    dropped = layer(torch.ones(1, 1000, 2, 2))[0, :, 0, 0]
    ours = draw_channel_weights(1000, 0.2, 1, 'any')
    np.testing.assert_allclose(np.unique(ours), np.unique(dropped.numpy()), rtol=1e-6)


@pytest.mark.parametrize('dropout', [0.05, 0.1, 0.2, 0.3, 0.9])
def test_share_of_dropped_channels(dropout):
    count = 200_000
    masks = channel_masks(count, dropout, 2, 'share')
    for mask in masks:
        deviation = math.sqrt(dropout * (1 - dropout) / count)
        assert abs((~mask).mean() - dropout) < 5 * deviation
    # The draws of one key are independent of each other, too.
    both = (~masks[0] & ~masks[1]).mean()
    assert abs(both - dropout**2) < 5 * math.sqrt(dropout**2 / count)


def test_only_the_key_decides():
    first = draw_channel_weights(64, 0.5, 3, 0, 'image', '0.50-1.00', '1.0', False)
    np.random.seed(99)
    torch.manual_seed(99)
    again = draw_channel_weights(64, 0.5, 3, 0, 'image', '0.50-1.00', '1.0', False)
    assert np.array_equal(first, again)
    keys = [
        (1, 'image', '0.50-1.00', '1.0', False),
        (0, 'imagf', '0.50-1.00', '1.0', False),
        (0, 'image', '0.50-1.20', '1.0', False),
        (0, 'image', '0.50-1.00', '1.2', False),
        (0, 'image', '0.50-1.00', '1.0', True),
    ]
    others = [draw_channel_weights(64, 0.5, 3, *key) for key in keys]
    for other in others:
        assert not np.array_equal(first, other)
    # Parts of a key may not run into each other.
    assert not np.array_equal(
        draw_channel_weights(64, 0.5, 1, 'ab', 'c'), draw_channel_weights(64, 0.5, 1, 'a', 'bc')
    )


def test_draws_are_the_same_on_every_machine():
    masks = channel_masks(8, 0.5, 2, 0, 'image')
    assert masks.astype(int).tolist() == [[0, 1, 1, 0, 1, 0, 1, 1], [0, 1, 0, 1, 0, 1, 1, 0]]


def test_no_dropout_and_bad_arguments():
    assert draw_channel_weights(5, 0.0, 1).tolist() == [1.0] * 5
    for dropout in (-0.1, 1.0, float('nan')):
        with pytest.raises(ValueError, match='dropout'):
            draw_channel_weights(5, dropout, 1)
    with pytest.raises(ValueError, match='num_draws'):
        draw_channel_weights(5, 0.1, 0)
