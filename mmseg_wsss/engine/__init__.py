"""What runs: hooks and the seed generation they drive."""

from . import hooks

__all__ = ['hooks']
