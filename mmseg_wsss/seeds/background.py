"""Scores of the background, for which a classifier has no activation map."""

from __future__ import annotations

from torch import Tensor

BACKGROUND_KINDS = ('constant', 'power')


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
    if kind == 'constant' and not 0 < threshold < 1:
        raise ValueError(f'The background threshold must be in (0, 1), got {threshold}.')
    if kind == 'power' and not alpha > 0:
        raise ValueError(f'The background power alpha must be above 0, got {alpha}.')
