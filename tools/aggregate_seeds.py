"""Aggregate directories of seeds into labels and their agreement, whoever made the seeds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from mmseg_wsss.apis import aggregate_folders
from mmseg_wsss.datasets.class_names import read_class_list
from mmseg_wsss.seeds import TIES
from mmseg_wsss.utils.parallel import available_cpus

DESCRIPTION = """\
Takes any directories of masks, one per seed, each with one PNG of the same name and size per image
(8-bit palette or grey, label 0 is background, 255 does not vote), and writes OUT/aggregated,
OUT/agreement, OUT/losing_votes (the labels that lost) and OUT/manifest.json. The same command
resumes a run that was interrupted, and adds losing votes to a root of an earlier version. The
result does not depend on --jobs."""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--seeds', nargs='+', required=True, type=Path, metavar='DIR', help='a directory per seed'
    )
    parser.add_argument('--out', required=True, type=Path, metavar='ROOT', help='the new seed root')
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument(
        '--classes',
        metavar='LIST',
        help="class names, background first: 'voc12', 'coco14', a file with one name a line, or "
        'names separated by commas',
    )
    group.add_argument('--num-classes', type=int, metavar='K', help='number of unnamed classes')
    parser.add_argument(
        '--names', nargs='+', metavar='NAME', help="names of the seeds (default: the directories')"
    )
    parser.add_argument('--tie', choices=TIES, default='lowest', help='who wins a tie')
    parser.add_argument(
        '--seed-order',
        nargs='+',
        metavar='NAME',
        help='for --tie seed_order: names of all seeds, best first (default: as given)',
    )
    parser.add_argument(
        '--split', type=Path, metavar='FILE', help='images to aggregate (default: all)'
    )
    parser.add_argument(
        '--jobs', type=int, default=available_cpus(), metavar='N', help='number of processes'
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='delete the masks of a ROOT made otherwise, or of most of its images',
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        if args.jobs < 1:
            raise ValueError(f'--jobs {args.jobs}, expected at least 1')
        if args.classes is not None:
            classes = read_class_list(args.classes)
        elif 1 <= args.num_classes <= 255:
            classes = [f'class {index}' for index in range(args.num_classes)]
        else:
            raise ValueError(f'--num-classes {args.num_classes}, expected 1 to 255')
        done = aggregate_folders(
            args.seeds,
            args.out,
            classes,
            names=args.names,
            tie=args.tie,
            seed_order=args.seed_order,
            split=args.split,
            jobs=args.jobs,
            overwrite=args.overwrite,
        )
    except (ValueError, OSError, BrokenProcessPool) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; the same command resumes', file=sys.stderr)
        return 130
    made = done.images - done.kept
    dropped = f', {done.dropped} dropped' if done.dropped else ''
    print(f'{done.images} images, {made} aggregated, {done.kept} kept{dropped}: {args.out}')
    print(done.summary())
    return 0


if __name__ == '__main__':
    sys.exit(main())
