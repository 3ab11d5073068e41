"""The one definition of how a label map carries which pixels are noisy, or how far seeds agree."""

from __future__ import annotations

import numpy as np
import torch

IGNORE_INDEX = 255
# One bit above the labels: every label of a uint8 mask stays as it is where the pixel is clean.
NOISY_OFFSET = 256


def encode_seed_label(
    label: np.ndarray | torch.Tensor, noisy: np.ndarray | torch.Tensor
) -> np.ndarray | torch.Tensor:
    """Join labels and noisy flags into one integer map: ``code = label + 256 * noisy``.

    A clean pixel's code is its plain label, so losses and metrics that know nothing of the flag
    read clean pixels correctly, and 255 stays 255 (ignored) even where it is marked noisy.

    Args:
        label (np.ndarray | torch.Tensor): Integer labels 0 to 255, any shape.
        noisy (np.ndarray | torch.Tensor): bool, the same kind and shape.

    Returns:
        np.ndarray | torch.Tensor: Codes of the same shape, uint16 (NumPy) or int64 (torch). A
        NumPy ``label`` is left untouched.

    Raises:
        TypeError: If ``label`` is not integer, ``noisy`` not bool, or the two differ in kind.
        ValueError: If the shapes differ.

    >>> encode_seed_label(np.array([0, 7, 7, 255], np.uint8), np.array([True, False, True, True]))
    array([256,   7, 263, 255], dtype=uint16)
    """
    _check_integer('label', label)
    if type(noisy) is not type(label):
        raise TypeError(f'noisy is {type(noisy).__name__}, expected {type(label).__name__}')
    if str(noisy.dtype).removeprefix('torch.') != 'bool':
        raise TypeError(f'noisy has dtype {noisy.dtype}, expected bool')
    if noisy.shape != label.shape:
        raise ValueError(f'noisy has shape {tuple(noisy.shape)}, label {tuple(label.shape)}')
    flag = noisy & (label != IGNORE_INDEX)
    if isinstance(label, torch.Tensor):
        return label.long() + NOISY_OFFSET * flag
    return _above(label, flag)


def decode_seed_label(
    code: np.ndarray | torch.Tensor,
) -> tuple[np.ndarray, np.ndarray] | tuple[torch.Tensor, torch.Tensor]:
    """Part a map of codes into labels and noisy flags, the inverse of :func:`encode_seed_label`.

    Codes of :func:`encode_seed_disagreement` are read too: any disagreement counts as noisy.

    Args:
        code (np.ndarray | torch.Tensor): Integer codes 0 to 511 (to 65535 with disagreement), any
            shape.

    Returns:
        tuple: ``(label, noisy)`` of the same shape: uint8 and bool (NumPy) or int64 and bool
        (torch).

    Raises:
        TypeError: If ``code`` is not an integer array or tensor.

    >>> decode_seed_label(np.array([256, 7, 263, 255]))
    (array([  0,   7,   7, 255], dtype=uint8), array([ True, False,  True, False]))
    """
    _check_integer('code', code)
    noisy = code >= NOISY_OFFSET
    label = code & (NOISY_OFFSET - 1)
    return (label.long() if isinstance(code, torch.Tensor) else label.astype(np.uint8)), noisy


def encode_seed_disagreement(
    label: np.ndarray | torch.Tensor, disagreement: np.ndarray | torch.Tensor
) -> np.ndarray | torch.Tensor:
    """Join labels and the number of seeds that did not vote for them: ``label + 256 *
    disagreement``.

    A unanimous pixel's code is its plain label, and 255 stays 255 (ignored) whatever its
    disagreement, so a pixel with any disagreement is what :func:`encode_seed_label` calls noisy,
    with a finer grade.

    Args:
        label (np.ndarray | torch.Tensor): Integer labels 0 to 255, any shape.
        disagreement (np.ndarray | torch.Tensor): Integers 0 to 255, the same kind and shape: the
            number of seeds minus the votes for the label.

    Returns:
        np.ndarray | torch.Tensor: Codes of the same shape, uint16 (NumPy) or int64 (torch). A
        NumPy ``label`` is left untouched.

    Raises:
        TypeError: If one is not integer or the two differ in kind.
        ValueError: If the shapes differ.

    >>> label = np.array([0, 7, 7, 255], np.uint8)
    >>> encode_seed_disagreement(label, np.array([1, 0, 3, 6], np.uint8))
    array([256,   7, 775, 255], dtype=uint16)
    """
    _check_integer('label', label)
    if type(disagreement) is not type(label):
        raise TypeError(
            f'disagreement is {type(disagreement).__name__}, expected {type(label).__name__}'
        )
    _check_integer('disagreement', disagreement)
    if disagreement.shape != label.shape:
        raise ValueError(
            f'disagreement has shape {tuple(disagreement.shape)}, label {tuple(label.shape)}'
        )
    counted = disagreement * (label != IGNORE_INDEX)
    if isinstance(label, torch.Tensor):
        return label.long() + NOISY_OFFSET * counted.long()
    return _above(label, counted)


def decode_seed_disagreement(
    code: np.ndarray | torch.Tensor,
) -> tuple[np.ndarray, np.ndarray] | tuple[torch.Tensor, torch.Tensor]:
    """Part a map of codes into labels and disagreement, the inverse of
    :func:`encode_seed_disagreement`.

    Args:
        code (np.ndarray | torch.Tensor): Integer codes 0 to 65535, any shape.

    Returns:
        tuple: ``(label, disagreement)`` of the same shape, both uint8 (NumPy) or int64 (torch).

    Raises:
        TypeError: If ``code`` is not an integer array or tensor.

    >>> decode_seed_disagreement(np.array([256, 7, 775, 255]))
    (array([  0,   7,   7, 255], dtype=uint8), array([1, 0, 3, 0], dtype=uint8))
    """
    label = decode_seed_label(code)[0]
    disagreement = code // NOISY_OFFSET
    return label, (
        disagreement.long() if isinstance(code, torch.Tensor) else disagreement.astype(np.uint8)
    )


def _above(label: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Put a number above the labels; one array, since this runs for every training image."""
    code = np.empty(label.shape, np.uint16)
    np.multiply(number, np.uint16(NOISY_OFFSET), out=code, casting='unsafe')
    return np.add(code, label, out=code, casting='unsafe')


def _check_integer(name: str, value: np.ndarray | torch.Tensor) -> None:
    if isinstance(value, torch.Tensor):
        integer = not (value.is_floating_point() or value.is_complex() or value.dtype == torch.bool)
    elif isinstance(value, np.ndarray):
        integer = value.dtype.kind in 'iu'
    else:
        raise TypeError(f'{name} is {type(value).__name__}, expected a NumPy array or a tensor')
    if not integer:
        raise TypeError(f'{name} has dtype {value.dtype}, expected an integer dtype')
