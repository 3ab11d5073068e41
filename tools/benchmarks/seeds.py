"""Time six seeds from photograph to PNG files, against the usual pipeline.

The usual pipeline makes each seed by itself: its own backbone passes, activation maps of all
classes, pydensecrf over all 21 labels, one PNG; then it reads the six masks back to aggregate
them. Both use the same weights, scales, CRF preset (irn, 10 iterations) and number of threads.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
from activation_maps import one_pass_per_seed
from PIL import Image
from seed_inputs import (
    NUM_FOREGROUND,
    add_arguments,
    best_seconds,
    build_classifier,
    find_images,
    peak_megabytes,
    print_setting,
)

from mmseg_wsss.generation import SeedGenerator
from mmseg_wsss.seeds import PAPER_SEEDS
from mmseg_wsss.utils.image import read_image
from mmseg_wsss.utils.palette import label_palette

NUM_CLASSES = NUM_FOREGROUND + 1


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument('--workers', type=int, help='reading processes of ours')
    parser.add_argument('--writers', type=int, help='refining and writing threads of ours')
    parser.add_argument('--batch-size', type=int, help='images per batch of ours')
    parser.add_argument('--ours-only', action='store_true', help='leave the usual pipeline out')
    return parser.parse_args()


def usual_pipeline(model, images, out: Path) -> None:
    """Seed by seed, with nothing shared."""
    import pydensecrf.densecrf as densecrf
    from pydensecrf.utils import unary_from_labels

    palette = [value for color in label_palette(256) for value in color]
    for image in images:
        pixels = read_image(image.path)
        height, width = pixels.shape[:2]
        paths = []
        for seed in PAPER_SEEDS:
            (maps,) = one_pass_per_seed(model, image, pixels, [seed])
            scores = np.full((NUM_CLASSES, height, width), -1.0, np.float32)
            scores[0] = 0.2
            scores[list(image.tags)] = maps.cpu().numpy()
            unary = unary_from_labels(scores.argmax(0), NUM_CLASSES, gt_prob=0.7, zero_unsure=False)
            crf = densecrf.DenseCRF2D(width, height, NUM_CLASSES)
            crf.setUnaryEnergy(unary)
            crf.addPairwiseGaussian(sxy=3, compat=3)
            crf.addPairwiseBilateral(sxy=50, srgb=5, compat=10, rgbim=np.ascontiguousarray(pixels))
            marginals = np.array(crf.inference(10)).reshape(NUM_CLASSES, height, width)
            mask = Image.fromarray(marginals.argmax(0).astype(np.uint8), mode='P')
            mask.putpalette(palette)
            paths.append(out / seed.name / f'{image.image_id}.png')
            paths[-1].parent.mkdir(parents=True, exist_ok=True)
            mask.save(paths[-1])
        seeds = np.stack([np.array(Image.open(path)) for path in paths])
        votes = np.stack([(seeds == label).sum(0) for label in range(NUM_CLASSES)])
        for name, values in (('aggregated', votes.argmax(0)), ('agreement', votes.max(0))):
            (out / name).mkdir(exist_ok=True)
            Image.fromarray(values.astype(np.uint8)).save(out / name / f'{image.image_id}.png')


def main() -> None:
    """Measure and print."""
    args = parse_args()
    model = build_classifier(args)
    with tempfile.TemporaryDirectory() as name:
        images = find_images(args, Path(name))
        print_setting(args, images)
        generator = SeedGenerator(
            model,
            [str(label) for label in range(NUM_CLASSES)],
            device=args.device,
            amp=args.amp,
            batch_size=args.batch_size,
            num_workers=args.workers,
            num_writers=args.writers,
        )
        out = Path(name) / 'ours'
        written = []

        def ours() -> None:
            shutil.rmtree(out, ignore_errors=True)
            written.append(generator.run(images, out).num_bytes)

        ways = {'ours': ours}
        if not args.ours_only:
            ways['usual pipeline'] = lambda: usual_pipeline(model, images, Path(name) / 'usual')
        seconds = best_seconds(ways, args, len(images))
    print(f'{"six seeds, end to end":24s} {"s/image":>9s} {"images/s":>9s}')
    for name, value in seconds.items():
        print(f'{name:24s} {value:9.3f} {1 / value:9.2f}')
    if not args.ours_only:
        print(f'ours is {seconds["usual pipeline"] / seconds["ours"]:.2f} times faster')
    print(
        f'{written[0] / len(images) / 1e3:.1f} kB an image on disk; '
        f'peak memory {peak_megabytes(args.device):.0f} MB'
    )


if __name__ == '__main__':
    main()
