"""Logger hook whose file of test scores is written by one process."""

from __future__ import annotations

from mmengine.dist import is_main_process
from mmengine.hooks import LoggerHook
from mmengine.runner import Runner

from ...registry import HOOKS


@HOOKS.register_module()
class ScoresLoggerHook(LoggerHook):
    """mmengine's ``LoggerHook``, safe on several processes.

    Every process of mmengine's writes the scores of a test into the same file. Their times differ,
    and with them the lengths of what they write, so the file can end with a piece of another one
    and be no JSON any more. Here the main process alone writes it. ``tools/test.py`` puts this hook
    where a config has mmengine's.

    Args:
        As mmengine's ``LoggerHook``.
    """

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Log the scores and write them to ``<timestamp>/<timestamp>.json`` of the work dir."""
        if is_main_process():
            super().after_test_epoch(runner, metrics)
