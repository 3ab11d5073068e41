"""Processes that tests kill."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mmengine.logging import MMLogger
from mmengine.runner import Runner

CONTEXT = multiprocessing.get_context('fork')


def start(run: Callable[[], object], output: Path) -> multiprocessing.Process:
    """Run a function in a process of its own, in a session of its own, its output in a file."""

    def target() -> None:
        os.setsid()
        gc.disable()  # a collection inside of ast.parse can end it, a fault of CPython 3.11
        sys.stdout = sys.stderr = open(output, 'a', buffering=1)
        for descriptor in (1, 2):
            os.dup2(sys.stdout.fileno(), descriptor)
        Runner._log_env = lambda *_: None  # it asks compilers for their versions, for seconds
        MMLogger._instance_dict.clear()  # loggers of the test run, to streams of its own
        status = run()
        sys.stdout.flush()
        os._exit(status if isinstance(status, int) else 0)

    process = CONTEXT.Process(target=target)
    process.start()
    return process


def finish(run: Callable[[], object], output: Path) -> None:
    """Run a function in a process of its own, to a good end."""
    process = start(run, output)
    process.join(120)
    assert process.exitcode == 0, output.read_text()[-3000:]


def kill_at_random_moments(
    run: Callable[[], object], folder: Path, kills: int, pattern: str = '*.png'
) -> int:
    """Start a run again and again, each killed after a few new files; then let it end.

    Returns:
        int: How many of the processes died of the kill and not of having ended before.
    """
    rng = np.random.default_rng(0)
    output = folder.with_name(folder.name + '.log')
    killed = 0
    for _ in range(kills):
        process = start(run, output)
        files = count(folder, pattern) + rng.integers(0, 12)
        deadline = time.monotonic() + 60
        while process.is_alive() and count(folder, pattern) < files:
            assert time.monotonic() < deadline, output.read_text()[-3000:]
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.02))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        assert process.exitcode in (0, -signal.SIGKILL), output.read_text()[-3000:]
        wait_for_group(process.pid)
    finish(run, output)
    return killed


def wait_for_group(group: int, seconds: float = 20) -> None:
    """Wait until no process of a killed one is left, or fail."""
    deadline = time.monotonic() + seconds
    while group_is_alive(group):
        assert time.monotonic() < deadline, 'a process outlived its parent'
        time.sleep(0.005)


def group_is_alive(group: int) -> bool:
    """Tell whether a process group has a process that is no zombie."""
    for entry in Path('/proc').iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / 'stat').read_text().rpartition(')')[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] != 'Z':
                return True
    return False


def count(folder: Path, pattern: str) -> int:
    """Number of files in a folder, those half-written left out."""
    return sum(not path.name.startswith('.') for path in folder.rglob(pattern))


def tree(folder: Path) -> dict[str, bytes]:
    """Content of every file below a folder, but for a store's lock and its report for readers."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file() and path.name not in ('.lock', 'report.html')
    }
