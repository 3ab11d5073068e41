"""Check every mask of a seed root against its manifest and against each other."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from mmseg_wsss.checks.seed_roots import verify_seed_root
from mmseg_wsss.utils.parallel import available_cpus

DESCRIPTION = """\
Reads all of ROOT/aggregated, ROOT/agreement, ROOT/losing_votes (unless an earlier version made the
root) and, where they are kept, ROOT/<seed>, and checks that every image of ROOT/manifest.json has
its masks, that they are whole, of one size and in the label space, that the aggregate is the vote
of the seeds, and that there is no other mask. Seeds of
tools/make_seeds.py are compared with the tags and photographs of today as well, if these are where
they were. Exit status: 0 if all is well, 1 if not."""
SHOWN = 20


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', type=Path, metavar='ROOT', help='the seed root')
    parser.add_argument(
        '--jobs', type=int, default=available_cpus(), metavar='N', help='number of processes'
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        problems, checked = verify_seed_root(args.root, args.jobs)
    except (ValueError, OSError, BrokenProcessPool) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    print(checked)
    for problem in problems[:SHOWN]:
        print(f'error: {problem}', file=sys.stderr)
    if len(problems) > SHOWN:
        print(f'... and {len(problems) - SHOWN} more', file=sys.stderr)
    print(f'{len(problems)} problems in {args.root}')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
