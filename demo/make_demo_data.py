"""Generate the demo's scenes: ``python demo/make_demo_data.py OUT``.

OUT then holds images/, masks/, tags.csv, train.txt and val.txt. The same options give the same
files, byte for byte.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scenes import SceneSet, write_scenes

from mmseg_wsss.utils.progress import Progress


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    default = SceneSet()
    parser = argparse.ArgumentParser(description="Generate the demo's scenes.")
    parser.add_argument('out', type=Path, help='folder, new or empty')
    parser.add_argument('--train', type=int, default=default.num_train, help='training scenes')
    parser.add_argument('--val', type=int, default=default.num_val, help='validation scenes')
    parser.add_argument('--seed', type=int, default=default.seed, help='random seed')
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(arguments)
    try:
        scenes = SceneSet(args.train, args.val, args.seed)
        if args.out.is_dir() and any(args.out.iterdir()):
            raise ValueError(f'{args.out}: the folder is not empty, expected a new one')
        progress = Progress(scenes.num_train + scenes.num_val, 'Scenes')
        digest = write_scenes(args.out, scenes, progress.step)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(f'{args.out}: {args.train} + {args.val} scenes, sha256 {digest}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
