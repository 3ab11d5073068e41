"""Joins the processes of a launcher, on GPUs or on CPUs alone."""

from __future__ import annotations

import torch
from mmengine.config import Config
from mmengine.dist import init_dist


def join_process_group(launcher: str) -> None:
    """Join the process group of the launcher, if there is one.

    Args:
        launcher (str): ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
    """
    if launcher == 'pytorch' and not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo')  # mmengine's own insists on a GPU
    elif launcher != 'none':
        init_dist(launcher, backend='nccl' if torch.cuda.is_available() else 'gloo')


def prepare_runner_on_cpu(cfg: Config) -> None:
    """Let mmengine's runner work with several processes on a machine without a GPU.

    Args:
        cfg (Config): The runner's config with its ``launcher``; gets a ``model_wrapper_cfg``.
    """
    if cfg.launcher == 'pytorch' and not torch.cuda.is_available():
        join_process_group(cfg.launcher)
        cfg.setdefault(
            'model_wrapper_cfg',
            dict(
                type='MMDistributedDataParallel',
                device_ids=None,
                broadcast_buffers=False,
                find_unused_parameters=cfg.get('find_unused_parameters', False),
            ),
        )
