"""Evaluate seeds: scores against a ground truth, or what votes and tags tell without one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from mmseg_wsss.apis import evaluate_seeds
from mmseg_wsss.reporting.tables import evaluation_head, evaluation_tables
from mmseg_wsss.utils.parallel import available_cpus

DESCRIPTION = """\
Scores every seed of SEED_ROOT and their aggregate against the ground truth in --gt: IoU of each
class and mIoU, precision, recall, false positives and negatives, a trimap mIoU, right and wrong
labels by agreement and by threshold, how the seeds complement each other. Without --gt it shows
what votes and --tags tell: agreement, class balance, contradictions with the tags, images to look
at first.
All is counted at the size of the masks; the result does not depend on --jobs."""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', type=Path, metavar='SEED_ROOT', help='the seed root')
    parser.add_argument('--gt', type=Path, metavar='DIR', help='ground truth, <image id>.png')
    parser.add_argument(
        '--gt-classes',
        metavar='LIST',
        help="classes of the ground truth, if others than the seeds': 'voc12', 'coco14', a file "
        'with one name a line, or names separated by commas; classes the seeds lack do not count',
    )
    parser.add_argument(
        '--split', type=Path, metavar='FILE', help='images to evaluate (default: all of the root)'
    )
    parser.add_argument('--tags', type=Path, metavar='FILE', help='tags: .csv, .json or .npy')
    parser.add_argument(
        '--allow-missing',
        action='store_true',
        help='leave an image out if one of its masks is missing; they are counted and named',
    )
    parser.add_argument(
        '--subsets', action='store_true', help='score the vote of every subset (at most 8 seeds)'
    )
    parser.add_argument(
        '--trimap-width', type=int, default=5, metavar='W', help='pixels beside an outline'
    )
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='write evaluation.json, .md and .html there'
    )
    parser.add_argument(
        '--images', type=Path, metavar='DIR', help='photographs for the pictures of the report'
    )
    parser.add_argument('--img-suffix', default='.jpg', metavar='.EXT', help='of the photographs')
    parser.add_argument(
        '--pictures',
        type=int,
        default=24,
        metavar='N',
        help='images shown in the report: half those to look at first, half a sample of the rest',
    )
    parser.add_argument(
        '--jobs', type=int, default=available_cpus(), metavar='N', help='number of processes'
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        data = evaluate_seeds(
            args.root,
            ground_truth=args.gt,
            ground_truth_classes=args.gt_classes,
            split=args.split,
            tags=args.tags,
            subsets=args.subsets,
            trimap_width=args.trimap_width,
            allow_missing=args.allow_missing,
            out=args.out,
            images=args.images,
            img_suffix=args.img_suffix,
            pictures=args.pictures,
            jobs=args.jobs,
        )
    except (ValueError, OSError, BrokenProcessPool) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    print('\n'.join(evaluation_head(data)))
    for table in evaluation_tables(data):
        print(f'\n{table.text()}')
    if data['head']['missing']:
        print(f'\nLeft out, {len(data["head"]["missing"])} images:')
        print('\n'.join(f'  {line}' for line in data['head']['missing']))
    if args.out:
        print(f'\nWritten: {args.out / "evaluation.html"}, .md and .json')
    return 0


if __name__ == '__main__':
    sys.exit(main())
