"""Runs rows of plan.yaml: ``python projects/animals7/run.py --tables training --dry-run``.

Classifiers, seed roots, networks and tests are made by the project's own commands, each once; a
finished step leaves a file ``done`` and is not made again. A tested network and an evaluated seed
root append their row to results.csv, from which summary.py makes the tables.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SEEDS = ['0.05-1.0', '0.05-1.2', '0.10-1.0', '0.10-1.2', '0.20-1.0', '0.30-1.2']


def slug(text: str) -> str:
    """Make a name of a folder."""
    return re.sub(r'[^a-z0-9.]+', '-', text.lower()).strip('-')


class Study:
    """Turns rows of the plan into commands and runs those whose results are not there.

    Args:
        plan (dict): Content of plan.yaml.
        name (str): Name of the study, a column of results.csv and a folder.
        work (Path): Where steps keep their files.
        results (Path): The CSV file.
        dry (bool): Whether commands are only printed.
        extra (list[str]): Further ``--cfg-options`` of every training.
    """

    def __init__(
        self, plan: dict, name: str, work: Path, results: Path, dry: bool, extra: list[str]
    ) -> None:
        self.plan, self.name, self.work, self.results = plan, name, work / name, results
        self.dry, self.extra = dry, extra
        self.printed: set[Path] = set()

    def step(self, folder: Path, *commands: list[object]) -> Path:
        """Run commands once; their folder then holds ``done`` with commands and seconds."""
        texts = [shlex.join(map(str, ['python', *command])) for command in commands]
        done = folder / 'done'
        if done.is_file():
            if json.loads(done.read_text())['commands'] != texts:
                raise SystemExit(f'{folder}: made by other commands; move it away')
            return folder
        if self.dry:
            if folder not in self.printed:
                print(*texts, sep='\n')
            self.printed.add(folder)
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        for text, command in zip(texts, commands, strict=True):
            print(f'\n$ {text}', flush=True)
            subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, check=True)
        seconds = round(time.monotonic() - started, 1)
        done.write_text(json.dumps(dict(commands=texts, seconds=seconds)))
        return folder

    def config(self, row: dict, key: str) -> tuple[Path, list[str]]:
        """Write the config of a row: its base, its loss, the length of its schedule."""
        from mmengine.config import Config

        base = ROOT / row['config']
        text = f'_base_ = {str(base)!r}\n'
        if 'loss' in row:
            loss = dict(row['loss'], _delete_=True)
            text += f'model = dict(decode_head=dict(loss_decode={loss!r}))\n'
        options = list(row.get('options', []))
        length = row.get('length', 1)
        if length != 1:
            cfg = Config.fromfile(str(base))
            name = 'max_iters' if 'max_iters' in cfg.train_cfg else 'max_epochs'
            options += [f'train_cfg.{name}={round(cfg.train_cfg[name] * length)}']
            for index, scheduler in enumerate(cfg.param_scheduler):
                for edge in ('begin', 'end'):
                    if scheduler.get(edge):
                        value = round(scheduler[edge] * length)
                        options.append(f'param_scheduler.{index}.{edge}={value}')
        path = self.work / 'configs' / f'{key}.py'
        if not self.dry:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding='utf-8')
        return path, options

    def classifier(self, name: str, seed: int) -> Path:
        """Train a classifier, without making its seeds."""
        config = self.plan['classifiers'][name]['config']
        folder = self.work / f'classifier-{slug(name)}-{seed}'
        options = [f'randomness.seed={seed}', 'custom_hooks=[]', *self.extra]
        command = ['tools/train.py', config, '--work-dir', folder, '--resume', '--cfg-options']
        return self.step(folder, [*command, *options])

    def labels(self, name: str, seed: int) -> Path:
        """Make a seed root; return its folder."""
        entry = self.plan['labels'][name]
        folder = self.work / f'labels-{slug(name)}-{seed}'
        options = ['--cfg-options', *entry['options']] if 'options' in entry else []
        refine = ['--refine', entry['refine']] if 'refine' in entry else []
        config = self.plan['classifiers'][entry['classifier']]['config']

        def make(out: Path, of_seed: int, *more: object) -> list[object]:
            trained = self.classifier(entry['classifier'], of_seed)
            found = sorted(trained.glob('epoch_*.pth')) or [trained / 'epoch_N.pth']
            command = [
                'tools/make_seeds.py',
                config,
                found[-1],
                '--out',
                out,
                '--work-dir',
                trained,
            ]
            return [*command, *refine, *more, *options]

        if not entry.get('several'):
            return self.step(folder, make(folder / 'root', seed)) / 'root'
        seeds = self.plan['random_seeds']
        parts = [folder / f'part{i}' for i in range(len(seeds))]
        turns = [seeds[(i + seed) % len(seeds)] for i in range(len(seeds))]
        commands = [
            make(part, turn, '--seeds', *SEEDS[i :: len(seeds)])
            for i, (part, turn) in enumerate(zip(parts, turns, strict=True))
        ]
        masks = [
            part / f'{float(text.split("-")[0]):.2f}-{float(text.split("-")[1]):.2f}'
            for i, part in enumerate(parts)
            for text in SEEDS[i :: len(seeds)]
        ]
        vote = ['tools/aggregate_seeds.py', '--seeds', *masks, '--out', folder / 'root']
        return self.step(folder, *commands, [*vote, '--classes', self.plan['classes']]) / 'root'

    def network(self, row: dict, seed: int) -> None:
        """Train and test a network; add its row."""
        key = f'{slug(row["variant"])}-{hashlib.sha256(repr(row).encode()).hexdigest()[:6]}'
        config, options = self.config(row, key)
        options += [f'randomness.seed={seed}', *self.extra]
        if 'labels' in row:
            options.append(f'train_dataloader.dataset.seed_root={self.labels(row["labels"], seed)}')
        folder = self.work / f'network-{key}-{seed}'
        train = ['tools/train.py', config, '--work-dir', folder, '--resume', '--cfg-options']
        self.step(folder, [*train, *options])
        found = sorted(folder.glob('iter_*.pth'), key=lambda path: int(path.stem[5:]))
        weights = found[-1] if found else folder / 'iter_N.pth'
        tested = folder / 'test'
        test = ['tools/test.py', config, weights, '--work-dir', tested]
        self.step(tested, [*test, *shlex.split(row.get('test', ''))])
        if not self.dry:
            (scores,) = tested.glob('*/*.json')
            figures = json.loads(scores.read_text().splitlines()[-1])
            names = dict(mIoU='miou', aAcc='pixel_accuracy', mAcc='mean_accuracy')
            figures = {new: figures[old] for old, new in names.items()}
            self.add(row['table'], row['variant'], seed, figures, folder)

    def evaluate(self, name: str, seed: int) -> None:
        """Evaluate a seed root on the ground truth of the training photographs; add its row."""
        root = self.labels(name, seed)
        if self.dry:
            return
        from mmseg.datasets import PascalVOCDataset

        from mmseg_wsss.evaluation import GroundTruthFolder, evaluate_seed_root

        masks = Path(self.plan['data']) / 'SegmentationClassAug'
        truth = GroundTruthFolder(ROOT / masks, tuple(PascalVOCDataset.METAINFO['classes']))
        data = evaluate_seed_root(root, truth).to_dict()
        threshold = max(data['thresholds'], key=int)
        counts = data['thresholds'][threshold]
        figures = dict(
            miou=data['masks']['aggregated']['miou'],
            pixel_accuracy=data['masks']['aggregated']['pixel_accuracy'],
            noisy=counts['noisy'],
            clean_accuracy=counts['clean_accuracy'],
        )
        self.add('labels', name, seed, figures, root.parent)

    def add(self, table: str, variant: str, seed: int, figures: dict, folder: Path) -> None:
        """Append a row unless it is there."""
        with self.results.open(newline='', encoding='utf-8') as file:
            reader = csv.DictReader(file)
            columns, rows = list(reader.fieldnames or []), list(reader)
        identity = dict(study=self.name, table=table, variant=variant, random_seed=str(seed))
        if any(all(row[key] == value for key, value in identity.items()) for row in rows):
            return
        done = json.loads((folder / 'done').read_text())
        text = '\n'.join(done['commands'])
        commit = subprocess.run(
            ['git', 'rev-parse', '--short', 'HEAD'], cwd=ROOT, capture_output=True, text=True
        ).stdout.strip()
        import torch

        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
        machine = gpu or f'{os.cpu_count()} cores of {platform.processor() or platform.machine()}'
        row = dict(
            identity,
            **{key: round(float(value), 4) for key, value in figures.items()},
            config_hash=hashlib.sha256(text.encode()).hexdigest()[:12],
            version=commit,
            machine=f'{machine}, torch {torch.__version__}',
            date=date.today().isoformat(),
            seconds=done['seconds'],
            command=text,
        )
        with self.results.open('a', newline='', encoding='utf-8') as file:
            csv.DictWriter(file, columns, lineterminator='\n').writerow(row)


def main(arguments: list[str] | None = None) -> None:
    """Run the chosen rows."""
    parser = argparse.ArgumentParser(description='Run rows of plan.yaml.')
    parser.add_argument('--plan', type=Path, default=HERE / 'plan.yaml')
    parser.add_argument('--results', type=Path, default=HERE / 'results.csv')
    parser.add_argument('--study', default='own', help='column study of results.csv')
    parser.add_argument('--tables', nargs='*', help='tables of networks; all by default')
    parser.add_argument('--labels', nargs='*', default=[], help='seed roots to evaluate')
    parser.add_argument('--random-seeds', nargs='+', type=int)
    parser.add_argument('--work-dir', type=Path, default='work_dirs/animals7')
    parser.add_argument('--dry-run', action='store_true', help='print the commands')
    parser.add_argument('--cfg-options', nargs='+', default=[], help='of every training')
    args = parser.parse_args(arguments)
    plan = yaml.safe_load(args.plan.read_text(encoding='utf-8'))
    study = Study(plan, args.study, args.work_dir, args.results, args.dry_run, args.cfg_options)
    unknown = {*args.labels} - {*plan['labels']}
    known = {row['table'] for row in plan['networks']}
    unknown |= {*(args.tables or [])} - known
    if unknown:
        raise SystemExit(f'{args.plan}: there is no {", ".join(sorted(unknown))} in it')
    for seed in args.random_seeds or plan['random_seeds']:
        for name in args.labels:
            study.evaluate(name, seed)
        for row in plan['networks']:
            if row['table'] in (known if args.tables is None else args.tables):
                study.network(row, seed)


if __name__ == '__main__':
    main()
