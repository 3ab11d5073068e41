"""Runs rows of plan.yaml: ``python projects/animals7/run.py --tables training --dry-run``.

A row asks for steps: classifiers, seed roots, networks, masks, evaluations, each one command of the
project's own tools. A step is made once however many rows need it: its folder is named by a hash of
its config and of its inputs, and ``done`` in it says that it is finished. A stopped training goes
on. Every finished row is appended to results.csv, from which summary.py makes the tables.
"""

from __future__ import annotations

import argparse
import copy
import csv
import hashlib
import io
import json
import math
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from pprint import pformat
from typing import Any

import yaml
from mmengine.config import Config

from mmseg_wsss.datasets.splits import read_split
from mmseg_wsss.evaluation import GroundTruthFolder, mean_of_classes, score_masks
from mmseg_wsss.store import read_mask
from mmseg_wsss.utils.atomic import write_atomic

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
IDENTITY = ('study', 'table', 'variant', 'random_seed')
INITIAL_WEIGHTS = dict(type='InitialWeightsHook')


@dataclass(eq=False)
class Step:
    """One command, run once.

    Attributes:
        folder (Path): Where its files go.
        command (list[str]): Without the Python interpreter.
        inputs (list[Step]): What must be finished before.
        config (str): Text of its config file ``config.py``, empty if it has none.
        digest (str): Hash of config, command and inputs.
        weights (str): Name of the checkpoint that it ends with, if it is a training.
        rows (list[dict]): Rows of the plan that its figures are for, with their random seed.
    """

    folder: Path
    command: list[str]
    inputs: list[Step]
    config: str
    digest: str
    weights: str = ''
    rows: list[dict] = field(default_factory=list)

    @property
    def config_path(self) -> Path:
        """Its config file: beside the folder, where mmengine writes a copy of its own."""
        return self.folder.parent / 'configs' / f'{self.folder.name}.py'

    @property
    def checkpoint(self) -> str:
        """Path of the checkpoint that it ends with."""
        return str(self.folder / self.weights)


@cache
def read_config(path: str) -> Config:
    """Read a config of the repository."""
    return Config.fromfile(ROOT / path, import_custom_modules=False)


