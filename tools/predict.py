"""Segment new photographs: ``predict.py PHOTOS CHECKPOINT --out DIR``.

Writes palette PNGs to ``DIR/masks`` and overlays to ``DIR/overlays``, with the folders of PHOTOS.
Stopped, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import sys

import mmseg_wsss.register_all  # noqa: F401  # registers the parts that the config names
from mmseg_wsss.apis.inferencer import Inferencer
from mmseg_wsss.apis.predict import predict_folder
from mmseg_wsss.seeds import CRF_PRESETS
from mmseg_wsss.utils.checkpoint import find_checkpoint
from mmseg_wsss.utils.options import (
    add_checkpoint_argument,
    add_device_option,
    add_shift_option,
    add_trust_option,
)


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description='Segment new photographs.')
    parser.add_argument('photos', help='folder of photographs')
    add_checkpoint_argument(parser, 'a trained network')
    parser.add_argument('--out', required=True, help='folder of the masks and overlays')
    parser.add_argument('--config', help="the network's config; default: the checkpoint's own")
    parser.add_argument('--tags', help='tags file: only the tagged classes can be in a mask')
    parser.add_argument('--crf', choices=CRF_PRESETS, help='preset of the dense CRF')
    add_device_option(parser)
    parser.add_argument(
        '--overwrite', action='store_true', help='replace masks made with other settings'
    )
    add_trust_option(parser)
    add_shift_option(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Segment the photographs and give the exit status."""
    args = parse_args(arguments)
    try:
        inferencer = Inferencer(
            find_checkpoint(args.checkpoint),
            args.config,
            args.device,
            args.crf,
            args.trust_checkpoint,
            args.shift_bits,
        )
        result = predict_folder(inferencer, args.photos, args.out, args.tags, args.overwrite)
    except (OSError, ValueError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; the same command resumes', file=sys.stderr)
        return 130
    print(f'{result.made} images segmented, {result.kept} kept in {args.out}')
    for problem in result.problems:
        print(f'error: {problem}', file=sys.stderr)
    return 1 if result.problems else 0


if __name__ == '__main__':
    sys.exit(main())
