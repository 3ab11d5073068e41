"""Hooks, loops and optimizers, as mmengine means them."""

from .. import registry  # noqa: F401  # mends the dependency stack before mmseg is imported
from . import hooks, loops, optimizers

__all__ = ['hooks', 'loops', 'optimizers']
