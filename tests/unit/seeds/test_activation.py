"""Activation maps against a direct computation with every draw made explicitly."""

import pytest
import torch
import torch.nn.functional as F

from mmseg_wsss.seeds.activation import (
    activation_rows,
    normalise_activation,
    sum_views,
    view_activation,
    view_probability,
)
from mmseg_wsss.seeds.dropout import channel_masks, draw_channel_weights

CHANNELS, CLASSES = 12, 5
SIZE = (20, 27)
VIEWS = ((3, 4), (5, 7), (8, 10), (5, 7))
DROPOUTS = (0.0, 0.1, 0.4)
DRAWS = 6


def make_inputs():
    weight = torch.randn(CLASSES, CHANNELS, dtype=torch.float64)
    features = [torch.randn(2, CHANNELS, *view, dtype=torch.float64) for view in VIEWS]
    return weight, features


def naive_maps(weight, features, present):
    """Every draw, view and mirror image on its own: Dropout2d, 1x1 convolution, resize, sum."""
    maps = torch.zeros(len(DROPOUTS), len(present), *SIZE, dtype=torch.float64)
    for seed, dropout in enumerate(DROPOUTS):
        for number, view in enumerate(features):
            for mirrored in range(2):
                masks = torch.ones(DRAWS, CHANNELS, dtype=torch.float64)
                if dropout:
                    drawn = channel_masks(CHANNELS, dropout, DRAWS, seed, number, mirrored)
                    masks = torch.from_numpy(drawn).double() / (1 - dropout)
                for mask in masks:
                    dropped = view[mirrored : mirrored + 1] * mask[None, :, None, None]
                    all_classes = F.conv2d(dropped, weight[:, :, None, None])
                    resized = F.interpolate(all_classes, SIZE, mode='bilinear')
                    resized = resized.flip(-1) if mirrored else resized
                    maps[seed] += resized[0, present] / DRAWS
    maps = maps.relu()
    return maps / maps.flatten(2).max(dim=2).values[..., None, None]


@pytest.mark.parametrize('present', [[0], [4, 1], [0, 1, 2, 3, 4]])
def test_one_product_equals_explicit_draws(present):
    weight, features = make_inputs()
    views = []
    for number, view in enumerate(features):
        channels = [
            [
                torch.from_numpy(
                    draw_channel_weights(CHANNELS, dropout, DRAWS, seed, number, mirrored)
                )
                for seed, dropout in enumerate(DROPOUTS)
            ]
            for mirrored in range(2)
        ]
        channels = torch.stack([torch.stack(row) for row in channels]).double()
        rows = activation_rows(weight, present, channels)
        assert rows.shape == (2, len(DROPOUTS) * len(present), CHANNELS)
        views.append(view_activation(view, rows))
    found = normalise_activation(sum_views(views, SIZE).unflatten(0, (len(DROPOUTS), -1)))
    expected = naive_maps(weight, features, present)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    assert not torch.allclose(found[0], found[2], atol=1e-2)


def test_without_mirror_image():
    weight, features = make_inputs()
    rows = activation_rows(weight, [2], torch.ones(1, 1, CHANNELS, dtype=torch.float64))
    found = view_activation(features[0][:1], rows, mirrored=False)
    torch.testing.assert_close(found[0], torch.einsum('c,chw->hw', weight[2], features[0][0]))
    with pytest.raises(ValueError, match='2 views'):
        view_activation(features[0][:1], rows)


@pytest.mark.parametrize('mirrored', [True, False])
def test_probabilities_against_a_softmax_of_every_map(mirrored):
    weight, (view, *_) = make_inputs()
    views = view[: 1 + mirrored]
    channels = torch.rand(1 + mirrored, 3, CHANNELS, dtype=torch.float64)
    found = view_probability(views, weight, [3, 1], channels, mirrored)
    expected = torch.zeros(6, *view.shape[-2:], dtype=torch.float64)
    for seed in range(3):
        for number, features in enumerate(views):
            scores = torch.einsum('kc,c,chw->khw', weight, channels[number, seed], features)
            powers = scores.exp()
            maps = (powers / powers.sum(dim=0))[[3, 1]]
            expected[2 * seed : 2 * seed + 2] += maps.flip(-1) if number else maps
    torch.testing.assert_close(found, expected)


def test_a_mirrored_image_gives_the_same_map():
    weight, (view, *_) = make_inputs()
    same = torch.stack([view[0], view[0].flip(-1)])
    rows = activation_rows(weight, [1], torch.ones(2, 1, CHANNELS, dtype=torch.float64))
    single = torch.einsum('c,chw->hw', weight[1], view[0])
    torch.testing.assert_close(view_activation(same, rows)[0], 2 * single)


def test_normalise():
    maps = torch.tensor([[[-1.0, 3.0], [6.0, 0.0]], [[-1.0, -2.0], [-3.0, -4.0]]])
    expected = torch.tensor([[[0, 0.5], [1, 0]], [[0.0, 0], [0, 0]]])
    assert torch.equal(normalise_activation(maps), expected)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), float('-inf')])
def test_bad_values_are_found(value):
    maps = torch.rand(2, 3, 4, 4)
    maps[1, 2, 3, 0] = value
    with pytest.raises(ValueError, match='NaN'):
        normalise_activation(maps)


def test_nothing_to_add():
    with pytest.raises(ValueError, match='no activation maps'):
        sum_views([], (4, 4))
