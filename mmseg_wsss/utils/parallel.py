"""Work on many small tasks by processes that neither pile up nor outlive their parent."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import TypeVar

from .progress import Progress

Task = TypeVar('Task')
Result = TypeVar('Result')
# Tasks that travel together: enough to hide the cost of travelling, few enough to share out.
CHUNK = 16
SET_PARENT_DEATH_SIGNAL = 1


def available_cpus() -> int:
    """Count the processors this process may use."""
    return len(os.sched_getaffinity(0))


def run_parallel(
    function: Callable[[Task], Result], tasks: Sequence[Task], jobs: int
) -> Iterator[Result]:
    """Call a function on every task, by ``jobs`` processes.

    However many tasks there are, only a few per process are under way. If a call raises, the tasks
    not yet begun are dropped and the exception is raised here. The processes leave Ctrl-C to
    this one and die with it, even if it is killed.

    Args:
        function (Callable): Of one task; it, the tasks and the results are pickled.
        tasks (Sequence): The tasks.
        jobs (int): Number of processes; with 1 the calls are made in this process.

    Yields:
        The results, in the order they are done, which depends on chance for ``jobs`` above 1.

    Raises:
        ValueError: If ``jobs`` is below 1.
        BrokenProcessPool: If a process was killed, e.g. for want of memory.
    """
    if jobs < 1:
        raise ValueError(f'jobs={jobs}, expected at least 1')
    if jobs == 1:
        for task in tasks:
            yield function(task)
        return
    chunks = (tasks[i : i + CHUNK] for i in range(0, len(tasks), CHUNK))
    executor = ProcessPoolExecutor(
        min(jobs, max(1, len(tasks))),
        mp_context=multiprocessing.get_context('fork'),
        initializer=prepare_process,
        initargs=(os.getpid(),),
    )
    try:
        pending: set[Future] = set()
        exhausted = False
        while pending or not exhausted:
            while not exhausted and len(pending) < 3 * jobs:
                chunk = next(chunks, None)
                if chunk is None:
                    exhausted = True
                else:
                    pending.add(executor.submit(_call_on_chunk, function, chunk))
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _call_on_chunk(function: Callable[[Task], Result], chunk: Sequence[Task]) -> list[Result]:
    return [function(task) for task in chunk]


def prepare_process(parent: int) -> None:
    """Let this process leave Ctrl-C to its parent and die with it; call it at the very start.

    Args:
        parent (int): Process id of the parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A killed parent cannot stop its processes, which would wait for tasks for ever.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


Task = TypeVar('Task')
Result = TypeVar('Result')


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int | None = None,
    description: str = 'tasks',
) -> list[Result]:
    """Apply a function to every task and show the progress.

    Args:
        function (Callable): A module-level function of one argument; it reports bad input in its
            result, so that an exception is a fault and ends the run.
        tasks (Sequence): Picklable arguments.
        workers (int, optional): Number of processes; by default the number of cores. Few tasks are
            done in this process.
        description (str): What the tasks are.

    Returns:
        list: The results, in the order of the tasks.

    Raises:
        ValueError: If ``workers`` is not positive.

    >>> run_tasks(str.upper, ['a', 'b'])
    ['A', 'B']
    """
    jobs = available_cpus() if workers is None else workers
    if jobs > 1:
        jobs = min(jobs, max(1, len(tasks) // 8))
    progress = Progress(len(tasks), description)
    results: dict[int, Result] = {}
    for index, result in run_parallel(partial(_numbered, function), list(enumerate(tasks)), jobs):
        results[index] = result
        progress.step()
    return [results[index] for index in range(len(tasks))]


def _numbered(function: Callable[[Task], Result], task: tuple[int, Task]) -> tuple[int, Result]:
    return task[0], function(task[1])
