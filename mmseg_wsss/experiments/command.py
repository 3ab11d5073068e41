"""The command of a study: plan, run, summary."""

from __future__ import annotations

import argparse
import fcntl
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mmseg_wsss.datasets.scenes import SceneSet, write_scenes

from .budget import BUDGETS, Budget
from .commands import Commands
from .executor import Executor
from .fork_launcher import ForkLauncher
from .launcher import Launcher
from .records import Records
from .step import Step
from .study import Study
from .study_data import StudyData, truth_folder
from .study_pictures import write_pictures
from .summary import write_summary
from .worker import Launch, Worker

TINY_SCENES = SceneSet(8, 4)
LEAST_SEEDS = 3


def parse_args(doc: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    budgets = '; '.join(f'{budget.name}: {budget.purpose}' for budget in BUDGETS.values())
    parser.add_argument('--budget', choices=BUDGETS, default='cpu-first', help=budgets)
    parser.add_argument(
        '--only', nargs='+', metavar='GROUP', help="tables to measure (default: the budget's)"
    )
    parser.add_argument(
        '--rows',
        nargs='+',
        metavar='PATTERN',
        help="only rows of these names, shell patterns allowed: 'aggregate*' (default: all)",
    )
    parser.add_argument(
        '--random-seeds', type=int, metavar='N', help=f'runs of each cell, at least {LEAST_SEEDS}'
    )
    parser.add_argument(
        '--data', type=Path, default=Path('data/voc_animals'), help='the photographs'
    )
    parser.add_argument('--out', type=Path, help='default: work_dirs/voc_animals/BUDGET')
    parser.add_argument('--jobs', type=int, help='steps that run at the same time')
    parser.add_argument(
        '--dry-run', action='store_true', help='print the plan with runs and estimated hours'
    )
    parser.add_argument(
        '--summary', action='store_true', help='only write the summary of what is measured'
    )
    return parser.parse_args(arguments)


def main(root: Path, arguments: Sequence[str] | None = None, doc: str = '') -> int:
    """Run the command.

    Args:
        root (Path): The root of the repository.
        arguments (Sequence[str], optional): Of the command line.
        doc (str): Shown by ``--help``.

    Returns:
        int: Exit status: 0, 1 after an error or failed steps, 130 if interrupted.
    """
    args = parse_args(doc, arguments)
    out = (args.out or root / 'work_dirs' / 'voc_animals' / args.budget).absolute()
    if BUDGETS[args.budget].forks:
        launcher = ForkLauncher(root)
    else:
        launcher = Launcher(root, args.jobs or BUDGETS[args.budget].jobs)
    try:
        if args.summary:
            print('Written: ' + ', '.join(map(str, write_summary(out))))
            return 0
        budget = _budget(args)
        data = args.data.absolute()
        if budget.name == 'tiny':
            data = out / 'data'
            write_scenes(data, TINY_SCENES)
        if args.dry_run:
            print(plan_text(budget, data, root / 'configs', args.only, Records(out), args.rows))
            return 0
        return run_study(budget, data, out, root, launcher, args.only, rows=args.rows)
    except (ValueError, OSError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        launcher.stop()
        print('\ninterrupted; the same command goes on', file=sys.stderr)
        return 130


def run_study(
    budget: Budget,
    data: Path,
    out: Path,
    root: Path,
    launch: Launch,
    only: Sequence[str] | None = None,
    report: Callable[[str], None] = lambda line: print(line, flush=True),
    rows: Sequence[str] | None = None,
) -> int:
    """Make all steps of a study that are not made yet, and write its summary.

    Args:
        budget (Budget): Its size.
        data (Path): The images, absolute.
        out (Path): Where all goes, absolute.
        root (Path): The root of the repository.
        launch (Launch): Runs a command.
        only (Sequence[str], optional): Names of groups.
        report (Callable[[str], None]): Gets a line for each step.
        rows (Sequence[str], optional): Shell patterns of rows, all by default.

    Returns:
        int: 0, or 1 if a step failed.

    Raises:
        ValueError: If a group or row is unknown, the data set is damaged, or another run works in
            ``out``.
        FileNotFoundError: If a file of the data set is missing.
    """
    images = StudyData(data, budget.layout, budget.images)
    study = make_study(budget, images, root / 'configs')
    groups = study.chosen(only)
    study.check_rows(groups, rows or ())
    steps = study.steps(groups, rows)
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        lists, records = out / 'lists', Records(out)
        images.write_lists(lists)
        study.write_plan(out)

        def folder(step: Step) -> Path:
            return out / 'steps' / step.name

        # Forks of a fork end with whatever the process they come from registered for its exit.
        readers = 0 if budget.forks else 2
        commands = Commands(folder, data, budget.layout, lists, root, readers)
        worker = Worker(commands, records, launch)
        executor = Executor(worker.make, records, report, budget.jobs, commands.has_files)
        failures = executor.run(steps)
        truth = truth_folder(data, budget.layout)
        pictures = write_pictures(out, data / budget.layout.images, truth)
        written = [*write_summary(out), *filter(None, [pictures])]
        report('Written: ' + ', '.join(map(str, written)))
    if failures:
        report(f'\n{len(failures)} steps were not made; the same command tries them again:')
        for name, reason in failures.items():
            report(f'  {name}: {reason.splitlines()[-1]}')
        report(f'Their output is in {out / "steps"}/<step>/log.txt.')
    return 1 if failures else 0


def make_study(budget: Budget, images: StudyData, configs: Path) -> Study:
    """Make the study of a budget on its images."""
    numbers = {split: len(ids) for split, ids in images.ids.items()}
    return Study(budget, images.digests, numbers, configs)


def plan_text(
    budget: Budget,
    data: Path,
    configs: Path,
    only: Sequence[str] | None,
    records: Records,
    rows: Sequence[str] | None = None,
) -> str:
    """Describe what a study would do, with an estimate of its hours."""
    study = make_study(budget, StudyData(data, budget.layout, budget.images), configs)
    groups = study.chosen(only)
    study.check_rows(groups, rows or ())
    lines = [f'Budget {budget.name}: {budget.purpose}', '']
    lines.append(f'{"group":<14} {"cells":>6} {"new steps":>10} {"hours":>7}')
    for name, cells, steps, seconds in study.estimate(groups, rows):
        lines.append(f'{name:<14} {cells:>6} {steps:>10} {seconds / 3600:>7.2f}')
    steps = study.steps(groups, rows)
    kinds = sorted({step.kind for step in steps})
    lines += ['', f'{"kind of step":<14} {"steps":>6} {"hours":>18}']
    for kind in kinds:
        chosen = [step for step in steps if step.kind == kind]
        hours = sum(step.seconds for step in chosen) / 3600
        lines.append(f'{kind:<14} {len(chosen):>6} {hours:>18.2f}')
    left = [step for step in steps if not records.has(step)]
    hours = estimated_hours(budget, left)
    known = 'measured' if budget.speeds.measured else 'guessed'
    lines += [
        '',
        f'{len(steps)} steps, {len(left)} of them not made yet: about {hours:.1f} h with '
        f'{budget.jobs} at the same time, from {known} speeds.',
    ]
    others = [group.name for group in study.groups if group not in groups]
    if others:
        lines.append(f'Left out, for --only: {", ".join(others)}.')
    return '\n'.join(lines)


def estimated_hours(budget: Budget, steps: Sequence[Step]) -> float:
    """Hours that steps take, as many of them at the same time as the budget says."""
    at_once = 1 if budget.speeds.shared else budget.jobs
    return sum(step.seconds for step in steps) / 3600 / at_once


def _budget(args: argparse.Namespace) -> Budget:
    budget = BUDGETS[args.budget]
    if args.random_seeds is not None:
        if args.random_seeds < LEAST_SEEDS:
            raise ValueError(f'--random-seeds {args.random_seeds}, expected at least {LEAST_SEEDS}')
        budget = replace(budget, random_seeds=tuple(range(args.random_seeds)))
    if args.jobs is not None:
        if args.jobs < 1:
            raise ValueError(f'--jobs {args.jobs}, expected at least 1')
        budget = replace(budget, jobs=args.jobs)
    return budget


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Refuse a folder in which another run works; the system frees it however this one ends."""
    with open(out / '.lock', 'a') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f'{out}: another run is at work there') from None
        yield
