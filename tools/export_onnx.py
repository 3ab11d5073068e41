"""Export a trained network to ONNX: ``export_onnx.py CHECKPOINT --out NET.onnx``.

The file takes photographs as they are and gives labels and probabilities; it is compared with the
network in torch before it is kept.
"""

from __future__ import annotations

import argparse
import sys

import mmseg_wsss.register_all  # noqa: F401  # registers the parts that the config names
from mmseg_wsss.apis.export_onnx import OPSETS, export_onnx
from mmseg_wsss.apis.inferencer import Inferencer
from mmseg_wsss.utils.options import add_trust_option


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description='Export a trained network to ONNX.')
    parser.add_argument('checkpoint', help='checkpoint of a trained segmentation network')
    parser.add_argument('--out', required=True, help='the file to write, *.onnx')
    parser.add_argument('--config', help="the network's config; default: the checkpoint's own")
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='export for single images of this size; default: batches and images of any size',
    )
    parser.add_argument(
        '--opset',
        type=int,
        default=17,
        help=f"version of ONNX's operators, {OPSETS[0]} to {OPSETS[-1]} (default: 17)",
    )
    parser.add_argument(
        '--photos', help='photograph or folder to compare on, beside generated images'
    )
    add_trust_option(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Export the network and give the exit status."""
    args = parse_args(arguments)
    try:
        inferencer = Inferencer(
            args.checkpoint, args.config, 'cpu', trust_checkpoint=args.trust_checkpoint
        )
        result = export_onnx(inferencer, args.out, args.size, args.opset, args.photos)
    except (ImportError, OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    shape = 'batch, 3, height, width' if result.size is None else '1, 3, {}, {}'.format(*args.size)
    print(f'{result.path}: {result.num_bytes / 2**20:.1f} MiB, input image: uint8 ({shape}), RGB')
    if result.whole_instead_of_slide:
        print('note: the config tests by sliding window, the file has the network on whole images')
    print(
        f'compared on {result.inputs} inputs: probabilities differ by at most '
        f'{result.largest_difference:.1e}, {result.other_labels} of {result.pixels} labels by a '
        f'tie; torch {result.torch_seconds:.2f} s, onnxruntime {result.onnx_seconds:.2f} s'
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
