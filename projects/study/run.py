"""Runs rows of a study's plan: ``python projects/study/run.py projects/animals7 --tables loss``.

A row asks for steps: classifiers, seed roots, networks, masks, evaluations, each one command of the
project's own tools. A step is made once however many rows need it: its folder is named by a hash of
its config and of its inputs, and ``done`` in it says that it is finished. A stopped training goes
on. Every finished row is appended to results.csv, from which summary.py makes the tables.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import datetime, timezone
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from mmengine.config import Config
from steps import ROOT, Step, Steps, is_network

from mmseg_wsss.datasets.splits import read_split
from mmseg_wsss.evaluation import GroundTruthFolder, mean_of_classes, score_masks
from mmseg_wsss.store import read_mask
from mmseg_wsss.utils.atomic import write_atomic

PLAN, RESULTS = 'plan.yaml', 'results.csv'
IDENTITY = ('study', 'table', 'variant', 'random_seed')


class Study(Steps):
    """Runs the steps of rows, and keeps their results.

    Args:
        plan (dict): Content of plan.yaml.
        budget (str): One of its budgets.
        name (str): Column ``study`` of the new rows.
        work (Path): Where steps keep their files.
        results (Path): The CSV file.
        options (dict, optional): Overrides of the config of every training, by dotted keys.
    """

    def __init__(
        self,
        plan: dict,
        budget: str,
        name: str,
        work: Path,
        results: Path,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(plan, budget, work, options)
        self.name, self.results = name, results

    def add(self, row: dict, random_seed: int) -> None:
        """Ask for a row of the plan, unless all its results are there."""
        known = {tuple(one[key] for key in IDENTITY) for one in self.rows()[1]}
        wanted = [
            dict(row, table=table, random_seed=random_seed)
            for table in row['tables']
            if (self.name, table, row['variant'], str(random_seed)) not in known
        ]
        if wanted:
            made = self.tested if is_network(row) else self.evaluated
            made(row, random_seed).rows.extend(wanted)

    def run(self, jobs: int = 1, dry: bool = False) -> list[Step]:
        """Run all steps, inputs first, so many at a time; give those that failed."""
        graph = {step.folder: {one.folder for one in step.inputs} for step in self.steps.values()}
        sorter = TopologicalSorter(graph)
        if dry:
            for folder in sorter.static_order():
                print(shlex.join(['python', *self.steps[folder].command]))
            return []
        self.write_lists()
        sorter.prepare()
        failed, running, ready = [], {}, []
        with ThreadPoolExecutor(jobs) as pool:
            while True:
                ready += [self.steps[folder] for folder in sorter.get_ready()]
                ready.sort(key=lambda step: not step.rows)  # finish rows before others are begun
                while ready and len(running) < jobs:
                    step = ready.pop(0)
                    running[pool.submit(self._make, step)] = step
                if not running:
                    return failed
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    step = running.pop(future)
                    try:
                        future.result()
                    except subprocess.CalledProcessError as error:
                        print(f'failed: {error}', file=sys.stderr)
                        failed.append(step)  # what needs it is never ready
                        continue
                    for row in step.rows:
                        self.append(step, row)
                    sorter.done(step.folder)

    def _make(self, step: Step) -> None:
        done = step.folder / 'done'
        if done.is_file():
            return
        if step.config:
            step.config_path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(step.config_path, step.config.encode())
        step.folder.mkdir(parents=True, exist_ok=True)
        print(f'$ {shlex.join(["python", *step.command])}', flush=True)
        started = time.monotonic()
        subprocess.run([sys.executable, *step.command], cwd=ROOT, check=True)
        write_atomic(done, f'{time.monotonic() - started:.1f}\n'.encode())

    def figures(self, step: Step, row: dict) -> dict[str, float]:
        """Read what a finished step has measured for a row, in percent; epochs as they are."""
        if not is_network(row):
            data = json.loads((step.folder / 'evaluation.json').read_text(encoding='utf-8'))
            return evaluation_figures(data, row)
        truth = GroundTruthFolder.of(self.data / 'SegmentationClassAug', 'voc12')

        def pairs():
            for image_id in read_split(self.data / 'ImageSets/Segmentation/val.txt'):
                mask = read_mask(step.folder / 'masks' / f'{image_id}.png')
                yield truth.read(image_id, mask.shape, self.classes), mask

        score = score_masks(pairs(), len(self.classes))
        found = dict(miou=score.miou, pixel_accuracy=score.accuracy)
        found['mean_accuracy'] = mean_of_classes(score.recall)
        found |= {f'iou_{name}': iou for name, iou in zip(self.classes, score.iou, strict=True)}
        # A class that is nowhere has no score.
        found = {key: 100 * value for key, value in found.items() if not math.isnan(value)}
        if row.get('until_plateau'):
            found['epochs'] = self._epochs(step.inputs[0])
        return found

    def _epochs(self, network: Step) -> float:
        """How often a finished training has seen its photographs."""
        checkpoint = (network.folder / 'last_checkpoint').read_text()
        loader = Config.fromfile(network.config_path).train_dataloader
        photographs = read_split(Path(loader.dataset.ann_file))
        iterations = int(re.fullmatch(r'iter_(\d+)\.pth', Path(checkpoint).name)[1])
        return iterations * loader.batch_size / len(photographs)

    def rows(self) -> tuple[list[str], list[dict]]:
        """Read results.csv: columns and rows."""
        with self.results.open(newline='', encoding='utf-8') as file:
            reader = csv.DictReader(file)
            return list(reader.fieldnames or []), list(reader)

    def append(self, step: Step, row: dict) -> None:
        """Append the figures of a finished row to results.csv, unless they are there."""
        columns, rows = self.rows()
        identity = (self.name, row['table'], row['variant'], str(row['random_seed']))
        if any(tuple(one[key] for key in IDENTITY) == identity for one in rows):
            return
        figures = {key: f'{value:.4f}' for key, value in self.figures(step, row).items()}
        about = dict(
            config_hash=step.digest,
            commit=_commit(),
            **_machine(),
            date=datetime.now(timezone.utc).date().isoformat(),
            # Of the whole row, apart from labels that others share: training and test.
            seconds=sum(float((one.folder / 'done').read_text()) for one in _own_steps(step)),
            command=shlex.join(['python', *step.command]).replace(str(ROOT) + '/', ''),
        )
        rows.append({**dict(zip(IDENTITY, identity, strict=True)), **figures, **about})
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)
        write_atomic(self.results, text.getvalue().encode())


def evaluation_figures(data: dict, row: dict) -> dict[str, float]:
    """Pick the figures of a row from evaluation.json.

    Args:
        data (dict): Scores of a seed root, shares from 0 to 1.
        row (dict): ``mask`` (default ``aggregated``; ``mean`` of the seeds), ``subset`` (number of
            voters of the best subset) or ``threshold`` (default: unanimous) say what is wanted.

    Returns:
        dict[str, float]: Figures in percent.
    """
    strangers = ('aggregated', 'union (oracle)', 'intersection')
    seeds = [one for name, one in data['masks'].items() if name not in strangers]

    def mean(key: str) -> float:
        return sum(one[key] for one in seeds) / len(seeds)

    quality = ('miou', 'pixel_accuracy')
    if 'subset' in row:
        best = next(one for one in data['subsets'] if len(one['seeds']) == row['subset'])
        found = {key: best[key] for key in quality}
    elif row.get('mask') == 'mean':
        found = {key: mean(key) for key in quality}
    elif 'mask' in row:
        found = {key: data['masks'][row['mask']][key] for key in quality}
    elif 'threshold' in row:
        found = dict(data['thresholds'][str(row['threshold'])])
    else:
        found = {key: data['masks']['aggregated'][key] for key in quality}
        counts = data['thresholds'][max(data['thresholds'], key=int)]
        found |= {key: counts[key] for key in ('noisy', 'clean_accuracy')}
        if seeds:
            found['miou_of_seeds'] = mean('miou')
    return {key: 100 * value for key, value in found.items() if value is not None}


def _own_steps(step: Step) -> list[Step]:
    return [step, *(one for one in step.inputs if one.folder.name.startswith('network-'))]


@cache
def _commit() -> str:
    command = ['git', 'rev-parse', '--short', 'HEAD']
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


@cache
def _machine() -> dict[str, str]:
    import torch

    from mmseg_wsss.version import __version__

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    cores = f'{len(os.sched_getaffinity(0))} cores of {platform.processor() or platform.machine()}'
    return dict(machine=f'{gpu or cores}, torch {torch.__version__}', version=__version__)


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen rows."""
    parser = argparse.ArgumentParser(description="Run rows of a study's plan.")
    parser.add_argument('project', type=Path, help=f'folder of {PLAN} and {RESULTS}')
    parser.add_argument('--results', type=Path, help=f'default: {RESULTS} of the project')
    parser.add_argument('--budget', help='of the plan: how much of what (default: its first)')
    parser.add_argument('--study', default='own', help='column study of the new rows')
    parser.add_argument('--tables', nargs='+', help='tables; all by default')
    parser.add_argument('--variants', nargs='+', help='their rows; all by default')
    parser.add_argument('--random-seeds', nargs='+', type=int)
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/NAME of the project')
    parser.add_argument('--jobs', type=int, default=1, help='steps at the same time')
    parser.add_argument('--dry-run', action='store_true', help='print the commands')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='of every training'
    )
    args = parser.parse_args(arguments)
    path = args.project / PLAN
    if not path.is_file():
        parser.error(f'there is no plan {path}')
    plan = yaml.safe_load(path.read_text(encoding='utf-8'))
    budget = args.budget or next(iter(plan['budgets']))
    work = args.work_dir or Path('work_dirs') / args.project.resolve().name
    rows = [*plan['seed_rows'], *plan['networks']]
    for option, chosen, known in (
        ('--budget', [budget], list(plan['budgets'])),
        ('--tables', args.tables, sorted({table for row in rows for table in row['tables']})),
        ('--variants', args.variants, [row['variant'] for row in rows]),
        ('--random-seeds', args.random_seeds, plan['random_seeds']),
    ):
        for one in chosen or []:
            if one not in known:
                names = ', '.join(map(str, dict.fromkeys(known)))
                parser.error(f'{option}: {path} has no {one}, expected one of {names}')
    options = {
        key: yaml.safe_load(value)
        for key, _, value in (option.partition('=') for option in args.cfg_options)
    }
    results = args.results or args.project / RESULTS
    study = Study(plan, budget, args.study, work, results, options)
    for seed in args.random_seeds or plan['random_seeds']:
        for row in rows:
            tables = [one for one in row['tables'] if args.tables is None or one in args.tables]
            if tables and (args.variants is None or row['variant'] in args.variants):
                study.add(dict(row, tables=tables), seed)
    failed = study.run(args.jobs, args.dry_run)
    for step in failed:
        print(f'failed: {step.folder}', file=sys.stderr)
    return bool(failed)


if __name__ == '__main__':
    raise SystemExit(main())
