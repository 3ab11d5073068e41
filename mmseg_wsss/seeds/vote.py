"""The vote of several seeds, which of its pixels are noisy, and the labels that lost it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .codec import IGNORE_INDEX, MAX_LOSING_VOTES

TIES = ('lowest', 'foreground', 'seed_order')
# Columns voted on at a time: the block's working set stays in the processor's cache.
BLOCK = 1 << 14


def aggregate_seeds(
    seeds: np.ndarray,
    num_classes: int,
    ignore_index: int = IGNORE_INDEX,
    tie: str = 'lowest',
    seed_order: Sequence[int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Take the label most seeds vote for at every pixel, and the number of its votes.

    With ``V[k]`` the number of seeds whose label is k (``ignore_index`` does not vote), the label
    is ``argmax V`` and the agreement ``max V``; where no seed votes they are ``ignore_index`` and
    0. Neither depends on the threshold that later parts clean from noisy pixels. How ties are
    settled is a reading of the paper, which does not say; ties touch noisy pixels only once the
    threshold is above S / 2.

    No (K, H, W) volume of votes is built: pixels where all seeds agree are settled at once, at
    the others every seed's label is compared with every other seed's, S (S - 1) / 2 comparisons
    whatever the number of classes.

    Args:
        seeds (np.ndarray): uint8 (S, H, W), 1 <= S <= 255, labels below ``num_classes`` or
            ``ignore_index``.
        num_classes (int): K, background included, 1 to 255.
        ignore_index (int): Label of a seed without a vote, 0 to 255.
        tie (str): ``'lowest'`` label; ``'foreground'``: the lowest label that is not background
            (label 0); ``'seed_order'``: the label of the best seed among the tied labels' seeds.
        seed_order (Sequence[int], optional): For ``tie='seed_order'``, all seed indices, best
            first. The seeds' own order where None.

    Returns:
        tuple[np.ndarray, np.ndarray]: Label and agreement (0 to S), uint8 (H, W) each.

    Raises:
        TypeError: If ``seeds`` is not a uint8 array.
        ValueError: If its shape or a label is out of range, ``tie`` is unknown, or ``seed_order``
            is not a permutation or given for another ``tie``.

    >>> seeds = np.array([[[2, 2, 255]], [[1, 2, 255]], [[255, 0, 255]]], np.uint8)
    >>> aggregate_seeds(seeds, num_classes=3)
    (array([[  1,   2, 255]], dtype=uint8), array([[1, 2, 0]], dtype=uint8))
    >>> aggregate_seeds(seeds, num_classes=3, tie='seed_order')[0]
    array([[  2,   2, 255]], dtype=uint8)
    """
    _check_seeds(seeds, num_classes, ignore_index)
    order = _check_tie(tie, seed_order, len(seeds))
    num_seeds, height, width = seeds.shape
    columns = seeds.reshape(num_seeds, height * width)

    label = columns[0].copy()
    agreement = np.where(label == ignore_index, np.uint8(0), np.uint8(num_seeds))
    for block, votes in _contested(columns, order):
        label[block], agreement[block] = _vote(votes, ignore_index, tie)
    return label.reshape(height, width), agreement.reshape(height, width)


def find_losing_votes(
    seeds: np.ndarray,
    num_classes: int,
    ignore_index: int = IGNORE_INDEX,
    tie: str = 'lowest',
    seed_order: Sequence[int] | None = None,
) -> np.ndarray:
    """Give the labels that lost the vote at each pixel: those that seeds voted for beside the label
    of :func:`aggregate_seeds`, which has the same arguments.

    Where more than five labels lost, the five with most votes are given. Only pixels where seeds
    differ are looked at.

    Args:
        seeds (np.ndarray): uint8 (S, H, W), as in :func:`aggregate_seeds`.
        num_classes, ignore_index, tie, seed_order: As in :func:`aggregate_seeds`.

    Returns:
        np.ndarray: uint8 (L, H, W), with L, 0 to 5, the number of labels that lost where most did.
        Those with most votes come first; labels with as many votes are ordered by the rule that
        settles ties of the vote. 255 where there is none, whatever ``ignore_index``.

    Raises:
        TypeError, ValueError: As :func:`aggregate_seeds`.

    >>> seeds = np.array([[[2, 2, 1]], [[1, 2, 1]], [[0, 0, 1]], [[0, 255, 1]]], np.uint8)
    >>> find_losing_votes(seeds, num_classes=3)
    array([[[  1,   0, 255]],
    <BLANKLINE>
           [[  2, 255, 255]]], dtype=uint8)
    """
    _check_seeds(seeds, num_classes, ignore_index)
    order = _check_tie(tie, seed_order, len(seeds))
    num_seeds, height, width = seeds.shape
    losers = np.full((min(num_seeds - 1, MAX_LOSING_VOTES), height * width), 255, np.uint8)
    depth = 0
    for block, votes in _contested(seeds.reshape(num_seeds, height * width), order):
        found = _find_losers(votes, ignore_index, tie)
        depth = max(depth, len(found))
        for row, label in zip(losers, found, strict=False):
            row[block] = label
    return losers[:depth].reshape(depth, height, width)


def noisy_mask(label: np.ndarray, agreement: np.ndarray, threshold: int) -> np.ndarray:
    """Tell the noisy pixels: fewer than ``threshold`` seeds voted for the label.

    Args:
        label (np.ndarray): uint8 (H, W), 255 is ignored and never noisy.
        agreement (np.ndarray): uint8 (H, W), votes for the label.
        threshold (int): The paper's t, at least 1; six of six is its best.

    Returns:
        np.ndarray: bool (H, W).

    Raises:
        ValueError: If the threshold is below 1 or the shapes differ.

    >>> noisy_mask(np.array([[3, 3, 255]], np.uint8), np.array([[6, 5, 0]], np.uint8), threshold=6)
    array([[False,  True, False]])
    """
    if threshold < 1:
        raise ValueError(f'threshold={threshold}, expected at least 1')
    if label.shape != agreement.shape:
        raise ValueError(f'label has shape {label.shape}, agreement {agreement.shape}')
    return (agreement < threshold) & (label != IGNORE_INDEX)


