"""Runner, hooks, loops, metrics and optimizers, as mmengine means them."""

from .. import registry  # noqa: F401  # patches the dependency stack before mmseg is imported
from . import hooks, loops, metrics, optimizers
from .runner import ClassesError, ScheduleError, WSSSRunner

__all__ = ['ClassesError', 'ScheduleError', 'WSSSRunner', 'hooks', 'loops', 'metrics', 'optimizers']
