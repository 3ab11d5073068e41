"""How long trainings and seeds take on this machine, measured on a few steps of each."""

from __future__ import annotations

import io
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmpretrain.structures import DataSample
from mmseg.structures import SegDataSample
from torch import nn

from ..datasets.splits import read_split
from ..datasets.tags_dataset import crop_size
from ..generation.images import SeedImage
from ..generation.seed_generator import SeedGenerator
from ..generation.settings import SeedSettings
from ..registry import MODELS
from ..utils.quiet import errors_alone

# The first step allocates memory and chooses kernels.
_STEPS = 2


def estimate_seconds(
    cls_config: str | os.PathLike,
    pnl_config: str | os.PathLike,
    photographs: Sequence[str],
    num_images: int,
    affinity_config: str | os.PathLike | None = None,
) -> dict[str, float]:
    """Measure a few steps of each part and multiply.

    The networks have random weights and the training images are noise, so this needs no weights
    and no labels. Validation and the reading of images are not in it.

    Args:
        cls_config (str | os.PathLike): The classifier's config.
        pnl_config (str | os.PathLike): The segmentation network's.
        photographs (Sequence[str]): Paths of one or a few photographs.
        num_images (int): Number of images to make seeds of.
        affinity_config (str | os.PathLike, optional): An affinity network's.

    Returns:
        dict[str, float]: Seconds of ``'classifier'``, ``'seeds'`` (without random walks),
        ``'network'`` and, with its config, ``'affinity'``.
    """
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    cls, pnl = Config.fromfile(str(cls_config)), Config.fromfile(str(pnl_config))
    init_default_scope('mmseg')
    classifier = _build(cls, device)
    dataset = cls.train_dataloader.dataset
    number = len(read_split(Path(dataset.data_root, dataset.ann_file)))
    batch = cls.train_dataloader.batch_size
    epochs = cls.train_cfg.max_epochs
    size = crop_size(dataset.pipeline)
    num_classes = cls.model.head.num_classes
    samples = [
        DataSample().set_gt_score(torch.ones(num_classes)) for _ in range(min(batch, number))
    ]
    step = _training_step(classifier, samples, size, device)
    seconds = dict(classifier=_time(step, device) * epochs * -(-number // batch))
    seconds['seeds'] = _time_seeds(cls, classifier, photographs, device) * num_images
    seconds['network'] = _time_network(pnl, pnl.model.decode_head.num_classes, device)
    if affinity_config is not None:
        affinity = Config.fromfile(str(affinity_config))
        seconds['affinity'] = _time_network(affinity, num_classes + 1, device)
    return seconds


def _time_network(config: Config, num_classes: int, device: torch.device) -> float:
    """Seconds of the training of a network that learns masks."""
    size = tuple(config.model.data_preprocessor.get('size') or (512, 512))
    samples = []
    for _ in range(config.train_dataloader.batch_size):
        label = torch.randint(0, num_classes, (1, *size))
        samples.append(
            SegDataSample(gt_sem_seg=PixelData(data=label), metainfo=dict(img_shape=size))
        )
    step = _training_step(_build(config, device), samples, size, device)
    return _time(step, device) * config.train_cfg.max_iters


def _build(config: Config, device: torch.device) -> nn.Module:
    model_config = config.model.copy()
    model_config.pop('init_cfg', None)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # the training says them as well
        model = MODELS.build(model_config)
    return revert_sync_batchnorm(model).to(device)


def _training_step(
    model: nn.Module, samples: list, size: tuple[int, int], device: torch.device
) -> Callable[[], None]:
    model.train()
    images = [torch.randint(0, 256, (3, *size), dtype=torch.uint8) for _ in samples]

    def step() -> None:
        data = model.data_preprocessor(dict(inputs=images, data_samples=samples), True)
        losses = model(**data, mode='loss')
        total, _ = model.parse_losses(losses)
        total.backward()
        model.zero_grad(set_to_none=True)

    return step


def _time(step: Callable[[], None], device: torch.device) -> float:
    """Seconds of one call."""
    step()
    started = _now(device)
    for _ in range(_STEPS):
        step()
    return (_now(device) - started) / _STEPS


def _time_seeds(
    config: Config, classifier: nn.Module, photographs: Sequence[str], device: torch.device
) -> float:
    """Seconds of the seeds of one image with one tag."""
    settings = SeedSettings.from_config(
        config, device=str(device), report=False, background=dict(threshold=0.3), num_workers=0
    )
    classes = list(config.train_dataloader.dataset.metainfo.classes)
    images = [SeedImage(f'image{index}', path, (1,)) for index, path in enumerate(photographs)]
    with (
        errors_alone(),
        tempfile.TemporaryDirectory() as folder,
        redirect_stderr(io.StringIO()),
    ):
        generator = SeedGenerator(classifier, classes, None, settings)
        started = _now(device)
        generator.run(images, folder, False, {})
        return (_now(device) - started) / len(images)


def _now(device: torch.device) -> float:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    return time.monotonic()
