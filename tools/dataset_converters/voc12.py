"""Complete an official PASCAL VOC 2012 download (with SBD) to the layout that the configs read."""

from __future__ import annotations

import argparse
import sys

from mmseg_wsss.converters.voc12 import convert_voc12


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', help='VOCdevkit/VOC2012 as unpacked, completed in place')
    parser.add_argument(
        '--sbd',
        help='masks of SBD: benchmark_RELEASE, its cls folder (mat files, needs scipy) or a '
        'SegmentationClassAug folder (PNG); not needed if ROOT/SegmentationClassAug exists',
    )
    parser.add_argument(
        '--trainaug-list', help='ids of trainaug; default: VOC train and SBD without VOC val'
    )
    parser.add_argument('--tags-from', choices=['xml', 'mask'], default='xml')
    parser.add_argument(
        '--ignore-difficult',
        action='store_true',
        help='leave out XML objects marked difficult (the field counts them)',
    )
    parser.add_argument('--workers', type=int, help='processes; default: number of cores')
    parser.add_argument('--max-problems', type=int, default=20, help='printed; 0 for all')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Convert, print the report and give the exit status."""
    args = parse_args(argv)
    try:
        report = convert_voc12(
            args.root,
            sbd=args.sbd,
            trainaug_list=args.trainaug_list,
            tags_from=args.tags_from,
            count_difficult=not args.ignore_difficult,
            workers=args.workers,
        )
    except (FileNotFoundError, ModuleNotFoundError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(report.text(args.max_problems))
    return report.exit_status


if __name__ == '__main__':
    sys.exit(main())
