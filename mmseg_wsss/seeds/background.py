"""Scores of the background, for which a classifier has no activation map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

BACKGROUND_KINDS = ('constant', 'power')
# Arguments of background_score, or a function of the maps (..., C, H, W) and what is known of the
# images (a RefinerInput) that gives the score itself.
OneBackground = Mapping[str, Any] | Callable[[Tensor, Any], Tensor]
# One for all seeds, or several that the seeds take in turn.
Background = OneBackground | Sequence[OneBackground]


def background_score(
    maps: Tensor, kind: str = 'constant', threshold: float = 0.2, alpha: float = 4.0
) -> Tensor:
    """Score of the background from the normalised activation maps.

    Args:
        maps (Tensor): (..., C, H, W), values in [0, 1], C at least 1.
        kind (str): ``'constant'``: ``threshold`` everywhere. ``'power'``:
            (1 - max_c maps)^``alpha`` (Ahn and Kwak, CVPR 2018).
        threshold (float): The constant, in (0, 1): the share of its maximum that a map has to
            exceed.
        alpha (float): The power, above 0; a larger one gives more foreground.

    Returns:
        Tensor: (..., 1, H, W), values in [0, 1].

    Raises:
        ValueError: If ``kind`` is unknown or its parameter is out of its range.

    Examples:
        >>> import torch
        >>> background_score(torch.tensor([[[0.25]], [[0.5]]]), 'power', alpha=2.0).tolist()
        [[[0.25]]]
    """
    check_background(kind, threshold, alpha)
    if kind == 'constant':
        return maps.new_full((), threshold).expand(*maps.shape[:-3], 1, *maps.shape[-2:])
    return (1 - maps.amax(dim=-3, keepdim=True)).pow(alpha)


def check_background(kind: str = 'constant', threshold: float = 0.2, alpha: float = 4.0) -> None:
    """Raise a ValueError unless the parameters of :func:`background_score` are valid."""
    if kind not in BACKGROUND_KINDS:
        raise ValueError(
            f'Unknown background score {kind!r}; expected one of {", ".join(BACKGROUND_KINDS)}.'
        )
    for name, value in (('threshold', threshold), ('alpha', alpha)):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f'The background {name} must be a number, got {value!r}.')
    if kind == 'constant' and not 0 < threshold < 1:
        raise ValueError(f'The background threshold must be in (0, 1), got {threshold}.')
    if kind == 'power' and not alpha > 0:
        raise ValueError(f'The background power alpha must be above 0, got {alpha}.')


def seed_background_scores(
    maps: Tensor, background: Background | None = None, inputs: Any = None
) -> Tensor:
    """Score of the background of every seed.

    Seeds that differ in it disagree where an activation is neither high nor low, so their votes
    tell the inside of an object from its edge; those that differ in dropout alone hardly do.

    Args:
        maps (Tensor): (..., S, C, H, W), values in [0, 1], C at least 1.
        background (Mapping | Callable | Sequence, optional): Arguments of :func:`background_score`,
            or a function of maps and ``inputs`` that gives the score; of several the first seed
            takes the first, and so on in turn.
        inputs (RefinerInput, optional): What functions get besides the maps.

    Returns:
        Tensor: (..., S, 1, H, W), values in [0, 1].

    Raises:
        ValueError: As :func:`list_backgrounds`.

    Examples:
        >>> maps = torch.zeros(3, 1, 1, 1)
        >>> seed_background_scores(maps, [dict(threshold=0.25), dict(threshold=0.5)]).flatten()
        tensor([0.2500, 0.5000, 0.2500])
    """
    backgrounds = list_backgrounds(background)
    if len(backgrounds) == 1:
        return _score(maps, backgrounds[0], inputs)
    scores = [
        _score(one.unsqueeze(-4), backgrounds[place % len(backgrounds)], inputs)
        for place, one in enumerate(maps.unbind(-4))
    ]
    return torch.cat(scores, -4)


def _score(maps: Tensor, background: OneBackground, inputs: Any) -> Tensor:
    if isinstance(background, Mapping):
        return background_score(maps, **background)
    return background(maps, inputs)


def list_backgrounds(background: Background | None = None) -> list[OneBackground]:
    """List the arguments of :func:`background_score` that seeds take in turn.

    Args:
        background (Mapping | Callable | Sequence, optional): One or several; None for the default.

    Raises:
        ValueError: If there are none, one is no mapping or has an unknown or invalid parameter.

    Examples:
        >>> list_backgrounds(), list_backgrounds(dict(threshold=0.3))
        ([{}], [{'threshold': 0.3}])
    """
    if background is None or isinstance(background, Mapping) or callable(background):
        background = [background or {}]
    if not isinstance(background, Sequence) or isinstance(background, str) or not background:
        raise ValueError(f'The background must be one dict or a list of some, got {background!r}.')
    for one in background:
        if callable(one):
            continue
        if not isinstance(one, Mapping):
            raise ValueError(f'The background must be one dict or a list of some, got {one!r}.')
        unknown = sorted(set(one) - {'kind', 'threshold', 'alpha'})
        if unknown:
            raise ValueError(
                f'Unknown parameter {unknown[0]!r} of the background; expected kind, threshold or '
                'alpha.'
            )
        check_background(**one)
    return [one if callable(one) else dict(one) for one in background]
