"""The tasks of a conversion, spread over processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from mmseg_wsss.utils.parallel import available_cpus, run_parallel
from mmseg_wsss.utils.progress import Progress

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
