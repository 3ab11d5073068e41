"""Make pseudo masks with a trained network: ``make_pseudo_masks.py CONFIG CHECKPOINT --out ROOT``.

The masks of the training images (or of ``--split``) are a new seed, for another round of
aggregation and training. Stopped, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import sys

import torch
from mmengine.config import Config
from mmengine.dist import get_dist_info
from mmengine.registry import init_default_scope

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.apis import make_pseudo_masks
from mmseg_wsss.seeds import CRF_PRESETS
from mmseg_wsss.utils.checkpoint import find_checkpoint
from mmseg_wsss.utils.options import (
    add_checkpoint_argument,
    add_config_option,
    add_device_option,
    add_launcher_option,
    add_trust_option,
    use_local_rank,
)
from mmseg_wsss.utils.overrides import apply_overrides
from mmseg_wsss.utils.process_group import join_process_group


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description='Make pseudo masks with a trained network.')
    parser.add_argument('config', help="path of the network's config file")
    add_checkpoint_argument(parser, 'a trained network')
    parser.add_argument('--out', required=True, help='folder of the masks')
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        '--tags', help='tags file: only the classes in the tags of an image can be in its mask'
    )
    which.add_argument(
        '--all-classes', action='store_true', help='no tags: every class can be anywhere'
    )
    parser.add_argument(
        '--split', help='list of image ids; default: the images that the config trains on'
    )
    parser.add_argument('--tta', action='store_true', help='test-time augmentation')
    parser.add_argument('--crf', choices=CRF_PRESETS, help='preset of the dense CRF')
    add_device_option(parser)
    parser.add_argument('--num-workers', type=int, default=2, help='processes that read images')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace masks made with other settings'
    )
    add_trust_option(parser)
    add_config_option(parser)
    add_launcher_option(parser)
    args = parser.parse_args(arguments)
    use_local_rank(args)
    return args


def main(arguments: list[str] | None = None) -> int:
    """Make the masks and give the exit status."""
    args = parse_args(arguments)
    join_process_group(args.launcher)
    rank, _ = get_dist_info()
    device = args.device
    if device is None:
        local_rank = int(os.environ['LOCAL_RANK']) if args.launcher != 'none' else 0
        device = f'cuda:{local_rank}' if torch.cuda.is_available() else 'cpu'
    try:
        config = Config.fromfile(args.config)
        apply_overrides(config, args.cfg_options)
        init_default_scope(config.get('default_scope', 'mmseg'))
        made, kept = make_pseudo_masks(
            config,
            find_checkpoint(args.checkpoint),
            args.out,
            tags=args.tags,
            split=args.split,
            tta=args.tta,
            crf=args.crf,
            device=device,
            num_workers=args.num_workers,
            overwrite=args.overwrite,
            trust_checkpoint=args.trust_checkpoint,
        )
    except (OSError, ValueError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; the same command resumes', file=sys.stderr)
        return 130
    print(f'rank {rank}: {made} masks made, {kept} kept in {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
