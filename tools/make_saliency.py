"""Make saliency maps: ``make_saliency.py IMAGES --model NET.onnx --out DIR``.

Runs a salient-object network, such as U-2-Net, on every image of a folder. Stopped, the same
command goes on where it was. Seeds made with saliency maps have the supervision I+S.
"""

from __future__ import annotations

import argparse
import sys

import mmseg_wsss.register_all  # noqa: F401  # prepares the stack
from mmseg_wsss.apis.make_saliency import make_saliency
from mmseg_wsss.generation.saliency_net import BACKENDS, SaliencyNet


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description='Make saliency maps of a folder of images.')
    parser.add_argument('images', help='folder of images')
    parser.add_argument('--model', required=True, help='ONNX file of the network')
    parser.add_argument('--out', required=True, help='folder of the maps')
    parser.add_argument('--size', type=int, default=320, help="side of the network's input")
    parser.add_argument(
        '--mean', type=float, nargs=3, default=(0.485, 0.456, 0.406), help='of R, G, B in 0..1'
    )
    parser.add_argument(
        '--std', type=float, nargs=3, default=(0.229, 0.224, 0.225), help='of R, G, B in 0..1'
    )
    parser.add_argument(
        '--backend', choices=BACKENDS, help='default: onnxruntime where it is installed'
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace maps made with another network'
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Make the maps and give the exit status."""
    args = parse_args(arguments)
    try:
        net = SaliencyNet(args.model, args.size, args.mean, args.std, args.backend)
        summary = make_saliency(args.images, net, args.out, args.overwrite)
    except (OSError, ValueError, ImportError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; the same command resumes', file=sys.stderr)
        return 130
    print(f'{summary.made} saliency maps made by {net.backend}, {summary.kept} kept in {args.out}')
    for problem in summary.problems:
        print(f'error: {problem}', file=sys.stderr)
    return 1 if summary.problems else 0


if __name__ == '__main__':
    sys.exit(main())
