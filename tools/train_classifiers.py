"""Train one classifier per dropout rate, then make the seeds: ``train_classifiers.py CONFIG``.

The paper's seeds may have been made so: dropout acts while a classifier trains, not when the seeds
are made (a reading, see docs/method.md). Each classifier is that of the config with
``model.head.dropout`` set to one of the rates of ``seed_generation.seeds``. With ``--per seed``
every seed has a classifier of its own, of another random seed, so that the votes are of unlike
voters. Stopped, the same command goes on where it was: classifiers that are trained are kept.
"""

from __future__ import annotations

import argparse
import copy
import os.path as osp
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.apis import check_generation
from mmseg_wsss.generation.settings import SeedSettings
from mmseg_wsss.utils.atomic import write_atomic
from mmseg_wsss.utils.checkpoint import find_resumable
from mmseg_wsss.utils.options import add_config_option
from mmseg_wsss.utils.overrides import apply_overrides

TOOLS = Path(__file__).resolve().parent


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description='Train one classifier per dropout rate of the seeds, then make the seeds.'
    )
    parser.add_argument('config', help="path of the classifier's config file")
    parser.add_argument(
        '--per',
        choices=['rate', 'seed'],
        default='rate',
        help='a classifier per dropout rate, or per seed, each of another random seed',
    )
    parser.add_argument('--work-dir', help='a folder for each classifier, and the seeds, go there')
    parser.add_argument('--device', help='of the seeds, e.g. cpu; default: a GPU if there is one')
    parser.add_argument(
        '--num-gpus', type=int, default=1, help='processes of each training, by dist_train.sh'
    )
    parser.add_argument(
        '--dry-run', action='store_true', help='print the commands that are left, and run none'
    )
    add_config_option(parser)
    return parser.parse_args(arguments)


def classifier_config(cfg: Config, dropout: float) -> Config:
    """The config of one classifier, without the hook that makes seeds of it alone."""
    one = copy.deepcopy(cfg)
    one.model.head.dropout = dropout
    one.custom_hooks = [
        hook for hook in cfg.get('custom_hooks') or [] if 'MultiSeedCAMHook' not in str(hook.type)
    ]
    return one


def last_checkpoint(cfg: Config, work_dir: Path) -> tuple[str | None, bool]:
    """The newest whole checkpoint, and whether it ends the config's schedule."""
    found = find_resumable(work_dir)
    if found is None:
        return None, False
    path, content = found
    unit = 'iter' if 'max_iters' in cfg.train_cfg else 'epoch'
    return path, content['meta'].get(unit, 0) >= cfg.train_cfg[f'max_{unit}s']


def run_step(command: list[str], dry_run: bool) -> None:
    """Print a step's command and run it.

    Raises:
        SystemExit: With the status of a command that failed.
    """
    print(f'\n$ {shlex.join(command)}', flush=True)
    if not dry_run:
        status = subprocess.run(command).returncode
        if status:
            raise SystemExit(status)


def write_config(cfg: Config, folder: Path, dry_run: bool) -> str:
    """Write the config of a folder, unless nothing is to be made; give its path."""
    path = folder / 'config.py'
    if not dry_run:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, cfg.pretty_text.encode())
    return str(path)


def train(one: Config, folder: Path, args: argparse.Namespace) -> str:
    """Train a classifier to the end of its schedule, if it is not; give its checkpoint."""
    path, finished = last_checkpoint(one, folder)
    if not finished:
        config = write_config(one, folder, args.dry_run)
        command = [sys.executable, str(TOOLS / 'train.py'), config]
        if args.num_gpus > 1:
            command = ['bash', str(TOOLS / 'dist_train.sh'), config, str(args.num_gpus)]
        command += ['--work-dir', str(folder)]
        run_step(command + ['--resume'] * (path is not None), args.dry_run)
        path, _ = last_checkpoint(one, folder)
    return path or f'{folder}/LAST.pth'


def make_seeds(
    config: str, work_dir: Path, checkpoints: dict[float, str], args: argparse.Namespace
) -> None:
    """Make the seeds of a config from a classifier per dropout rate."""
    command = [sys.executable, str(TOOLS / 'make_seeds.py'), config, '--work-dir', str(work_dir)]
    command += ['--dropout-checkpoint', *(f'{rate}={path}' for rate, path in checkpoints.items())]
    if args.device:
        command += ['--device', args.device]
    run_step(command, args.dry_run)


def per_rate(cfg: Config, settings: SeedSettings, args: argparse.Namespace) -> None:
    """Train a classifier per dropout rate, and make all seeds from them."""
    root = Path(cfg.work_dir)
    checkpoints = {
        dropout: train(classifier_config(cfg, dropout), root / f'dropout-{dropout:.2f}', args)
        for dropout in sorted({seed.dropout for seed in settings.seeds})
    }
    make_seeds(write_config(cfg, root, args.dry_run), root, checkpoints, args)


def per_seed(
    cfg: Config, settings: SeedSettings, classes: Sequence[str], args: argparse.Namespace
) -> None:
    """Train a classifier per seed, make its seed, and let all of them vote."""
    root = Path(cfg.work_dir)
    randomness = cfg.get('randomness') or {}
    first = randomness.get('seed') or 0
    folders = []
    for number, seed in enumerate(settings.seeds):
        one = classifier_config(cfg, seed.dropout)
        one.randomness = {**randomness, 'seed': first + number}
        section = one.setdefault('seed_generation', {})
        section.update(seeds=[(seed.dropout, seed.scale)], report=False)
        if isinstance(section.get('background'), list | tuple):
            section.background = section.background[number % len(section.background)]
        section.pop('out', None)
        section.pop('aggregate', None)
        folder = root / f'seed-{seed.name}'
        one.work_dir = str(folder)
        checkpoint = train(one, folder, args)
        config = write_config(one, folder, args.dry_run)
        make_seeds(config, folder, {seed.dropout: checkpoint}, args)
        folders.append(str(folder / 'seeds' / seed.name))
    rule = settings.aggregate
    names = root / 'classes.txt'
    if not args.dry_run:
        write_atomic(names, '\n'.join([*classes, '']).encode())
    command = [sys.executable, str(TOOLS / 'aggregate_seeds.py'), '--seeds', *folders]
    command += ['--classes', str(names), '--tie', rule.get('tie', 'lowest')]
    if rule.get('seed_order'):
        command += ['--seed-order', *rule['seed_order']]
    run_step([*command, '--out', str(root / 'seeds')], args.dry_run)


def main(arguments: list[str] | None = None) -> int:
    """Train what is missing and make the seeds; return the exit status."""
    args = parse_args(arguments)
    cfg = Config.fromfile(args.config)
    apply_overrides(cfg, args.cfg_options)
    kind = 'training-dropout' if args.per == 'rate' else 'unlike-classifiers'
    cfg.work_dir = args.work_dir or osp.join(
        'work_dirs', f'{osp.splitext(osp.basename(args.config))[0]}_{kind}'
    )
    settings, _, classes, _ = check_generation(cfg)
    if args.per == 'rate':
        per_rate(cfg, settings, args)
    else:
        per_seed(cfg, settings, classes, args)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (ValueError, OSError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print('\ninterrupted; the same command resumes', file=sys.stderr)
        sys.exit(130)
