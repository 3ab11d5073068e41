"""Random numbers that depend on a key alone, not on what was drawn before."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_by(*key: int) -> None:
    """Start Python's, NumPy's and torch's global random numbers from a key.

    Args:
        *key (int): Non-negative numbers, e.g. random seed, rank and iteration.

    >>> seed_by(0, 3)
    >>> first = np.random.rand()
    >>> seed_by(0, 3)
    >>> np.random.rand() == first
    True
    """
    for_python, for_numpy, for_torch = np.random.SeedSequence(key).generate_state(3).tolist()
    random.seed(for_python)
    np.random.seed(for_numpy)
    torch.manual_seed(for_torch)
