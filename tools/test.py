"""Test a model: ``python tools/test.py CONFIG CHECKPOINT``, mmseg's options, a CRF and tags."""

from __future__ import annotations

import argparse
import os.path as osp

from mmengine.config import Config

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.checks.configs import find_datasets
from mmseg_wsss.engine import ClassesError, WSSSRunner
from mmseg_wsss.engine.loops import TagsError
from mmseg_wsss.engine.metrics import GroundTruthError, use_segmentation_metric
from mmseg_wsss.utils.checkpoint import (
    find_checkpoint,
    read_checkpoint,
    read_safely_in_mmengine,
)
from mmseg_wsss.utils.options import (
    add_checkpoint_argument,
    add_config_option,
    add_launcher_option,
    add_trust_option,
    use_local_rank,
)
from mmseg_wsss.utils.overrides import apply_overrides
from mmseg_wsss.utils.process_group import prepare_runner_on_cpu


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description='Test and score a classifier or a segmentor.')
    parser.add_argument('config', help='path of the config file')
    add_checkpoint_argument(parser, 'a trained model')
    add_trust_option(parser)
    parser.add_argument('--work-dir', help='where logs and the scores (JSON) go')
    parser.add_argument('--out', help='folder to write the predicted masks to (PNG)')
    parser.add_argument('--show', action='store_true', help='show the predictions in a window')
    parser.add_argument('--show-dir', help='folder, under the work dir, for painted predictions')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds a shown image stays')
    parser.add_argument('--tta', action='store_true', help='test-time augmentation')
    parser.add_argument(
        '--crf',
        choices=['deeplab', 'psa', 'irn'],
        help='refine the predictions by a dense CRF with this preset before scoring',
    )
    parser.add_argument(
        '--tags',
        help='tags file: tell the network the tags of the images, no other class is predicted',
    )
    add_config_option(parser, 'test_dataloader.batch_size=4')
    add_launcher_option(parser)
    args = parser.parse_args()
    use_local_rank(args)
    return args


def build_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the command line to it.

    Raises:
        FileNotFoundError, ValueError: If there is no such config, or it has nothing to test on.
    """
    cfg = Config.fromfile(args.config)
    if cfg.get('test_dataloader') is None:
        raise ValueError(
            f'{args.config}: there is nothing to test on (test_dataloader is None): the data set '
            'has no masks. tools/predict.py segments photographs without.'
        )
    cfg.launcher = args.launcher
    apply_overrides(cfg, args.cfg_options)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join('work_dirs', osp.splitext(osp.basename(args.config))[0])
    cfg.load_from = find_checkpoint(args.checkpoint)
    if args.show or args.show_dir:
        hook = cfg.default_hooks.get('visualization')
        if hook is None:
            raise SystemExit(
                '--show and --show-dir need default_hooks.visualization in the config, e.g. '
                "dict(type='SegVisualizationHook')."
            )
        # Upstream's hook counts the interval in a test as well, the fork's does not.
        hook.update(draw=True, show=args.show, wait_time=args.wait_time, interval=1)
        if args.show_dir:
            hook.update(
                type='mmseg_wsss.PaintedPredictionsHook',
                out_dir=osp.join(cfg.work_dir, args.show_dir),
                image_folder=find_image_folder(cfg),
            )
    if args.tta:
        if 'tta_pipeline' not in cfg or 'tta_model' not in cfg:
            raise SystemExit('--tta needs tta_pipeline and tta_model in the config.')
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.tta_model.module = cfg.model
        cfg.model = cfg.tta_model
    if args.crf or args.tags:
        cfg.test_cfg = dict(type='DenseCRFTestLoop' if args.crf else 'TaggedTestLoop')
    if args.crf:
        cfg.test_cfg.crf = dict(preset=args.crf)
    if args.tags:
        cfg.test_cfg.update(tags=args.tags, image_folder=find_image_folder(cfg))
    cfg.setdefault('default_hooks', {})
    logger = cfg.default_hooks.setdefault('logger', dict(type='LoggerHook'))
    if logger is not None and logger.get('type') == 'LoggerHook':
        # With several processes mmengine's can tear the file of the scores.
        cfg.default_hooks.logger = {**logger, 'type': 'ScoresLoggerHook'}
    set_metrics(cfg, args.out)
    return cfg


def set_metrics(cfg: Config, out: str | None) -> None:
    """Let mmseg's metrics say over how many classes their mIoU is, and write predictions.

    Args:
        cfg (Config): Its evaluator is changed.
        out (str, optional): Folder of the predictions.
    """
    metrics = use_segmentation_metric(cfg.get('test_evaluator'))
    if out is None:
        return
    if not metrics:
        raise ValueError('--out writes masks: it needs a segmentor, with a SegmentationMetric.')
    metrics[0].update(output_dir=out, image_folder=find_image_folder(cfg))


def find_image_folder(cfg: Config) -> str:
    """Find the folder of the images that are tested, or one that holds those of all data sets."""
    folders = [
        osp.join(one.get('data_root') or '', (one.get('data_prefix') or {}).get('img_path') or '')
        for where, one in find_datasets(cfg)
        if where.startswith('test_dataloader')
    ]
    return osp.commonpath(map(osp.abspath, folders))


def main() -> None:
    """Test and score."""
    args = parse_args()
    try:
        cfg = build_config(args)
        # Before data sets are built; mmengine reads it once more.
        read_checkpoint(cfg.load_from, args.trust_checkpoint)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None
    read_safely_in_mmengine(args.trust_checkpoint)
    prepare_runner_on_cpu(cfg)
    try:
        WSSSRunner.from_cfg(cfg).test()
    except (ClassesError, GroundTruthError, TagsError) as error:
        raise SystemExit(f'error: {error}') from None


if __name__ == '__main__':
    main()
