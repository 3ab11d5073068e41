"""Options that several commands have, each said once."""

from __future__ import annotations

import argparse
import os

from mmengine.config import DictAction

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def add_checkpoint_argument(parser: argparse.ArgumentParser, of: str) -> None:
    """Add ``CHECKPOINT``, which :func:`~mmseg_wsss.utils.checkpoint.find_checkpoint` takes.

    Args:
        parser (argparse.ArgumentParser): The command's.
        of (str): What it is a checkpoint of, e.g. ``'a trained network'``.
    """
    parser.add_argument(
        'checkpoint', help=f'checkpoint of {of}, or the work dir whose last one is meant'
    )


def add_trust_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust-checkpoint``."""
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a checkpoint that carries code; never do this with a file of unknown origin',
    )


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument('--device', help='e.g. cpu or cuda:0; default: a GPU if there is one')


def add_shift_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--shift-bits``."""
    parser.add_argument(
        '--shift-bits',
        type=int,
        metavar='N',
        help='read images as "folder.py prepare --copy-images" does: those of more than 8 bits are '
        'shifted right by N bits, the number of the training images; a fourth band is left out',
    )


def add_config_option(
    parser: argparse.ArgumentParser, example: str = 'train_dataloader.batch_size=2'
) -> None:
    """Add ``--cfg-options``.

    Args:
        parser (argparse.ArgumentParser): The command's.
        example (str): One that suits the command.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help=f'overrides of the config as key=value, e.g. {example}, or key="[a,b]" for lists',
    )


def add_launcher_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--launcher``, and the rank that older launchers pass on the command line."""
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def use_local_rank(args: argparse.Namespace) -> None:
    """Put the rank of :func:`add_launcher_option` where torch looks for it."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
