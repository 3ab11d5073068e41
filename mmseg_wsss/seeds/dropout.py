"""Dropout2d at seed time as channel weights, reproducible from names alone."""

from __future__ import annotations

import hashlib

import numpy as np


def draw_channel_weights(
    num_channels: int, dropout: float, num_draws: int, *key: object
) -> np.ndarray:
    """Mean of ``num_draws`` draws of Dropout2d, as one weight per channel.

    A draw multiplies each channel by 0 with probability ``dropout`` and by 1 / (1 - dropout)
    otherwise. An activation map is linear in its channels before the ReLU, so the mean of the maps
    of all draws is the map under the mean of the draws: one product instead of ``num_draws``
    (the stochastic selection of FickleNet, CVPR 2019, at the cost of a plain activation map).

    The draws depend on ``key`` alone, through a hash: never on the order of the images, the size
    of a batch or the number of processes.

    Args:
        num_channels (int): Channels C of the feature map.
        dropout (float): Probability of dropping a channel, in [0, 1).
        num_draws (int): Number of draws, at least 1.
        *key: What the draws belong to, e.g. random seed, image id, seed name and view.

    Returns:
        np.ndarray: (C,) float32, values in [0, 1 / (1 - dropout)], all ones without dropout.

    Raises:
        ValueError: If ``dropout`` or ``num_draws`` is out of its range.

    Examples:
        >>> draw_channel_weights(3, 0.0, 1, 'any').tolist()
        [1.0, 1.0, 1.0]
        >>> sorted(set(draw_channel_weights(64, 0.5, 2, 7, 'image').tolist()))
        [0.0, 1.0, 2.0]
    """
    if not 0 <= dropout < 1:
        raise ValueError(f'The dropout of a seed must be in [0, 1), got {dropout}.')
    if num_draws < 1:
        raise ValueError(f'num_draws must be at least 1, got {num_draws}.')
    if dropout == 0:
        return np.ones(num_channels, dtype=np.float32)
    return channel_masks(num_channels, dropout, num_draws, *key).mean(
        axis=0, dtype=np.float32
    ) / np.float32(1 - dropout)


def channel_masks(num_channels: int, dropout: float, num_draws: int, *key: object) -> np.ndarray:
    """The draws themselves.

    Args:
        num_channels (int): Channels C of the feature map.
        dropout (float): Probability of dropping a channel.
        num_draws (int): Number of draws D.
        *key: As in :func:`draw_channel_weights`.

    Returns:
        np.ndarray: (D, C) bool, True where a channel is kept.
    """
    text = '\x1f'.join(str(part) for part in key)
    digest = hashlib.blake2b(text.encode('utf-8'), digest_size=16).digest()
    # A counter-based generator: its key may be any 128 bits, no warm-up, stable across versions.
    words = np.random.Philox(key=np.frombuffer(digest, dtype='<u8')).random_raw(
        -(-num_draws * num_channels // 2)
    )
    bits = words.astype('<u8').view('<u4')[: num_draws * num_channels]
    return (bits >= np.uint32(min(round(dropout * 2**32), 2**32 - 1))).reshape(
        num_draws, num_channels
    )
