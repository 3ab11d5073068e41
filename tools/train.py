"""Train a classifier or a segmentor: ``python tools/train.py CONFIG``, with mmseg's own options."""

from __future__ import annotations

import argparse
import os.path as osp
import sys

from mmengine.config import Config, ConfigDict
from mmengine.device import get_device

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.datasets import StaleSeedsError
from mmseg_wsss.engine import ClassesError, ScheduleError, WSSSRunner
from mmseg_wsss.engine.metrics import GroundTruthError, use_segmentation_metric
from mmseg_wsss.utils.checkpoint import find_resumable, read_safely_in_mmengine
from mmseg_wsss.utils.image import ImageError
from mmseg_wsss.utils.options import (
    add_config_option,
    add_launcher_option,
    add_trust_option,
    use_local_rank,
)
from mmseg_wsss.utils.overrides import apply_overrides
from mmseg_wsss.utils.process_group import prepare_runner_on_cpu

GROUPED = 'GroupedOptimWrapperConstructor'


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description='Train a classifier or a segmentor.')
    parser.add_argument('config', help='path of the config file')
    parser.add_argument('--work-dir', help='where logs and checkpoints go')
    parser.add_argument(
        '--resume', action='store_true', help='go on from the latest checkpoint in the work dir'
    )
    add_trust_option(parser)
    parser.add_argument(
        '--amp', action='store_true', help='train in mixed precision: float16, on the CPU bfloat16'
    )
    add_config_option(parser)
    add_launcher_option(parser)
    args = parser.parse_args()
    use_local_rank(args)
    return args


def build_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the command line to it."""
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    apply_overrides(cfg, args.cfg_options)
    # The command line goes before the config, and the config before its file name.
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join('work_dirs', osp.splitext(osp.basename(args.config))[0])
    if args.amp:
        use_mixed_precision(cfg.optim_wrapper)
    cfg.resume = args.resume
    if args.resume and not cfg.get('load_from'):
        resume_from_latest(cfg, args.trust_checkpoint)
    make_resumable(cfg)
    use_segmentation_metric(cfg.get('val_evaluator'))
    # The same updates with fewer kernels.
    set_constructor(cfg, f'mmseg_wsss.{GROUPED}')
    return cfg


def use_mixed_precision(optim_wrapper: ConfigDict) -> None:
    """Train in float16 with scaled gradients on an accelerator, in bfloat16 on the CPU."""
    name = optim_wrapper.type.removeprefix('mmseg_wsss.')
    if name in ('AmpOptimWrapper', 'BFloat16OptimWrapper'):
        return
    if name != 'OptimWrapper':
        raise ValueError(f'--amp needs optim_wrapper.type OptimWrapper, the config has {name}.')
    if get_device() == 'cpu':  # mmengine's own runs on accelerators only
        optim_wrapper.type = 'mmseg_wsss.BFloat16OptimWrapper'
    else:
        optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')


def resume_from_latest(cfg: Config, trust: bool) -> None:
    """Go on from the newest whole checkpoint, with its random seed and groups of parameters."""
    found = find_resumable(cfg.work_dir, trust)
    if found is None:
        return
    cfg.load_from, content = found
    seed = content['meta'].get('seed')
    # The order of the images is drawn before mmengine reads the seed from the checkpoint.
    if seed is not None and (cfg.get('randomness') or {}).get('seed') is None:
        cfg.randomness = dict(cfg.get('randomness') or {}, seed=seed)
    # The optimizer's state is in the groups that the training began with.
    if GROUPED not in str(content['meta'].get('cfg', '')):
        set_constructor(cfg, 'DefaultOptimWrapperConstructor')


def set_constructor(cfg: Config, name: str) -> None:
    """Let this constructor make the optimizer, unless the config names one."""
    if 'optimizer' in (cfg.get('optim_wrapper') or {}):
        cfg.optim_wrapper.setdefault('constructor', name)


def make_resumable(cfg: Config) -> None:
    """Add the hooks of a training that can be stopped, resumed and left alone.

    Checkpoints are written atomically, a resumed training draws the same random numbers, and one
    that diverges stops.
    """
    hooks = cfg.setdefault('default_hooks', {})
    checkpoint = hooks.setdefault('checkpoint', dict(type='CheckpointHook', interval=1))
    if checkpoint is not None and checkpoint.get('type') == 'CheckpointHook':
        checkpoint['type'] = 'mmseg_wsss.AtomicCheckpointHook'
    custom = list(cfg.get('custom_hooks') or [])
    for name in ('ResumableRandomnessHook', 'DivergenceHook'):
        if not any(name in str(hook.get('type')) for hook in custom):
            custom.append(dict(type=f'mmseg_wsss.{name}'))
    cfg.custom_hooks = custom


def main() -> int:
    """Train; return the exit status."""
    args = parse_args()
    try:
        try:
            cfg = build_config(args)
        except ValueError as error:
            raise SystemExit(f'error: {error}') from None
        read_safely_in_mmengine(args.trust_checkpoint)
        prepare_runner_on_cpu(cfg)
        WSSSRunner.from_cfg(cfg).train()
    except (
        FileNotFoundError,
        FloatingPointError,
        ScheduleError,
        ClassesError,
        StaleSeedsError,
        GroundTruthError,
    ) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except ImageError as error:
        # A process that loads images adds its traceback before the message.
        message = str(error).strip().splitlines()[-1]
        print(
            f'\nerror: {message.removeprefix(f"{ImageError.__module__}.ImageError: ")}',
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; the same command with --resume goes on', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
