"""Write masks for an annotation tool, the worst first."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool

from mmseg_wsss.apis.export_annotations import export_annotations
from mmseg_wsss.converters.annotations import FORMATS
from mmseg_wsss.utils.parallel import available_cpus

DESCRIPTION = """\
SOURCE is a seed root, or a folder of masks of tools/predict.py or tools/make_pseudo_masks.py. The
images to look at first come first: those that contradict their tags and on which the seeds agree
least, or of which the network is least sure. OUT gets the file for the annotation tool and
images.txt, the images in this order. tools/import_annotations.py takes the corrected file back."""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', metavar='SOURCE', help='seed root or folder of masks')
    parser.add_argument('--out', required=True, metavar='OUT', help='a new folder')
    parser.add_argument('--format', required=True, choices=FORMATS, help='of the annotation tool')
    parser.add_argument('--number', type=int, metavar='N', help='images, the worst; default: all')
    parser.add_argument('--tags', metavar='FILE', help='tags file, for the ranking of seeds')
    parser.add_argument('--split', metavar='FILE', help='images to export; default: all')
    parser.add_argument('--images', metavar='DIR', help='photographs, to name their files')
    parser.add_argument('--img-suffix', metavar='.EXT', help='of the photographs without --images')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace files of an earlier export that differ'
    )
    parser.add_argument(
        '--jobs', type=int, default=available_cpus(), metavar='N', help='number of processes'
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        done = export_annotations(
            args.source,
            args.out,
            args.format,
            number=args.number,
            tags=args.tags,
            split=args.split,
            images=args.images,
            img_suffix=args.img_suffix,
            overwrite=args.overwrite,
            jobs=args.jobs,
        )
    except (ValueError, OSError, BrokenProcessPool) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    corrected = f', {done.corrected} of them corrected by hand already' if done.corrected else ''
    print(f'{len(done.images)} images{corrected}, ordered by {done.ranking}.')
    print(f'First: {", ".join(done.images[:5])}')
    print(f'Written to {args.out}: {", ".join(path.name for path in done.files)}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
