"""Runs short commands in forks of this process, which spares them ten seconds of imports each."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from .launcher import die_with_parent


class ForkLauncher:
    """Runs commands as :class:`Launcher` does, for runs of seconds on a CPU.

    A fork shares nothing with this process but what was imported before. Real studies start every
    command anew: a GPU cannot be used in a fork, nor torch's threads once this process used them.

    Args:
        root (Path): The root of the repository, where the commands run.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._running: set[int] = set()
        self._stopped = False

    def __call__(self, words: Sequence[str], log: Path) -> int:
        """Run a command to its end; see :meth:`Launcher.__call__`."""
        if self._stopped:
            return 130
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if not process:
            self._become(words, log)
        self._running.add(process)
        _, status = os.waitpid(process, 0)
        self._running.discard(process)
        return os.waitstatus_to_exitcode(status)

    def stop(self) -> None:
        """End all commands that run, and start no other."""
        self._stopped = True
        for process in list(self._running):
            os.kill(process, signal.SIGKILL)

    def _become(self, words: Sequence[str], log: Path) -> None:
        status = 1
        try:
            die_with_parent()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.dup2(file, 1)
            os.dup2(file, 2)
            sys.stdout, sys.stderr = os.fdopen(1, 'w'), os.fdopen(2, 'w')
            os.chdir(self.root)
            status = _run(list(words))
        except BaseException:  # a fork must never return into this process's own work
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def _run(words: list[str]) -> int:
    try:
        if words[0] == '-m':
            sys.argv = words[1:]
            sys.path.insert(0, os.getcwd())
            runpy.run_module(words[1], run_name='__main__', alter_sys=True)
        else:
            sys.argv = words
            sys.path.insert(0, str(Path(words[0]).resolve().parent))
            runpy.run_path(words[0], run_name='__main__')
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return int(end.code or 0)
    return 0
