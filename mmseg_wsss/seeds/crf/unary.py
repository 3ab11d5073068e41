"""Unary energies of the dense CRF, in pydensecrf's conventions."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Array = TypeVar('Array', np.ndarray, Tensor)

# The least probability before the logarithm, pydensecrf's default.
_LEAST_PROBABILITY = 1e-5


def as_tensor(array: np.ndarray | Tensor) -> Tensor:
    """The array's memory as a tensor; a copy where its strides are negative (a mirrored view)."""
    return torch.as_tensor(np.ascontiguousarray(array) if isinstance(array, np.ndarray) else array)


def unary_from_labels(labels: Array, num_labels: int, gt_prob: float) -> Array:
    """Energies of label maps that are right with a given probability.

    pydensecrf's ``unary_from_labels`` with ``zero_unsure=False``: the label itself costs
    -log(gt_prob), each other one -log((1 - gt_prob) / (num_labels - 1)).

    Args:
        labels (np.ndarray | Tensor): (S, H, W) integers in [0, num_labels), indices of labels.
        num_labels (int): Number of labels L. With one label there is nothing to doubt and its
            energy is 0.
        gt_prob (float): Trust in the labels, in (0, 1).

    Returns:
        np.ndarray | Tensor: float32 (S, L, H, W), of the kind and on the device of ``labels``.

    Raises:
        ValueError: If an argument is out of its range or ``labels`` has another shape or type.

    Examples:
        >>> unary_from_labels(np.array([[[0, 1]]]), 2, 0.75).astype(float).round(3).tolist()
        [[[[0.288, 1.386]], [[1.386, 0.288]]]]
    """
    if not 0 < gt_prob < 1:
        raise ValueError(f'gt_prob={gt_prob!r}; expected a probability between 0 and 1.')
    if num_labels < 1:
        raise ValueError(f'num_labels={num_labels!r}; expected at least one label.')
    maps = as_tensor(labels)
    if maps.ndim != 3 or maps.dtype.is_floating_point or maps.dtype == torch.bool:
        raise ValueError(
            f'labels: {tuple(maps.shape)} {maps.dtype}; expected (S, H, W) label indices.'
        )
    if maps.numel() and not (0 <= int(maps.min()) and int(maps.max()) < num_labels):
        raise ValueError(
            f'labels hold values from {int(maps.min())} to {int(maps.max())}; '
            f'expected indices from 0 to {num_labels - 1}.'
        )
    right = other = 0.0
    if num_labels > 1:
        right, other = -math.log(gt_prob), -math.log((1 - gt_prob) / (num_labels - 1))
    energy = torch.full(
        (maps.shape[0], num_labels, *maps.shape[1:]), other, dtype=torch.float32, device=maps.device
    )
    energy.scatter_(1, maps[:, None].long(), right)
    return energy.numpy() if isinstance(labels, np.ndarray) else energy


def unary_from_probabilities(probabilities: Array) -> Array:
    """Energies of probabilities: -log, with the probabilities clipped to [1e-5, 1].

    pydensecrf's ``unary_from_softmax``.

    Args:
        probabilities (np.ndarray | Tensor): (S, L, H, W) floating point, in [0, 1].

    Returns:
        np.ndarray | Tensor: float32 (S, L, H, W), of the kind and on the device of
        ``probabilities``.

    Raises:
        ValueError: If ``probabilities`` has another shape or is not of a floating-point type.

    Examples:
        >>> unary_from_probabilities(np.array([[[[0.0]], [[0.5]]]])).astype(float).round(3).tolist()
        [[[[11.513]], [[0.693]]]]
    """
    values = as_tensor(probabilities)
    if values.ndim != 4 or not values.dtype.is_floating_point:
        raise ValueError(
            f'probabilities: {tuple(values.shape)} {values.dtype}; '
            'expected (S, L, H, W) of a floating-point type.'
        )
    energy = values.float().clamp(_LEAST_PROBABILITY, 1).log_().neg_()
    return energy.numpy() if isinstance(probabilities, np.ndarray) else energy


# Trust in the labels that the preset 'irn' starts from (Ahn et al., CVPR 2019).
_GT_PROB = 0.7


def preset_unary(probabilities: Tensor, preset: str) -> Tensor:
    """Unary energies as a preset of the dense CRF takes them.

    Args:
        probabilities (Tensor): (S, L, H, W), summing to 1 over L; ``'irn'`` takes any scores.
        preset (str): ``'irn'`` takes the labels alone, each trusted with 0.7; the other presets
            take the probabilities.

    Returns:
        Tensor: (S, L, H, W).
    """
    if preset == 'irn':
        return unary_from_labels(probabilities.argmax(dim=1), probabilities.shape[1], _GT_PROB)
    return unary_from_probabilities(probabilities)
