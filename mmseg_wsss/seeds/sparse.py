"""Sparse matrices whose products torch does on CPUs and GPUs."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

# Products with CSR matrices are old enough; torch still announces a beta once per process.
warnings.filterwarnings('ignore', message='Sparse CSR tensor support is in beta')


def csr_matrix(crow: Tensor, columns: Tensor, values: Tensor) -> Tensor:
    """Build a square matrix from its compressed rows, which are not checked.

    Args:
        crow (Tensor): (N + 1,) integers, where each row begins.
        columns (Tensor): (M,) integers; a column may come twice in a row, its values are added.
        values (Tensor): (M,) floating point, on the same device.

    Returns:
        Tensor: Sparse CSR (N, N).

    Examples:
        >>> crow, columns = torch.tensor([0, 2, 3]), torch.tensor([0, 1, 1])
        >>> matrix = csr_matrix(crow, columns, torch.tensor([0.5, 0.5, 1.0]))
        >>> (matrix @ torch.tensor([[2.0], [4.0]])).tolist()
        [[3.0], [4.0]]
    """
    size = (len(crow) - 1,) * 2
    return torch.sparse_csr_tensor(crow, columns, values, size, check_invariants=False)
