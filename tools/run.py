"""From photographs and tags to masks: ``python tools/run.py PHOTOS TAGS --out RUN``.

Checks the data, chooses networks and schedules, trains a classifier on the tags, makes the seeds
and their vote, trains a network on it, tests it on the masks there are (--masks) and segments new
photographs (--new). Every step is a command that is printed and can be run alone. Stopped, the same
command goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.apis.run_options import RunOptions
from mmseg_wsss.apis.run_photographs import PhotographRun
from mmseg_wsss.apis.run_steps import StepError, clock
from mmseg_wsss.converters.tag_sources import SOURCES


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('photos', help='folder of photographs')
    parser.add_argument('tags', nargs='+', help='tags file, or files or folder of --tags-from')
    parser.add_argument('--out', required=True, metavar='RUN', help='folder of all results')
    parser.add_argument(
        '--tags-from',
        default='auto',
        metavar='KIND',
        help=f'what TAGS is: {", ".join(SOURCES)}; default: recognised',
    )
    parser.add_argument(
        '--masks', help='ground truth (PNG) of a few photographs, which judge and do not train'
    )
    parser.add_argument(
        '--val-list', help='ids of the photographs that judge; default: those that have a mask'
    )
    parser.add_argument('--new', metavar='PHOTOS', help='photographs to segment in the end')
    parser.add_argument('--classes', nargs='+', help='foreground classes in order')
    parser.add_argument('--weights', help='file of ImageNet weights of MobileNetV2 or ResNet-50')
    parser.add_argument('--cls-base', help='config of the classifier to start from')
    parser.add_argument('--pnl-base', help='config of the network to start from')
    parser.add_argument(
        '--affinity',
        nargs='?',
        const='',
        metavar='CONFIG',
        help='spread the seeds by learned affinity, which takes another training; CONFIG is its '
        'network to start from, needed with --cls-base and --pnl-base',
    )
    parser.add_argument(
        '--affinity-rounds',
        type=int,
        default=1,
        choices=(1, 2),
        help='2: a second network learns what is sure of the maps that the first has spread',
    )
    parser.add_argument(
        '--threshold-from-masks',
        action='store_true',
        help='choose the background threshold on the masks; the report says so',
    )
    parser.add_argument(
        '--plan',
        action='store_true',
        help='stop before the first training: check and show the plan',
    )
    parser.add_argument(
        '--again',
        action='store_true',
        help='make anew what was made of other tags, photographs or configs; the old results are '
        'moved to RUN/old',
    )
    parser.add_argument(
        '--force', action='store_true', help='go on although the tags look like chance'
    )
    return parser.parse_args(argv)


def read_options(args: argparse.Namespace) -> RunOptions:
    """Options of the run; ValueError where they contradict each other."""
    return RunOptions(
        photos=args.photos,
        tags=args.tags,
        out=args.out,
        tools=Path(__file__).resolve().parent,
        tags_from=args.tags_from,
        masks=args.masks,
        val_list=args.val_list,
        new=args.new,
        classes=args.classes,
        weights=args.weights,
        cls_base=args.cls_base,
        pnl_base=args.pnl_base,
        affinity=args.affinity,
        affinity_rounds=args.affinity_rounds,
        threshold_from_masks=args.threshold_from_masks,
        plan_only=args.plan,
        again=args.again,
        force=args.force,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run all steps; return the exit status."""
    args = parse_args(argv)
    started = time.monotonic()
    try:
        page = PhotographRun(read_options(args)).run()
    except StepError as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('\ninterrupted; the same command goes on where it was', file=sys.stderr)
        return 130
    if page is not None:
        print(f'\nDone in {clock(time.monotonic() - started)}. Open {page}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
