"""Tag photographs with a classifier: ``predict_tags.py PHOTOS CHECKPOINT --out FILE``.

The file is one that every ``--tags`` takes: told which classes a photograph shows, a segmentation
network predicts no others.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter

import mmseg_wsss.register_all  # noqa: F401  # registers the parts that the config names
from mmseg_wsss.apis.tagger import THRESHOLD, Tagger, tag_folder
from mmseg_wsss.datasets.splits import read_split
from mmseg_wsss.datasets.tags import write_tags
from mmseg_wsss.utils.checkpoint import find_checkpoint
from mmseg_wsss.utils.options import (
    add_checkpoint_argument,
    add_device_option,
    add_shift_option,
    add_trust_option,
)


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description='Tag photographs with a trained classifier.')
    parser.add_argument('photos', help='folder of photographs')
    add_checkpoint_argument(parser, 'a trained classifier')
    parser.add_argument('--out', required=True, help='the tags file to write, .csv or .json')
    parser.add_argument('--config', help="the classifier's config; default: the checkpoint's own")
    parser.add_argument(
        '--threshold',
        type=float,
        default=THRESHOLD,
        help='score from which a class is a tag, 0 to 1 (default: %(default)s)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace the file')
    parser.add_argument('--split', help='list of image ids: tag these alone')
    add_device_option(parser)
    add_trust_option(parser)
    add_shift_option(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Tag the photographs and give the exit status."""
    args = parse_args(arguments)
    try:
        if os.path.exists(args.out) and not args.overwrite:
            raise FileExistsError(f'{args.out}: is there already; --overwrite replaces it.')
        image_ids = None if args.split is None else read_split(args.split)
        tagger = Tagger(
            find_checkpoint(args.checkpoint),
            args.config,
            args.device,
            args.trust_checkpoint,
            args.shift_bits,
        )
        found = tag_folder(tagger, args.photos, args.threshold, image_ids)
        write_tags(args.out, found.tags, ['background', *tagger.classes])
    except (OSError, ValueError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    counts = Counter(label for labels in found.tags.values() for label in labels)
    shown = ', '.join(f'{name} {counts[1 + k]}' for k, name in enumerate(tagger.classes))
    print(f'{len(found.tags)} images tagged in {args.out}: {shown}')
    if empty := sum(not labels for labels in found.tags.values()):
        print(f'{empty} have no tag: no score reaches {args.threshold:g}')
    for problem in found.problems:
        print(f'error: {problem}', file=sys.stderr)
    return 1 if found.problems else 0


if __name__ == '__main__':
    sys.exit(main())
