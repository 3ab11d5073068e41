"""The one definition of how a label map carries more of the seeds' votes than the label that won.

Bits 0 to 7 of a code are the label, bit 8 says that the pixel is noisy (bits 8 to 15 count
disagreement in graded codes), bits 16 to 55 are five fields of losing votes.
"""

from __future__ import annotations

import numpy as np
import torch

IGNORE_INDEX = 255
# One bit above the labels: every label of a uint8 mask stays as it is where the pixel is clean.
NOISY_OFFSET = 256
# Losing votes begin above the bits of disagreement, one byte a label.
LOSING_VOTES_OFFSET = 1 << 16
MAX_LOSING_VOTES = 5


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

    Codes of :func:`encode_seed_disagreement` are read too: any disagreement counts as noisy. Losing
    votes (:func:`encode_losing_votes`) are passed over.

    Args:
        code (np.ndarray | torch.Tensor): Integer codes 0 to 511 (to 65535 with disagreement, below
            2^56 with losing votes), any shape.

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
    if _holds_losing_votes(code):
        noisy = noisy & (code & (LOSING_VOTES_OFFSET - 1) >= NOISY_OFFSET)
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
    :func:`encode_seed_disagreement`. Losing votes are passed over.

    Args:
        code (np.ndarray | torch.Tensor): Integer codes 0 to 65535 (below 2^56 with losing votes),
            any shape.

    Returns:
        tuple: ``(label, disagreement)`` of the same shape, both uint8 (NumPy) or int64 (torch).

    Raises:
        TypeError: If ``code`` is not an integer array or tensor.

    >>> decode_seed_disagreement(np.array([256, 7, 775, 255]))
    (array([  0,   7,   7, 255], dtype=uint8), array([1, 0, 3, 0], dtype=uint8))
    """
    label = decode_seed_label(code)[0]
    disagreement = code // NOISY_OFFSET
    if _holds_losing_votes(code):
        disagreement = disagreement.clip(min=0) & (NOISY_OFFSET - 1)
    return label, (
        disagreement.long() if isinstance(code, torch.Tensor) else disagreement.astype(np.uint8)
    )


def encode_losing_votes(
    code: np.ndarray | torch.Tensor, losers: np.ndarray | torch.Tensor
) -> np.ndarray | torch.Tensor:
    """Add the labels that lost the vote to a map of codes: ``code + sum_i (loser_i + 1) << (16 + 8
    i)``.

    A pixel without losing votes keeps its code, so what reads labels and noisy flags alone reads
    both kinds of codes (:func:`decode_seed_label`). Ignored pixels (255) carry none.

    Args:
        code (np.ndarray | torch.Tensor): Codes of :func:`encode_seed_label` or
            :func:`encode_seed_disagreement`, or plain labels, 0 to 65535, any shape and integer
            dtype.
        losers (np.ndarray | torch.Tensor): Labels 0 to 254, or 255 where there is none, integers
            (L, ...), the same kind as ``code``, L at most 5: the other labels that seeds voted
            for, as :func:`~mmseg_wsss.seeds.find_losing_votes` gives them.

    Returns:
        np.ndarray | torch.Tensor: int64 of the shape of ``code``. Narrower dtypes cannot hold it.

    Raises:
        TypeError: If one is not integer or the two differ in kind.
        ValueError: If the shapes do not fit, there are more than 5 labels a pixel, or a code or a
            label is out of range.

    >>> code = encode_seed_label(np.array([0, 7, 255], np.uint8), np.array([True, False, True]))
    >>> losers = np.array([[2, 255, 4], [1, 255, 255]], np.uint8)
    >>> encode_losing_votes(code, losers)
    array([33751296,        7,      255])
    >>> 256 + (2 + 1) * 2**16 + (1 + 1) * 2**24
    33751296
    """
    _check_integer('code', code)
    if type(losers) is not type(code):
        raise TypeError(f'losers is {type(losers).__name__}, expected {type(code).__name__}')
    _check_integer('losers', losers)
    shape = tuple(code.shape)
    if tuple(losers.shape[1:]) != shape or not len(losers.shape) or len(losers) > MAX_LOSING_VOTES:
        raise ValueError(
            f'losers has shape {tuple(losers.shape)}, expected (L, *{shape}) with L at most '
            f'{MAX_LOSING_VOTES}'
        )
    for name, value, top in (
        ('code', code, LOSING_VOTES_OFFSET - 1),
        ('losers', losers, IGNORE_INDEX),
    ):
        if _outside(value, top):
            raise ValueError(f'{name} holds values out of range, expected 0 to {top}')
    code = code.long() if isinstance(code, torch.Tensor) else code.astype(np.int64)
    ignored = code & (NOISY_OFFSET - 1) == IGNORE_INDEX
    above = code * 0
    for index, loser in enumerate(losers):
        loser = loser.long() if isinstance(loser, torch.Tensor) else loser.astype(np.int64)
        # 255, none, becomes 256, whose low byte is the 0 of an empty field.
        above |= (loser + 1 & 255) << (16 + 8 * index)
    above[ignored] = 0
    return code + above


def decode_losing_votes(code: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
    """Give the labels that lost the vote, the inverse of :func:`encode_losing_votes`.

    Args:
        code (np.ndarray | torch.Tensor): Integer codes 0 to 2^56 - 1, any shape; codes without
            losing votes have none.

    Returns:
        np.ndarray | torch.Tensor: Labels 0 to 254, or 255 where there is none, (5, ...), uint8
        (NumPy) or int64 (torch).

    Raises:
        TypeError: If ``code`` is not an integer array or tensor.

    >>> decode_losing_votes(np.array([33751296, 7, 255]))[:2]
    array([[  2, 255, 255],
           [  1, 255, 255]], dtype=uint8)
    """
    _check_integer('code', code)
    if isinstance(code, torch.Tensor):
        code = code.long()
        fields = [(code >> (16 + 8 * index)) - 1 & 255 for index in range(MAX_LOSING_VOTES)]
        return torch.stack(fields)
    code = code.astype(np.int64)
    losers = np.empty((MAX_LOSING_VOTES, *code.shape), np.uint8)
    for index in range(MAX_LOSING_VOTES):
        losers[index] = (code >> (16 + 8 * index)) - 1 & 255
    return losers


def _holds_losing_votes(code: np.ndarray | torch.Tensor) -> bool:
    """Whether the dtype has room above the bits of disagreement."""
    return (code.itemsize if isinstance(code, np.ndarray) else code.element_size()) > 2


def _outside(value: np.ndarray | torch.Tensor, top: int) -> bool:
    """Whether a value is below 0 or above ``top``; a dtype without such values is not looked at."""
    size = value.itemsize if isinstance(value, np.ndarray) else value.element_size()
    signed = not str(value.dtype).removeprefix('torch.').startswith('u')
    if not signed and 256**size - 1 <= top:
        return False
    return bool(((value < 0) | (value > top)).any())


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
