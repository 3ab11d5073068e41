"""Makes the steps of a study that are not made yet, whatever order and failures allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from .records import Records
from .step import Step

Report = Callable[[str], None]


class Executor:
    """Makes steps in an order in which their inputs come first.

    Args:
        make (Callable[[Step], float]): Makes one step and gives the seconds it took.
        records (Records): Says which steps are finished, and gets notes of failures.
        report (Report): Gets a line for each step.
        jobs (int): Steps that are made at the same time.
        has_files (Callable[[Step], bool]): Whether the files that a finished step left for others
            are still there; by default they are.
    """

    def __init__(
        self,
        make: Callable[[Step], float],
        records: Records,
        report: Report,
        jobs: int = 1,
        has_files: Callable[[Step], bool] = lambda step: True,
    ) -> None:
        self.make, self.records, self.report, self.jobs = make, records, report, jobs
        self.has_files = has_files
        self.failures: dict[str, str] = {}
        self._unmade: set[str] = set()
        self._estimated = self._taken = 0.0

    def run(self, steps: Sequence[Step]) -> dict[str, str]:
        """Make all steps that are not finished; a failure stops only what depends on it.

        A finished step whose files are gone, as in a study that was copied without them, is made
        again if a step that is to be made reads them.

        Args:
            steps (Sequence[Step]): Inputs before those who need them, as
                :func:`~mmseg_wsss.experiments.step.in_order` gives them.

        Returns:
            dict[str, str]: Why a step was not made, by its name.
        """
        self.failures = {}
        waiting = self._to_make(steps)
        self._unmade = {step.key for step in waiting}
        self.report(f'{len(steps)} steps, {len(steps) - len(waiting)} finished before')
        total, done = len(waiting), 0
        running: dict[Future, Step] = {}
        pool = ThreadPoolExecutor(self.jobs)
        try:
            while waiting or running:
                waiting = [step for step in waiting if not self._is_hopeless(step)]
                for step in [step for step in waiting if self._is_ready(step)]:
                    if len(running) == self.jobs:
                        break
                    waiting.remove(step)
                    self.report(f'[{done + len(running) + 1}/{total}] {step.name}: {step.title}')
                    running[pool.submit(self.make, step)] = step
                if not running:
                    continue
                # Woken up now and then, so that Ctrl-C is heard.
                ended, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in ended:
                    done += 1
                    self._finish(running.pop(future), future, [*waiting, *running.values()])
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return self.failures

    def _to_make(self, steps: Sequence[Step]) -> list[Step]:
        read: set[str] = set()
        found = []
        for step in reversed(steps):
            if not self.records.has(step) or (step.key in read and not self.has_files(step)):
                found.append(step)
                read |= {one.key for one in step.inputs.values()}
        return found[::-1]

    def _finish(self, step: Step, future: Future, left: Sequence[Step]) -> None:
        try:
            seconds = future.result()
        except Exception as error:  # any failure of one step leaves the others to be made
            self.failures[step.name] = f'{step.title}: {error}'
            self.records.write_failure(step, error=str(error))
            self.report(f'  {step.name} FAILED: {error}')
            return
        self._unmade.discard(step.key)
        self._estimated += step.seconds
        self._taken += seconds
        rest = sum(one.seconds for one in left) * self._taken / max(self._estimated, 1e-9)
        rest /= self.jobs
        self.report(f'  {step.name} took {seconds:.0f} s; about {rest / 3600:.1f} h left')

    def _is_ready(self, step: Step) -> bool:
        return not any(one.key in self._unmade for one in step.inputs.values())

    def _is_hopeless(self, step: Step) -> bool:
        lost = [one for one in step.inputs.values() if one.name in self.failures]
        if lost:
            self.failures[step.name] = f'{step.title}: not made, it needs {lost[0].name}'
            self.report(f'  {step.name} is left out: it needs {lost[0].name}')
        return bool(lost)
