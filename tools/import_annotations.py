"""Take corrected masks of an annotation tool into a seed root."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from mmseg_wsss.apis.import_annotations import discard_corrections, import_annotations
from mmseg_wsss.converters.annotations import FORMATS

DESCRIPTION = """\
Each mask of SOURCE becomes the aggregate of its image in ROOT, clean at every pixel, and the image
is marked as corrected by hand. Masks that are still those of the seeds are not marked, unless
--accept-unchanged says that they were looked at. On any error nothing is imported."""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', metavar='ROOT', help='the seed root')
    parser.add_argument('source', nargs='?', metavar='SOURCE', help='file, archive or folder')
    parser.add_argument('--format', choices=FORMATS, help='of SOURCE')
    parser.add_argument('--split', metavar='FILE', help='images to take; default: all of SOURCE')
    parser.add_argument(
        '--accept-unchanged',
        action='store_true',
        help='masks that are still those of the seeds were looked at and are right',
    )
    parser.add_argument(
        '--allow-empty', action='store_true', help='images without any annotation are background'
    )
    parser.add_argument(
        '--replace', action='store_true', help='replace other masks of images that are corrected'
    )
    parser.add_argument(
        '--discard',
        nargs='+',
        metavar='ID',
        help='give up the corrections of these images; their masks are to be made anew',
    )
    args = parser.parse_args(argv)
    if args.discard and args.source:
        parser.error('--discard takes no SOURCE')
    if not args.discard and not (args.source and args.format):
        parser.error('expected SOURCE and --format, or --discard')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        if args.discard:
            discard_corrections(args.root, args.discard)
            print(
                f'{len(args.discard)} corrections given up. The command that made {args.root} '
                'makes the masks of these images anew.'
            )
            return 0
        done = import_annotations(
            args.root,
            args.source,
            args.format,
            split=args.split,
            accept_unchanged=args.accept_unchanged,
            allow_empty=args.allow_empty,
            replace=args.replace,
        )
    except (ValueError, OSError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; the same command completes it', file=sys.stderr)
        return 130
    print(
        f'{len(done.corrected)} images corrected, {len(done.kept)} kept that were corrected '
        f'alike; {done.total} images of {args.root} are corrected by hand now.'
    )
    if done.unchanged:
        print(
            f'{len(done.unchanged)} images have the masks of the seeds and are not marked '
            '(--accept-unchanged, if they were looked at and are right).'
        )
    return 0


if __name__ == '__main__':
    sys.exit(main())