def _contested(
    columns: np.ndarray, order: Sequence[int]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the columns where seeds differ: indices (M,) and votes (S, M), best seed first."""
    differs = np.zeros(columns.shape[1], bool)
    for seed in columns[1:]:
        differs |= seed != columns[0]
    contested = np.flatnonzero(differs)
    for start in range(0, len(contested), BLOCK):
        block = contested[start : start + BLOCK]
        yield block, np.stack([columns[index][block] for index in order])


def _count(votes: np.ndarray, ignore_index: int) -> np.ndarray:
    """Give the number of votes for the label of each row of columns (S, M)."""
    counts = np.ones_like(votes)
    for first in range(len(votes)):
        for second in range(first + 1, len(votes)):
            equal = (votes[first] == votes[second]).view(np.uint8)
            counts[first] += equal
            counts[second] += equal
    # Ignored pixels were compared too, as if 255 were a label.
    counts[votes == ignore_index] = 0
    return counts


def _find_losers(votes: np.ndarray, ignore_index: int, tie: str) -> list[np.ndarray]:
    """Vote over columns as :func:`_vote`, round after round without the labels that were chosen.

    Returns:
        list[np.ndarray]: (M,) of each round but the first, 255 where no vote is left.
    """
    counts = _count(votes, ignore_index)
    number = votes.shape[1]
    left = np.arange(number)
    losers: list[np.ndarray] = []
    for _ in range(MAX_LOSING_VOTES + 1):
        voted = np.flatnonzero(counts.any(axis=0))
        if not len(voted):
            break
        left, votes, counts = (one.take(voted, axis=-1) for one in (left, votes, counts))
        label, _ = _choose(votes, counts, ignore_index, tie)
        counts[votes == label] = 0
        losers.append(np.full(number, 255, np.uint8))
        losers[-1][left] = label
    return losers[1:]


def _vote(votes: np.ndarray, ignore_index: int, tie: str) -> tuple[np.ndarray, np.ndarray]:
    """Vote over columns (S, M), rows in order of preference; return label and agreement (M,)."""
    return _choose(votes, _count(votes, ignore_index), ignore_index, tie)


def _choose(
    votes: np.ndarray, counts: np.ndarray, ignore_index: int, tie: str
) -> tuple[np.ndarray, np.ndarray]:
    """Give the label with most votes and their number, from votes and counts (S, M)."""
    # One key orders by votes first, by preference (255 is best) second; its maximum wins.
    winner = np.zeros(votes.shape[1], np.uint16)
    for row, (vote, count) in enumerate(zip(votes, counts, strict=True)):
        key = count.astype(np.uint16) << 8
        key |= 255 - row if tie == 'seed_order' else _preference(vote, tie)
        np.maximum(winner, key, out=winner)
    agreement = (winner >> 8).astype(np.uint8)
    preference = (winner & 255).astype(np.uint8)
    if tie == 'seed_order':
        label = np.take_along_axis(votes, (255 - preference)[None], axis=0)[0]
    else:
        label = _preference(preference, tie)
    label[agreement == 0] = ignore_index
    return label, agreement


def _preference(label: np.ndarray, tie: str) -> np.ndarray:
    """Turn labels into preferences, 255 is best; the same function turns them back.

    'lowest': 255 - label. 'foreground': -label, so that label 1 is best and background is last.
    """
    return (-label if tie == 'foreground' else ~label).astype(np.uint8)


def _check_seeds(seeds: np.ndarray, num_classes: int, ignore_index: int) -> None:
    if not isinstance(seeds, np.ndarray) or seeds.dtype != np.uint8:
        kind = seeds.dtype if isinstance(seeds, np.ndarray) else type(seeds).__name__
        raise TypeError(f'seeds are {kind}, expected a uint8 array (S, H, W)')
    if seeds.ndim != 3 or not 1 <= len(seeds) <= 255:
        raise ValueError(f'seeds have shape {seeds.shape}, expected (S, H, W) with 1 <= S <= 255')
    if not 1 <= num_classes <= 255:
        raise ValueError(f'num_classes={num_classes}, expected 1 to 255')
    if not 0 <= ignore_index <= 255:
        raise ValueError(f'ignore_index={ignore_index}, expected 0 to 255')
    outside = seeds >= num_classes
    outside &= seeds != ignore_index
    if outside.any():
        index, row, column = (int(value) for value in np.argwhere(outside)[0])
        raise ValueError(
            f'seed {index} has label {seeds[index, row, column]} at row {row}, column {column}; '
            f'expected labels below num_classes={num_classes} or {ignore_index} (ignored)'
        )


def _check_tie(tie: str, seed_order: Sequence[int] | None, num_seeds: int) -> list[int]:
    if tie not in TIES:
        raise ValueError(f'tie={tie!r}, expected one of {", ".join(TIES)}')
    if seed_order is None:
        return list(range(num_seeds))
    if tie != 'seed_order':
        raise ValueError(f"seed_order is given but tie={tie!r}; set tie='seed_order' or drop it")
    order = [int(index) for index in seed_order]
    if sorted(order) != list(range(num_seeds)):
        raise ValueError(f'seed_order={order}, expected every seed index 0 to {num_seeds - 1} once')
    return order
