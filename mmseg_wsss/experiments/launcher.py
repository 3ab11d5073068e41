"""Runs commands in processes of their own, which do not outlive this one."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mmseg_wsss.utils.parallel import available_cpus

SET_PARENT_DEATH_SIGNAL = 1
PATIENCE = 30.0  # seconds a command has to end by itself


class Launcher:
    """Runs commands; may be called from several threads.

    Args:
        root (Path): The root of the repository, where the commands run.
        jobs (int): Commands that run at the same time: each gets its share of the processors,
            unless the environment says how many threads it may have.
    """

    def __init__(self, root: Path, jobs: int = 1) -> None:
        self.root = root
        self.threads = max(1, available_cpus() // max(1, jobs))
        self._running: set[subprocess.Popen] = set()
        self._stopped = False

    def __call__(self, words: Sequence[str], log: Path) -> int:
        """Run a command to its end.

        Args:
            words (Sequence[str]): What follows ``python``.
            log (Path): Gets its output, behind what is there.

        Returns:
            int: Its exit status.
        """
        if self._stopped:
            return 130
        with open(log, 'ab') as file:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=self.root,
                env={'OMP_NUM_THREADS': str(self.threads), **os.environ},
                stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
            )
        self._running.add(process)
        try:
            return process.wait()
        except BaseException:
            self.stop()
            raise
        finally:
            self._running.discard(process)

    def stop(self) -> None:
        """End all commands that run, and start no other."""
        self._stopped = True
        for process in list(self._running):
            process.terminate()
        for process in list(self._running):
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def die_with_parent() -> None:
    """Let the system kill this process when the one that started it ends, however it ends."""
    # A killed study must not leave a training behind that writes where its rerun writes.
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
