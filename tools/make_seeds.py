"""Make the seeds of a classifier: ``python tools/make_seeds.py CONFIG CHECKPOINT``.

The config's section ``seed_generation`` says which images and how; the options here replace its
keys. Stopped, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import os.path as osp
import sys
from concurrent.futures.process import BrokenProcessPool

import torch
from mmengine.config import Config
from mmengine.dist import get_dist_info
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from torch import nn

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.apis import generate_seeds
from mmseg_wsss.generation import load_classifier
from mmseg_wsss.utils.checkpoint import find_checkpoint
from mmseg_wsss.utils.options import (
    add_config_option,
    add_device_option,
    add_launcher_option,
    add_trust_option,
    use_local_rank,
)
from mmseg_wsss.utils.overrides import apply_overrides
from mmseg_wsss.utils.process_group import join_process_group


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description='Make the seeds of a trained classifier.')
    parser.add_argument('config', help="path of the classifier's config file")
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='path of the checkpoint, or the work dir whose last one is meant; none with '
        '--dropout-checkpoint or with '
        'seed_generation.dropout_checkpoints in the config',
    )
    parser.add_argument('--out', help='seed root; default: of the config, else WORK_DIR/seeds')
    parser.add_argument('--work-dir', help='work dir of the classifier')
    parser.add_argument(
        '--seeds',
        nargs='+',
        type=seed_pair,
        metavar='DROPOUT-SCALE',
        help="seeds, e.g. 0.05-1.0 0.10-1.2; default: of the config, else the paper's six",
    )
    parser.add_argument(
        '--refine', choices=['none', 'irn', 'psa', 'deeplab'], help='preset of the dense CRF'
    )
    parser.add_argument(
        '--keep',
        choices=['all', 'aggregate'],
        help='aggregate: write no seeds, only what they voted',
    )
    parser.add_argument(
        '--dropout-checkpoint',
        nargs='+',
        type=dropout_checkpoint,
        default=[],
        metavar='DROPOUT=CHECKPOINT',
        help='one classifier per dropout rate, e.g. 0.05=a.pth 0.1=b.pth: dropout at training '
        'time only',
    )
    add_device_option(parser)
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace seeds made with other settings, or drop those of more than half the images',
    )
    add_trust_option(parser)
    add_config_option(parser, 'seed_generation.num_draws=4')
    add_launcher_option(parser)
    args = parser.parse_args(arguments)
    use_local_rank(args)
    return args


def seed_pair(text: str) -> tuple[float, float]:
    """Read ``0.05-1.2``."""
    dropout, _, scale = text.partition('-')
    return float(dropout), float(scale)


def dropout_checkpoint(text: str) -> tuple[str, str]:
    """Read ``0.05=path``."""
    dropout, equals, path = text.partition('=')
    if not equals or not path:
        raise argparse.ArgumentTypeError(f'{text!r}: expected DROPOUT=CHECKPOINT')
    float(dropout)  # a number, or argparse says so
    return dropout, path


def build_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the command line to it."""
    cfg = Config.fromfile(args.config)
    apply_overrides(cfg, args.cfg_options)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join('work_dirs', osp.splitext(osp.basename(args.config))[0])
    section = dict(cfg.get('seed_generation', None) or {})
    if args.seeds:
        section['seeds'] = args.seeds
    if args.refine:
        section['refine'] = None if args.refine == 'none' else args.refine
    if args.keep:
        section['keep'] = args.keep
    if args.dropout_checkpoint:
        section['dropout_checkpoints'] = dict(args.dropout_checkpoint)
    cfg.seed_generation = section
    return cfg


def load_models(cfg: Config, args: argparse.Namespace) -> nn.Module | dict[float, nn.Module]:
    """Build the classifier with its weights, or one per dropout rate."""
    checkpoints = cfg.seed_generation.get('dropout_checkpoints')
    if bool(checkpoints) == bool(args.checkpoint):
        raise SystemExit('Give either one CHECKPOINT or the checkpoints of the dropout rates.')
    if args.checkpoint:
        path = find_checkpoint(args.checkpoint)
        return load_classifier(cfg, path, args.trust_checkpoint)
    return {
        float(dropout): load_classifier(cfg, path, args.trust_checkpoint)
        for dropout, path in dict(checkpoints).items()
    }


def main(arguments: list[str] | None = None) -> None:
    """Make the seeds."""
    args = parse_args(arguments)
    cfg = build_config(args)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    # Readers are forked: they touch no GPU, and spawned ones would import everything anew.
    torch.multiprocessing.set_start_method('fork', force=True)
    join_process_group(args.launcher)
    rank, _ = get_dist_info()
    logger = MMLogger.get_instance('make_seeds', log_level='INFO' if rank == 0 else 'WARNING')
    device = args.device or cfg.seed_generation.get('device')
    if device is None:
        local_rank = int(os.environ['LOCAL_RANK']) if args.launcher != 'none' else 0
        device = f'cuda:{local_rank}' if torch.cuda.is_available() else 'cpu'
    logger.info(f'Seeds are made on {device}.')
    generate_seeds(cfg, load_models(cfg, args), args.out, args.overwrite, device=device)


def run(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    try:
        main(arguments)
    except (ValueError, OSError, BrokenProcessPool) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; the same command resumes', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(run())
