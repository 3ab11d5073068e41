"""Draw the masks of a seed root: overlays, seeds, agreement, right and wrong, predictions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmseg_wsss.apis import visualize_seeds
from mmseg_wsss.datasets import read_split

DESCRIPTION = """\
Writes a contact sheet OUT/<image id>.png of each image: photograph, prediction and ground truth if
they are given, the aggregate, the agreement, where the aggregate is right and wrong, clean and
noisy, and every seed. With --separate each of them is a file of its own at full size,
OUT/<image id>/<picture>.png. tools/evaluate_seeds.py names the images to look at first."""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', type=Path, metavar='SEED_ROOT', help='the seed root')
    parser.add_argument('--images', type=Path, required=True, metavar='DIR', help='photographs')
    parser.add_argument('--img-suffix', default='.jpg', metavar='.EXT', help='of the photographs')
    parser.add_argument('--gt', type=Path, metavar='DIR', help='ground truth, <image id>.png')
    parser.add_argument(
        '--gt-classes', metavar='LIST', help="their classes, if others than the seeds'"
    )
    parser.add_argument(
        '--predictions', type=Path, metavar='DIR', help='masks of a network, <image id>.png'
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument('--split', type=Path, metavar='FILE', help='images (default: all)')
    group.add_argument('--ids', nargs='+', metavar='ID', help='ids of a few images')
    parser.add_argument(
        '--threshold', type=int, metavar='T', help='votes of a clean pixel (default: all seeds)'
    )
    parser.add_argument('--separate', action='store_true', help='one file per picture')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='for the pictures')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        number = visualize_seeds(
            args.root,
            args.images,
            args.out,
            img_suffix=args.img_suffix,
            ground_truth=args.gt,
            ground_truth_classes=args.gt_classes,
            predictions=args.predictions,
            image_ids=read_split(args.split) if args.split else args.ids,
            threshold=args.threshold,
            separate=args.separate,
        )
    except (ValueError, OSError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    print(f'{number} images: {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
