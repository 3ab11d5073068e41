"""Progress of long runs, on stderr."""

from __future__ import annotations

import sys
import time

from mmengine import ProgressBar


class Progress:
    """A bar on a terminal; elsewhere a line for every tenth, so that logs stay readable.

    Args:
        total (int): Number of tasks.
        description (str): What they are.
    """

    def __init__(self, total: int, description: str) -> None:
        self.total, self.done, self.shown, self.last = total, 0, 0, 0.0
        self.terminal = sys.stderr.isatty()
        print(f'{description}: {total:,}', file=sys.stderr)
        self.bar = ProgressBar(total, file=sys.stderr) if self.terminal and total else None

    def step(self) -> None:
        """Count a task as done."""
        self.done += 1
        if self.bar is not None:
            now = time.monotonic()
            if now - self.last > 0.1 or self.done == self.total:
                self.bar.update(self.done - self.shown)
                self.shown, self.last = self.done, now
            if self.done == self.total:
                print(file=sys.stderr)
        elif self.done * 10 // self.total > self.shown:
            self.shown = self.done * 10 // self.total
            print(f'  {self.done:,} of {self.total:,}', file=sys.stderr, flush=True)
