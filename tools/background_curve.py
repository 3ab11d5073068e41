"""Score a classifier's activation maps at every background threshold, against ground truth."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from make_seeds import seed_pair
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.apis import background_curve
from mmseg_wsss.generation import load_classifier
from mmseg_wsss.reporting.tables import background_tables
from mmseg_wsss.seeds import Seed
from mmseg_wsss.utils.checkpoint import find_checkpoint
from mmseg_wsss.utils.options import (
    add_checkpoint_argument,
    add_config_option,
    add_device_option,
    add_trust_option,
)
from mmseg_wsss.utils.overrides import apply_overrides

DESCRIPTION = """\
Gives the mIoU of the activation maps at the thresholds 0.01 to 0.99 of a constant background,
all from one pass over the images: each pixel has the label of the highest map of its tags, or
background where that map does not exceed the threshold. This is before the dense CRF, which moves
the best threshold; see tools/evaluate_seeds.py for finished seeds. A threshold chosen by this curve
is tuned on the ground truth of the images."""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', type=Path, help="the classifier's config")
    add_checkpoint_argument(parser, 'the classifier')
    parser.add_argument(
        '--gt', type=Path, required=True, metavar='DIR', help='ground truth, <image id>.png'
    )
    parser.add_argument(
        '--gt-classes', metavar='LIST', help="their classes, if others than the data set's"
    )
    parser.add_argument(
        '--split', type=Path, metavar='FILE', help="images (default: all of the config's data set)"
    )
    parser.add_argument(
        '--seeds',
        nargs='+',
        type=seed_pair,
        metavar='DROPOUT-SCALE',
        help="seeds, e.g. 0.05-1.0 0.10-1.2; default: the config's first",
    )
    parser.add_argument(
        '--max-images', type=int, metavar='N', help='a sample of so many, the same in every run'
    )
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='write background_curve.json, .md and .html there'
    )
    add_device_option(parser)
    add_trust_option(parser)
    add_config_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        run(args)
    except (ValueError, OSError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    return 0


def run(args: argparse.Namespace) -> None:
    """Evaluate and print."""
    config = Config.fromfile(args.config)
    checkpoint = find_checkpoint(args.checkpoint)
    apply_overrides(config, args.cfg_options)
    init_default_scope(config.get('default_scope', 'mmseg'))
    data, head = background_curve(
        config,
        load_classifier(config, checkpoint, args.trust_checkpoint),
        args.gt,
        args.gt_classes,
        split=args.split,
        seeds=[Seed(*pair) for pair in args.seeds] if args.seeds else None,
        max_images=args.max_images,
        out=args.out,
        device=args.device or ('cuda' if torch.cuda.is_available() else 'cpu'),
    )
    print(f'Config: {args.config}, checkpoint: {checkpoint}')
    print('\n'.join(head))
    for table in background_tables(data):
        print(f'\n{table.text()}')
    if args.out:
        print(f'\nWritten: {args.out / "background_curve.html"}, .md and .json')


if __name__ == '__main__':
    sys.exit(main())
