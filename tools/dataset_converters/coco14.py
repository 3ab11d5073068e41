"""Complete an official MS COCO 2014 download to the layout that the configs read."""

from __future__ import annotations

import argparse
import sys

from mmseg_wsss.converters.coco14 import convert_coco14


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', help='folder with train2014 and val2014, completed in place')
    parser.add_argument(
        '--annotations',
        help='folder with instances_{train,val}2014.json; default: ROOT/annotations',
    )
    parser.add_argument('--tags-from', choices=['annotations', 'mask'], default='annotations')
    parser.add_argument('--workers', type=int, help='processes; default: number of cores')
    parser.add_argument('--max-problems', type=int, default=20, help='printed; 0 for all')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Convert, print the report and give the exit status."""
    args = parse_args(argv)
    try:
        report = convert_coco14(
            args.root,
            annotations=args.annotations,
            tags_from=args.tags_from,
            workers=args.workers,
        )
    except (FileNotFoundError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(report.text(args.max_problems))
    return report.exit_status


if __name__ == '__main__':
    sys.exit(main())
