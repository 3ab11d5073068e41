"""The lock of a seed root, for what several processes must not change at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK_NAME = '.lock'


@contextmanager
def lock_root(root: Path) -> Iterator[None]:
    """Hold the root's lock; the system releases it however the process ends.

    Args:
        root (Path): The seed root, which exists.
    """
    with open(root / LOCK_NAME, 'a') as file:
        # Some network file systems have no locks. Opening stays safe there (manifests are written
        # atomically, and equal), but for several processes that overwrite at the same moment.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
