"""Silence for parts that talk for a whole training and are only tried."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.logging import MMLogger


@contextmanager
def errors_alone() -> Iterator[None]:
    """Let mmengine's current logger pass errors alone, and as before in the end."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
