"""Tiny segmentors in memory, and batches of images and seed codes for them."""

from __future__ import annotations

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_wsss.registry import MODELS

from .network_run import TRAINING_CONFIG

SIZE = (24, 32)


def build_network(**options: object) -> nn.Module:
    """Build the network of ``TRAINING_CONFIG`` with other options, e.g. another ``type``."""
    init_default_scope('mmseg')
    config = Config.fromstring(TRAINING_CONFIG, '.py')
    config.merge_from_dict(dict(model=options))
    model = MODELS.build(config.model)
    model.init_weights()
    return model


def seed_batch(num_images: int = 2, size: tuple[int, int] = SIZE, num_classes: int = 3) -> dict:
    """Make images of noise, and blocks of labels with a noisy and an ignored stripe."""
    generator = torch.Generator().manual_seed(0)
    height, width = size
    samples = []
    for _ in range(num_images):
        code = torch.randint(0, num_classes, (1, height // 4, width // 4), generator=generator)
        code = code.repeat_interleave(4, 1).repeat_interleave(4, 2)
        code[:, :6] += 256
        code[:, 6:8] = 255
        sample = SegDataSample(metainfo=dict(img_shape=size, ori_shape=size, pad_shape=size))
        sample.gt_sem_seg = PixelData(data=code)
        samples.append(sample)
    images = torch.randint(0, 256, (num_images, 3, *size), generator=generator, dtype=torch.uint8)
    return dict(inputs=list(images), data_samples=samples)
