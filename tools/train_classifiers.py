"""Train one classifier per dropout rate, then make the seeds: ``train_classifiers.py CONFIG``.

The paper's seeds may have been made so: dropout acts while a classifier trains, not when the seeds
are made (a reading, see docs/method.md). Each classifier is that of the config with
``model.head.dropout`` set to one of the rates of ``seed_generation.seeds``. Stopped, the same
command goes on where it was: classifiers that are trained are kept.
"""

from __future__ import annotations

import argparse
import os.path as osp
import shlex
import subprocess
import sys
from pathlib import Path

from mmengine.config import Config, DictAction

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.apis import check_generation
from mmseg_wsss.utils.atomic import atomic_path
from mmseg_wsss.utils.checkpoint import find_resumable
from mmseg_wsss.utils.overrides import apply_overrides

TOOLS = Path(__file__).resolve().parent


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description='Train one classifier per dropout rate of the seeds, then make the seeds.'
    )
    parser.add_argument('config', help="path of the classifier's config file")
    parser.add_argument('--work-dir', help='a folder for each rate, and the seeds, go there')
    parser.add_argument('--device', help='of the seeds, e.g. cpu; default: a GPU if there is one')
    parser.add_argument(
        '--num-gpus', type=int, default=1, help='processes of each training, by dist_train.sh'
    )
    parser.add_argument(
        '--dry-run', action='store_true', help='print the commands that are left, and run none'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='overrides of the config as key=value'
    )
    return parser.parse_args(arguments)


def classifier_config(cfg: Config, dropout: float) -> Config:
    """The config of one classifier, without the hook that makes seeds of it alone."""
    one = cfg.copy()
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


def main(arguments: list[str] | None = None) -> int:
    """Train what is missing and make the seeds; return the exit status."""
    args = parse_args(arguments)
    cfg = Config.fromfile(args.config)
    apply_overrides(cfg, args.cfg_options)
    cfg.work_dir = args.work_dir or osp.join(
        'work_dirs', f'{osp.splitext(osp.basename(args.config))[0]}_training-dropout'
    )
    settings, *_ = check_generation(cfg)
    root = Path(cfg.work_dir)
    checkpoints = {}
    for dropout in sorted({seed.dropout for seed in settings.seeds}):
        folder = root / f'dropout-{dropout:.2f}'
        one = classifier_config(cfg, dropout)
        path, finished = last_checkpoint(one, folder)
        if not finished:
            folder.mkdir(parents=True, exist_ok=True)
            config = folder / 'config.py'
            with atomic_path(config) as temporary:
                temporary.write_text(one.pretty_text, encoding='utf-8')
            command = [sys.executable, str(TOOLS / 'train.py'), str(config)]
            if args.num_gpus > 1:
                command = ['bash', str(TOOLS / 'dist_train.sh'), str(config), str(args.num_gpus)]
            command += ['--work-dir', str(folder)]
            run_step(command + ['--resume'] * (path is not None), args.dry_run)
            path, _ = last_checkpoint(one, folder)
        checkpoints[dropout] = path or f'{folder}/LAST.pth'
    config = root / 'config.py'
    if not args.dry_run:
        with atomic_path(config) as temporary:
            temporary.write_text(cfg.pretty_text, encoding='utf-8')
    command = [sys.executable, str(TOOLS / 'make_seeds.py'), str(config)]
    command += ['--work-dir', str(root), '--dropout-checkpoint']
    command += [f'{dropout}={path}' for dropout, path in checkpoints.items()]
    if args.device:
        command += ['--device', args.device]
    run_step(command, args.dry_run)
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
