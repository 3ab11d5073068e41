"""Classifier, images and clock that the benchmarks of the seeds share."""

from __future__ import annotations

import argparse
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import init_default_scope
from PIL import Image
from torch import nn

from mmseg_wsss.generation import SeedImage
from mmseg_wsss.registry import MODELS

BACKBONES = {
    'resnet50': (dict(type='mmpretrain.ResNet', depth=50, strides=(1, 2, 2, 1)), 2048),
    'mobilenet_v2': (dict(type='mmpretrain.MobileNetV2'), 1280),
}
NUM_FOREGROUND = 20
CLOCKS = dict(wall=time.perf_counter, cpu=time.process_time)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of both benchmarks."""
    parser.add_argument('--images', type=Path, help='folder of photographs (default: samples)')
    parser.add_argument('--count', type=int, default=1, help='number of images')
    parser.add_argument('--tags', type=int, default=2, help='tags per image')
    parser.add_argument('--backbone', choices=BACKBONES, default='mobilenet_v2')
    parser.add_argument('--size', type=int, default=500, help='longer side of the images')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--amp', choices=['bfloat16', 'float16'], help='for our backbone passes')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument(
        '--clock',
        choices=CLOCKS,
        default='wall',
        help='cpu: seconds of processor time of this process, for machines that do other work',
    )


def build_classifier(args: argparse.Namespace) -> nn.Module:
    """A classifier over 20 foreground classes with random weights: time depends on none."""
    init_default_scope('mmseg')
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    backbone, channels = BACKBONES[args.backbone]
    model = MODELS.build(
        dict(
            type='mmpretrain.ImageClassifier',
            backbone=dict(backbone),
            head=dict(type='ClassActivationHead', num_classes=NUM_FOREGROUND, in_channels=channels),
            data_preprocessor=dict(
                type='mmpretrain.ClsDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                to_rgb=True,
            ),
        )
    )
    # Some activation, so that the seeds have shapes.
    nn.init.normal_(model.head.class_layer.weight)
    return model.eval().to(args.device)


def find_images(args: argparse.Namespace, folder: Path) -> list[SeedImage]:
    """Photographs of the folder given, or scikit-learn's, at the size asked for."""
    if args.images:
        paths = sorted(p for p in args.images.iterdir() if p.suffix.lower() in ('.jpg', '.png'))
        if not paths:
            raise SystemExit(f'{args.images}: there are no .jpg or .png files.')
        pictures = [Image.open(path).convert('RGB') for path in paths[: args.count]]
    else:
        from sklearn.datasets import load_sample_images

        samples = load_sample_images().images
        pictures = [Image.fromarray(samples[i % len(samples)]) for i in range(args.count)]
    random = np.random.default_rng(0)
    images = []
    for number, picture in enumerate(pictures):
        factor = args.size / max(picture.size)
        picture = picture.resize([round(side * factor) for side in picture.size])
        path = folder / f'{number}.jpg'
        picture.save(path, quality=95)
        tags = sorted(random.choice(NUM_FOREGROUND, args.tags, replace=False) + 1)
        images.append(SeedImage(str(number), str(path), tuple(int(tag) for tag in tags)))
    return images


def best_seconds(
    ways: dict[str, Callable], args: argparse.Namespace, count: int
) -> dict[str, float]:
    """Least seconds per image of each way; the ways take turns, so noise meets all of them."""
    clock = CLOCKS[args.clock]
    best = dict.fromkeys(ways, float('inf'))
    for _ in range(args.repeats):
        for name, way in ways.items():
            started = clock()
            way()
            if args.device != 'cpu':
                torch.cuda.synchronize()
            best[name] = min(best[name], (clock() - started) / count)
    return best


def print_setting(args: argparse.Namespace, images: list[SeedImage]) -> None:
    """Say what is measured, and where."""
    with Image.open(images[0].path) as first:
        size = f'{first.width} x {first.height}'
    source = args.images or "scikit-learn's sample images"
    device = torch.cuda.get_device_name() if args.device != 'cpu' else _processor()
    print(f'{len(images)} images from {source}, first {size}, {args.tags} tags each')
    print(f'{args.backbone}, {args.threads} threads, {device}, torch {torch.__version__}')
    print(f'{args.clock} time, best of {args.repeats}')


def peak_megabytes(device: str) -> float:
    """Most memory held so far: of the GPU if there is one, else of this process."""
    if device != 'cpu':
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _processor() -> str:
    try:
        for line in Path('/proc/cpuinfo').read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
