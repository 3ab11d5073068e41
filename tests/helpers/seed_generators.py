"""A tiny classifier in memory, images of several sizes, and a generator of their seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mmpretrain.models import ImageClassifier
from PIL import Image
from torch import nn

from mmseg_wsss.generation import SeedGenerator, SeedImage
from mmseg_wsss.generation.images import SeedImageDataset
from mmseg_wsss.models.heads import ClassActivationHead
from mmseg_wsss.seeds import Seed

CLASSES = ('background', 'red', 'green', 'blue')

SEEDS = (Seed(0.0, 1.0), Seed(0.3, 1.0), Seed(0.3, 1.2))

MEAN, STD = (100.0, 110.0, 120.0), (50.0, 60.0, 70.0)

CHANNELS = 16


class TinyBackbone(nn.Module):
    """Two strided convolutions, output stride 4."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, CHANNELS, 3, stride=2, padding=1)

    def forward(self, images):
        return (self.second(self.first(images).relu()).relu(),)


def build_classifier(seed: int = 0) -> ImageClassifier:
    torch.manual_seed(seed)
    model = ImageClassifier(
        backbone=TinyBackbone(),
        head=ClassActivationHead(num_classes=3, in_channels=CHANNELS, dropout=0.5),
        data_preprocessor=dict(
            type='mmpretrain.ClsDataPreprocessor', mean=MEAN, std=STD, to_rgb=True
        ),
    )
    nn.init.normal_(model.head.class_layer.weight)
    return model.eval()


def build_images(folder: Path, count: int = 5) -> list[SeedImage]:
    random = np.random.default_rng(0)
    sizes = [(24, 32), (24, 32), (30, 20), (24, 32), (17, 23)]
    tags = [(1,), (2, 3), (1, 2, 3), (), (3,)]
    images = []
    for index in range(count):
        size = sizes[index % 5]
        small = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        path = folder / f'image {index}.png'
        Image.fromarray(small).resize(size[::-1], Image.Resampling.BILINEAR).save(path)
        images.append(SeedImage(f'image {index}', str(path), tags[index % 5]))
    return images


def build_generator(model=None, **options) -> SeedGenerator:
    options = dict(dict(seeds=SEEDS, refine=None, num_workers=0, num_writers=0), **options)
    return SeedGenerator(build_classifier() if model is None else model, CLASSES, **options)


def files_of(root: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes()
        for p in root.rglob('*.*')
        if p.suffix in ('.png', '.json')
    }


def samples_of(source, images, settings):
    """The samples that a source reads of images."""
    return [
        SeedImageDataset(
            images, source.views, settings.seeds, source.num_channels, flip=source.flip
        )[index]
        for index in range(len(images))
    ]
