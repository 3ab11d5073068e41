"""Work by processes: complete, bounded, and over when something fails."""

import os
import signal
from collections import UserList
from concurrent.futures.process import BrokenProcessPool

import pytest

from mmseg_wsss.utils import parallel
from mmseg_wsss.utils.parallel import available_cpus, run_parallel


def square(number):
    return number * number


def fail_at_50(number):
    if number == 50:
        raise ValueError('50 is wrong')
    return number


def die_at_50(number):
    if number == 50:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize('jobs', [1, 2, 3])
@pytest.mark.parametrize('number', [0, 1, 2, 100])
def test_every_task_once(jobs, number):
    results = list(run_parallel(square, range(number), jobs))
    assert sorted(results) == [square(task) for task in range(number)]


@pytest.mark.parametrize('jobs', [1, 2])
def test_an_error_is_raised_here(jobs):
    with pytest.raises(ValueError, match='50 is wrong'):
        list(run_parallel(fail_at_50, range(1000), jobs))


def test_a_killed_process_does_not_hang():
    with pytest.raises(BrokenProcessPool):
        list(run_parallel(die_at_50, range(1000), 2))


def test_few_tasks_are_under_way(monkeypatch):
    """The caller that stops listening is not served in advance."""
    taken = []

    class Tasks(UserList):
        def __getitem__(self, index):
            taken.append(index)
            return self.data[index]

    monkeypatch.setattr(parallel, 'CHUNK', 1)
    results = run_parallel(square, Tasks(range(1000)), 2)
    next(results)
    results.close()
    assert len(taken) < 20


def test_jobs_must_be_positive():
    with pytest.raises(ValueError, match='jobs=0'):
        list(run_parallel(square, [1], 0))
    assert available_cpus() >= 1
