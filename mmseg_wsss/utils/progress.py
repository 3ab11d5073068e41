"""Progress of long runs: done, rate and time left, on a terminal and in a log file alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from mmengine import ProgressBar

LINE_SECONDS = 30.0


class Progress:
    """A bar on a terminal; elsewhere a line every half minute and one at the end.

    Args:
        total (int): Number of tasks.
        description (str): What they are.
        log (Callable, optional): Takes each line, so that there is no bar. By default lines go to
            stderr.
    """

    def __init__(
        self, total: int, description: str, log: Callable[[str], None] | None = None
    ) -> None:
        self.total, self.description, self.log = total, description, log
        self.done = self.shown = 0
        self.started = self.last = time.monotonic()
        self.bar = None
        if log is None:
            print(f'{description}: {total:,}', file=sys.stderr, flush=True)
            if sys.stderr.isatty() and total:
                self.bar = ProgressBar(total, file=sys.stderr)

    def step(self, count: int = 1) -> None:
        """Count tasks as done."""
        self.done += count
        now = time.monotonic()
        finished = self.done >= self.total
        if self.bar is None:
            if finished or now - self.last >= LINE_SECONDS:
                self.last = now
                line = self.line(now - self.started)
                if self.log is None:
                    print(f'  {line}', file=sys.stderr, flush=True)
                else:
                    self.log(line)
        elif finished or now - self.last > 0.1:
            self.bar.update(self.done - self.shown)
            self.shown, self.last = self.done, now
            if finished:
                print(file=sys.stderr)

    def line(self, seconds: float) -> str:
        """What is done after so many seconds, how fast, and how long the rest takes.

        >>> progress = Progress(10, 'images', log=print)
        >>> progress.done = 4
        >>> progress.line(2.0)
        'images: 4/10, 2.00/s, 0:00:03 left'
        """
        rate = self.done / max(seconds, 1e-9)
        left = round((self.total - self.done) / rate) if rate else 0
        clock = f'{left // 3600}:{left // 60 % 60:02}:{left % 60:02}'
        return f'{self.description}: {self.done:,}/{self.total:,}, {rate:.2f}/s, {clock} left'
