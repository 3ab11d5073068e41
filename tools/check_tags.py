"""Can tags be told from photographs? ``python tools/check_tags.py CONFIG [CHECKPOINT]``.

Without a checkpoint by the features that the classifier starts from, in seconds and before it is
trained; with one, by the trained classifier. Exit status: 0 if better than chance, 1 if not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import torch
from mmengine.config import Config

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.apis import check_tags
from mmseg_wsss.utils.checkpoint import read_safely_in_mmengine
from mmseg_wsss.utils.initial_weights import fetch_initial_weights
from mmseg_wsss.utils.options import add_config_option, add_device_option, add_trust_option
from mmseg_wsss.utils.overrides import apply_overrides


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('config', help="the classifier's config")
    parser.add_argument('checkpoint', nargs='?', help='its checkpoint, once it is trained')
    add_device_option(parser)
    add_trust_option(parser)
    add_config_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        config = Config.fromfile(args.config)
        apply_overrides(config, args.cfg_options)
        read_safely_in_mmengine(args.trust_checkpoint)
        if args.checkpoint is None:
            fetch_initial_weights(config)
        found = check_tags(config, args.checkpoint, args.trust_checkpoint, device)
    except (ValueError, OSError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    print('\n'.join(found.lines()))
    return int(not found.passed)


if __name__ == '__main__':
    sys.exit(main())
