"""What older versions of the stack lack: tests that need it are skipped there."""

from __future__ import annotations

import warnings
from contextlib import suppress

import pytest
import torch
from packaging.version import Version


def require_cpu_autocast(dtype: torch.dtype | None) -> None:
    """Skip a test if torch has no autocast to a type on CPUs; torch 2.1 has none to float16."""
    if dtype is None:
        return
    enabled = False
    with warnings.catch_warnings(), suppress(RuntimeError):  # of torch before 2.3
        warnings.simplefilter('ignore')  # others warn and go on without
        with torch.autocast('cpu', dtype):
            enabled = torch.is_autocast_cpu_enabled()
    if not enabled:
        pytest.skip(f'this torch has no autocast to {dtype} on CPUs')


def require_torch(version: str, reason: str) -> None:
    """Skip a test if torch is older."""
    if Version(torch.__version__) < Version(version):
        pytest.skip(f'torch before {version} {reason}')
