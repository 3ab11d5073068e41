"""Make pseudo masks with a trained network: ``make_pseudo_masks.py CONFIG CHECKPOINT --out ROOT``.

The masks of the training images (or of ``--split``) are a new seed, for another round of
aggregation and training. Stopped, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import sys

import torch
from mmengine.config import Config, DictAction
from mmengine.dist import get_dist_info
from mmengine.registry import init_default_scope
from torch import nn

import mmseg_wsss  # patches the dependency stack before a config is read
from mmseg_wsss.datasets.tags import read_tags
from mmseg_wsss.generation.pseudo_mask_images import (
    PseudoMaskImages,
    training_classes,
    training_images,
)
from mmseg_wsss.generation.pseudo_masks import PseudoMaskMaker
from mmseg_wsss.seeds import CRF_PRESETS
from mmseg_wsss.utils.checkpoint import load_weights
from mmseg_wsss.utils.digest import json_sha256, weights_sha256
from mmseg_wsss.utils.process_group import join_process_group


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description='Make pseudo masks with a trained network.')
    parser.add_argument('config', help="path of the network's config file")
    parser.add_argument('checkpoint', help='path of the checkpoint')
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
    parser.add_argument('--device', help='e.g. cpu or cuda:0; default: a GPU if there is one')
    parser.add_argument('--num-workers', type=int, default=2, help='processes that read images')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace masks made with other settings'
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a checkpoint that carries code; never do this with a file of unknown origin',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='overrides of the config as key=value'
    )
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='launcher'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def build_model(config: Config, checkpoint: str, tta: bool, trust: bool) -> tuple[nn.Module, str]:
    """Build the network, under test-time augmentation if asked, and hash its weights."""
    model_config = config.model.copy()
    model_config.pop('init_cfg', None)
    model = mmseg_wsss.registry.MODELS.build(model_config)
    load_weights(model, checkpoint, trust)
    digest = weights_sha256(model)
    if tta:
        tta_config = dict(type='MergedTTAModel')  # mmseg's own keeps no probabilities
        model = mmseg_wsss.registry.MODELS.build(dict(tta_config, module=model))
    return model.eval(), digest


def find_pipeline(config: Config, tta: bool) -> list:
    """Give the pipeline that the images go through."""
    if tta:
        if config.get('tta_pipeline') is None:
            raise ValueError('--tta needs tta_pipeline in the config.')
        return config.tta_pipeline
    pipeline = config.get('test_pipeline')
    if pipeline is None:
        pipeline = (config.get('test_dataloader') or {}).get('dataset', {}).get('pipeline')
    if pipeline is None:
        raise ValueError('The config has neither test_pipeline nor a test_dataloader with one.')
    return pipeline


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
        if args.cfg_options is not None:
            config.merge_from_dict(args.cfg_options)
        init_default_scope(config.get('default_scope', 'mmseg'))
        classes, palette = training_classes(config)
        tags = None if args.tags is None else read_tags(args.tags, classes)
        pipeline = find_pipeline(config, args.tta)
        images = PseudoMaskImages(training_images(config, args.split), pipeline)
        model, digest = build_model(config, args.checkpoint, args.tta, args.trust_checkpoint)
        maker = PseudoMaskMaker(
            model.to(device),
            classes,
            palette,
            args.out,
            tags=tags,
            crf=args.crf,
            settings=dict(
                checkpoint_sha256=digest,
                pipeline_sha256=json_sha256([step.to_dict() for step in pipeline]),
                tags_sha256=None if tags is None else json_sha256(tags),
                tta=args.tta,
            ),
        )
        todo, kept = maker.prepare(images, args.overwrite)
        maker.make(images, todo, args.num_workers)
    except (OSError, ValueError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; the same command resumes', file=sys.stderr)
        return 130
    print(f'rank {rank}: {len(todo)} masks made, {kept} kept in {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
