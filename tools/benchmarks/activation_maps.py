"""Time the activation maps of the paper's six seeds.

Against one set of passes per seed, the straightforward way, and against the floor: the backbone
passes alone, of the network as it is built and of the one that is run (BatchNorm folded,
channels-last). Reading the JPEG is left out everywhere; resizing is part of both ways.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import mmcv
import torch
import torch.nn.functional as F
from seed_inputs import (
    add_arguments,
    best_seconds,
    build_classifier,
    find_images,
    peak_megabytes,
    print_setting,
)
from torch import Tensor, nn

from mmseg_wsss.generation import ActivationExtractor, SeedImage
from mmseg_wsss.generation.extractor import ImageNormalizer
from mmseg_wsss.generation.images import SeedImageDataset
from mmseg_wsss.seeds import PAPER_SEEDS
from mmseg_wsss.utils.image import read_image

SCALES = (0.5, 1.0, 1.5, 2.0)


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    return parser.parse_args()


class Preloaded(SeedImageDataset):
    """The images are read once, everything else is done each time."""

    def __init__(self, images: list[SeedImage], *args) -> None:
        super().__init__(images, *args)
        self.pixels = {image.path: read_image(image.path) for image in images}

    def read(self, path: str):
        return self.pixels[path], None


@torch.inference_mode()
def one_pass_per_seed(model: nn.Module, image, pixels, seeds=PAPER_SEEDS) -> list[Tensor]:
    """Activation maps the usual way: each seed by itself, all classes, then those of the tags."""
    normalize = ImageNormalizer(model)
    device = next(model.parameters()).device
    size = pixels.shape[:2]
    results = []
    for seed in seeds:
        total = 0
        for scale in SCALES:
            height, width = (round(side * scale * seed.scale) for side in size)
            view = torch.from_numpy(mmcv.imresize(pixels, (width, height))).to(device)
            view = normalize(view.permute(2, 0, 1)[None])
            features = model.backbone(torch.cat([view, view.flip(-1)]))[-1]
            dropped = F.dropout2d(features, seed.dropout, training=True)
            maps = model.head.class_layer(dropped)
            maps = F.interpolate(maps, size, mode='bilinear', align_corners=False)
            total = total + maps[0] + maps[1].flip(-1)
        chosen = total[[tag - 1 for tag in image.tags]].relu()
        results.append(chosen / chosen.amax(dim=(1, 2), keepdim=True).clamp_min(1e-12))
    return results


@torch.inference_mode()
def bare_passes(model: nn.Module, inputs: list[Tensor]) -> None:
    """The backbone, and nothing else, on every scale of the six seeds."""
    for batch in inputs:
        model.backbone(batch)


def main() -> None:
    """Measure and print."""
    args = parse_args()
    model = build_classifier(args)
    with tempfile.TemporaryDirectory() as name:
        images = find_images(args, Path(name))
        print_setting(args, images)
        extractor = ActivationExtractor(
            model, PAPER_SEEDS, SCALES, device=args.device, amp=args.amp
        )
        dataset = Preloaded(images, extractor.views, PAPER_SEEDS, extractor.num_channels)
        normalize = ImageNormalizer(model)
        inputs = []
        for sample in (dataset[index] for index in range(len(images))):
            for view in sample.views:
                pixels = normalize(view.permute(2, 0, 1)[None].to(args.device))
                inputs.append(torch.cat([pixels, pixels.flip(-1)]))
        folded = extractor.models[None]
        last = [batch.contiguous(memory_format=torch.channels_last) for batch in inputs]
        pixels = list(dataset.pixels.values())
        ways = {
            'ours': lambda: [extractor([dataset[index]]) for index in range(len(images))],
            'one pass per seed': lambda: [
                one_pass_per_seed(model, image, loaded)
                for image, loaded in zip(images, pixels, strict=True)
            ],
            'bare passes, as built': lambda: bare_passes(model, inputs),
            'bare passes, as run': lambda: bare_passes(folded, last),
        }
        seconds = best_seconds(ways, args, len(images))
    print(f'{"six seeds":24s} {"s/image":>9s} {"images/s":>9s} {"of ours":>9s}')
    for name, value in seconds.items():
        print(f'{name:24s} {value:9.3f} {1 / value:9.2f} {value / seconds["ours"]:9.2f}')
    ours = seconds['ours']
    print(f'ours / bare passes as run: {ours / seconds["bare passes, as run"]:.3f}')
    print(f'ours / bare passes as built: {ours / seconds["bare passes, as built"]:.3f}')
    print(f'one pass per seed / ours: {seconds["one pass per seed"] / ours:.2f}')
    print(f'peak memory {peak_megabytes(args.device):.0f} MB')


if __name__ == '__main__':
    main()