def spread(items: list[str], number: int | None) -> list[str]:
    """Take so many items, spread evenly over the list; all where there are no more or None."""
    if number is None or number >= len(items):
        return items
    return [items[index * len(items) // number] for index in range(number)]


def rescale(config: Config, length: int) -> None:
    """Train for so many iterations or epochs, every phase of the schedule in proportion."""
    train = config.train_cfg
    name = 'max_iters' if 'max_iters' in train else 'max_epochs'
    factor = length / train[name]
    train[name] = train['val_interval'] = length
    for scheduler in config.param_scheduler:
        for edge in ('begin', 'end'):
            if scheduler.get(edge):
                scheduler[edge] = max(1, round(scheduler[edge] * factor))
    # A killed training loses at most a third.
    config.default_hooks.checkpoint.update(interval=-(-length // 3), max_keep_ckpts=1)


def set_crop(config: Config, crop: int) -> None:
    """Train on crops of this side, on images of which it is the short side; test at that size."""
    train = config.train_dataloader.dataset.pipeline
    for step in [*train, *config.test_dataloader.dataset.pipeline, *config.test_pipeline]:
        if 'crop_size' in step:
            step['crop_size'] = (crop, crop)
        if step['type'] in ('RandomResize', 'Resize'):
            step['scale'] = (4 * crop, crop)
    config.model.data_preprocessor.size = (crop, crop)


class Study:
    """Turns rows of the plan into steps, and runs them.

    Args:
        plan (dict): Content of plan.yaml.
        budget (str): One of its budgets.
        name (str): Column ``study`` of the new rows.
        work (Path): Where steps keep their files.
        results (Path): The CSV file.
        options (dict): Overrides of the config of every training, by dotted keys.
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
        self.plan, self.budget, self.name = plan, plan['budgets'][budget], name
        self.work, self.results, self.options = work.resolve() / budget, results, options or {}
        self.data, self.classes = Path(plan['data']), plan['classes']
        self.random_seeds: list[int] = plan['random_seeds']
        self.steps: dict[Path, Step] = {}
        # Most rows share them.
        self.classifier, self.labels = cache(self.classifier), cache(self.labels)

    def add(self, row: dict, random_seed: int) -> None:
        """Ask for a row of the plan, unless all its results are there."""
        known = {tuple(one[key] for key in IDENTITY) for one in self.rows()[1]}
        wanted = [
            dict(row, table=table, random_seed=random_seed)
            for table in row['tables']
            if (self.name, table, row['variant'], str(random_seed)) not in known
        ]
        if wanted:
            made = self.tested if 'loss' in row else self.evaluated
            made(row, random_seed).rows.extend(wanted)

    def classifier(self, random_seed: int, dropout: float | None = None) -> Step:
        """A classifier; ``dropout`` replaces the config's rate in training."""
        config = self._classifier_config('train')
        config.pop('seed_generation', None)
        if dropout is not None:
            config.model.head.dropout = dropout
        config.merge_from_dict(self.options)
        config.randomness = dict(seed=random_seed)
        epochs = self.budget.get('epochs', config.train_cfg.max_epochs)
        rescale(config, epochs)
        return self._step('classifier', ['tools/train.py'], [], config, f'epoch_{epochs}.pth')

    def labels(self, name: str, random_seed: int) -> Step:
        """A seed root, in ``root`` of its folder."""
        entry = self.plan['labels'][name] or {}
        if 'vote' in entry:
            return self._vote(entry, random_seed)
        config = self._classifier_config(entry.get('images', 'train'))
        section = {**self.budget.get('seed_generation', {}), **entry.get('seed_generation', {})}
        config.seed_generation.update(random_seed=random_seed, **section)
        config.seed_generation.pop('out', None)
        if 'dropout_in_training' in entry:
            made = {rate: self.classifier(random_seed, rate) for rate in (0.05, 0.1, 0.2, 0.3)}
            words = ['--dropout-checkpoint', *(f'{p}={c.checkpoint}' for p, c in made.items())]
            inputs = list(made.values())
        else:
            inputs = [self.classifier(random_seed)]
            words = [inputs[0].checkpoint]
        return self._step('labels', ['tools/make_seeds.py'], inputs, config, '', words)

    def network(self, row: dict, random_seed: int) -> Step:
        """A trained network."""
        budget = self.budget
        config = copy.deepcopy(read_config(budget['second' if row.get('second') else 'network']))
        config.merge_from_dict(budget.get('options', {}))
        train = config.train_dataloader.dataset
        pipeline, inputs = train.pipeline, []
        if 'labels' in row:
            inputs.append(self.labels(row['labels'], random_seed))
            step = dict(type='LoadSeedAnnotations', agreement_threshold=row.get('threshold'))
            pipeline[1] = step | row.get('annotations', {})
            root = str(inputs[0].folder / 'root')
            train.update(seed_root=root, seed=row.get('mask', 'aggregated'))
        else:
            pipeline[1] = dict(type='LoadAnnotations')
            train = {**config.test_dataloader.dataset, 'pipeline': pipeline}
        train.update(data_root=str(self.data), ann_file=self._list('train'))
        config.test_dataloader.dataset.data_root = str(self.data)
        config.train_dataloader.dataset = train
        config.model.decode_head.loss_decode = dict(row['loss'])
        if 'crop' in budget:
            set_crop(config, budget['crop'])
        iterations = budget.get('iterations', config.train_cfg.max_iters)
        iterations = round(iterations * row.get('length', 1))
        rescale(config, iterations)
        config.optim_wrapper.optimizer.lr *= row.get('rate', 1)
        if row.get('start', budget.get('start', 'imagenet')) == 'classifier':
            inputs.append(self.classifier(random_seed))
            config.model.backbone.init_cfg = dict(
                type='Pretrained', checkpoint=inputs[-1].checkpoint, prefix='backbone.'
            )
        # The test is a step of its own.
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
        config.merge_from_dict(self.options)
        config.randomness = dict(seed=random_seed)
        return self._step('network', ['tools/train.py'], inputs, config, f'iter_{iterations}.pth')

    def tested(self, row: dict, random_seed: int) -> Step:
        """A network tested on the validation photographs."""
        network = self.network(row, random_seed)
        words = [str(network.config_path), network.checkpoint, *shlex.split(row.get('test', ''))]
        return self._step('test', ['tools/test.py', *words], [network])

    def masks(self, name: str, random_seed: int) -> Step:
        """Pseudo masks of the training photographs by a network of the plan."""
        row = next(
            row for row in self.plan['networks'] if row['variant'] == name and 'second' not in row
        )
        network = self.network(row, random_seed)
        words = [str(network.config_path), network.checkpoint]
        words += ['--tags', str(self.work / 'lists' / 'tags.csv')]
        words += shlex.split(self.budget['masks'])
        return self._step('masks', ['tools/make_pseudo_masks.py', *words], [network])

    def evaluated(self, row: dict, random_seed: int) -> Step:
        """A seed root scored on the ground truth of training photographs."""
        root = self.labels(row['labels'], random_seed)
        words = [str(root.folder / 'root'), '--gt', str(self.data / 'SegmentationClassAug')]
        words += ['--gt-classes', 'voc12', '--pictures', '0']
        words += ['--subsets'] * self.plan['labels'][row['labels']].get('subsets', False)
        return self._step('evaluation', ['tools/evaluate_seeds.py', *words], [root])

    def _vote(self, entry: dict, random_seed: int) -> Step:
        place = self.random_seeds.index(random_seed)
        inputs, folders, names = [], [], []
        for source, mask, turn in entry['vote']:
            seed = self.random_seeds[(place + turn) % len(self.random_seeds)]
            made = self.masks(source, seed) if mask is None else self.labels(source, seed)
            inputs.append(made)
            folders.append(str(made.folder / 'root' / (mask or '')))
            names.append(mask or f'network-{len(names) + 1}')
        words = ['--seeds', *folders, '--names', *names, '--tie', entry.get('tie', 'lowest')]
        split = self.work / 'lists' / 'train.txt'
        words += ['--classes', ','.join(self.classes), '--split', str(split)]
        return self._step('labels', ['tools/aggregate_seeds.py', *words], inputs)

    def _classifier_config(self, images: str) -> Config:
        config = copy.deepcopy(read_config(self.budget['classifier']))
        config.custom_hooks = [INITIAL_WEIGHTS]  # seeds are a step of their own
        for part in ('train', 'val', 'test'):
            config[f'{part}_dataloader'].dataset.data_root = str(self.data)
        config.train_dataloader.dataset.ann_file = self._list(images)
        return config

    def _list(self, images: str) -> str:
        return str(self.work / 'lists' / f'{images}.txt')

    def _step(
        self,
        kind: str,
        command: list[str],
        inputs: list[Step],
        config: Config | None = None,
        weights: str = '',
        words: Iterable[str] = (),
    ) -> Step:
        text = ''
        if config is not None:
            values = config.to_dict()
            text = '\n'.join(f'{key} = {pformat(values[key])}' for key in sorted(values)) + '\n'
        # The same on every machine: paths are by the work dir, whatever it is.
        whole = '\n'.join([text, *command, *words, *(one.digest for one in inputs)])
        digest = hashlib.sha256(whole.replace(str(self.work), '').encode()).hexdigest()[:12]
        folder = self.work / f'{kind}-{digest}'
        if folder not in self.steps:
            step = Step(folder, list(command), inputs, text, digest, weights)
            if text:
                step.command.append(str(step.config_path))
            step.command += words
            out = 'masks' if kind == 'test' else 'root'
            if kind in ('labels', 'masks', 'test'):
                step.command += ['--out', str(folder / out)]
            elif kind == 'evaluation':
                step.command += ['--out', str(folder)]
            if kind in ('classifier', 'network'):
                step.command += ['--resume']
            if kind in ('classifier', 'network', 'test') or 'tools/make_seeds.py' in command:
                step.command += ['--work-dir', str(folder)]
            self.steps[folder] = step
        return self.steps[folder]

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
        failed, running = [], {}
        with ThreadPoolExecutor(jobs) as pool:
            while True:
                for folder in sorter.get_ready():
                    running[pool.submit(self._make, self.steps[folder])] = self.steps[folder]
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

    def write_lists(self) -> None:
        """Write the lists of photographs of this budget, and their tags of the study's classes."""
        lists = self.work / 'lists'
        lists.mkdir(parents=True, exist_ok=True)
        train = read_split(self.data / 'ImageSets/Segmentation/train.txt')
        train = spread(train, self.budget.get('photographs'))
        for name, ids in dict(train=train, sample=spread(train, self.budget['sample'])).items():
            write_atomic(lists / f'{name}.txt', '\n'.join([*ids, '']).encode())
        with (self.data / 'tags.csv').open(newline='', encoding='utf-8') as file:
            tags = {one['image_id']: one['tags'].split() for one in csv.DictReader(file)}
        lines = ['image_id,tags']
        for image_id in train:
            kept = [tag for tag in tags[image_id] if tag in self.classes]
            lines.append(f'{image_id},{" ".join(kept)}')
        write_atomic(lists / 'tags.csv', '\n'.join([*lines, '']).encode())

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
        """Read what a finished step has measured for a row, in percent."""
        if 'loss' not in row:
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
        return {key: 100 * value for key, value in found.items() if not math.isnan(value)}

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
    return [step, *(one for one in step.inputs if one.weights.startswith('iter_'))]


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
    parser = argparse.ArgumentParser(description='Run rows of plan.yaml.')
    parser.add_argument('--plan', type=Path, default=HERE / 'plan.yaml')
    parser.add_argument('--results', type=Path, default=HERE / 'results.csv')
    parser.add_argument('--budget', default='gpu-first', help='of the plan: how much of what')
    parser.add_argument('--study', default='own', help='column study of the new rows')
    parser.add_argument('--tables', nargs='+', help='tables; all by default')
    parser.add_argument('--variants', nargs='+', help='their rows; all by default')
    parser.add_argument('--random-seeds', nargs='+', type=int)
    parser.add_argument('--work-dir', type=Path, default='work_dirs/animals7')
    parser.add_argument('--jobs', type=int, default=1, help='steps at the same time')
    parser.add_argument('--dry-run', action='store_true', help='print the commands')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='of every training'
    )
    args = parser.parse_args(arguments)
    plan = yaml.safe_load(args.plan.read_text(encoding='utf-8'))
    rows = [*plan['seed_rows'], *plan['networks']]
    for option, chosen, known in (
        ('--budget', [args.budget], list(plan['budgets'])),
        ('--tables', args.tables, sorted({table for row in rows for table in row['tables']})),
        ('--variants', args.variants, [row['variant'] for row in rows]),
        ('--random-seeds', args.random_seeds, plan['random_seeds']),
    ):
        for one in chosen or []:
            if one not in known:
                names = ', '.join(map(str, dict.fromkeys(known)))
                parser.error(f'{option}: {args.plan} has no {one}, expected one of {names}')
    options = {
        key: yaml.safe_load(value)
        for key, _, value in (option.partition('=') for option in args.cfg_options)
    }
    study = Study(plan, args.budget, args.study, args.work_dir, args.results, options)
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
