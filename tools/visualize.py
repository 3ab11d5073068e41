"""Draw the masks of a seed root: overlays, seeds, agreement, right and wrong, predictions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmseg_wsss.datasets import read_split
from mmseg_wsss.evaluation import GroundTruthFolder
from mmseg_wsss.reporting import SeedVisualizer
from mmseg_wsss.store import AGGREGATED_FOLDER, SeedManifest, SeedStore, check_image_id, read_mask
from mmseg_wsss.utils import read_image
from mmseg_wsss.utils.progress import Progress

DESCRIPTION = """\
Writes a contact sheet OUT/<image id>.png of each image: photograph, prediction and truth if they
are given, the aggregate, the agreement, where the aggregate is right and wrong, clean and noisy,
and every seed. With --separate each of them is a file of its own at full size,
OUT/<image id>/<picture>.png. tools/evaluate_seeds.py names the images to look at first."""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', type=Path, metavar='SEED_ROOT', help='the seed root')
    parser.add_argument('--images', type=Path, required=True, metavar='DIR', help='photographs')
    parser.add_argument('--img-suffix', default='.jpg', metavar='.EXT', help='of the photographs')
    parser.add_argument('--gt', type=Path, metavar='DIR', help='true masks, <image id>.png')
    parser.add_argument(
        '--gt-classes', metavar='LIST', help="their classes, if others than the seeds'"
    )
    parser.add_argument(
        '--predictions', type=Path, metavar='DIR', help='masks of a network, <image id>.png'
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument('--split', type=Path, metavar='FILE', help='images (default: all)')
    group.add_argument('--ids', nargs='+', metavar='ID', help='ids of a few images')
    parser.add_argument(
        '--threshold', type=int, metavar='T', help='votes of a clean pixel (default: all seeds)'
    )
    parser.add_argument('--separate', action='store_true', help='one file per picture')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='for the pictures')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        number = draw(args)
    except (ValueError, OSError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    print(f'{number} images: {args.out}')
    return 0


def draw(args: argparse.Namespace) -> int:
    """Draw all images; return their number."""
    store = SeedStore(args.root)
    manifest = SeedManifest.load(store.manifest_path)
    ids = read_split(args.split) if args.split else args.ids or manifest.images
    num_seeds = len(manifest.seeds)
    if args.threshold is not None and not 1 <= args.threshold <= num_seeds:
        raise ValueError(f'--threshold {args.threshold}, expected 1 to {num_seeds}')
    if args.gt_classes and args.gt is None:
        raise ValueError('--gt-classes describes the masks of --gt, which is not given')
    for image_id in ids:
        check_image_id(image_id, '--ids')
    visualizer = SeedVisualizer(classes=list(manifest.classes), palette=list(manifest.palette))
    truth = None if args.gt is None else GroundTruthFolder.of(args.gt, args.gt_classes)
    progress = Progress(len(ids), 'images to draw')
    for image_id in ids:
        parts = read_parts(args, store, manifest, truth, image_id)
        if args.separate:
            draw_separately(args, visualizer, image_id, num_seeds, parts)
        else:
            visualizer.add_seed_sheet(
                image_id,
                num_seeds=num_seeds,
                threshold=args.threshold,
                out_file=args.out / f'{image_id}.png',
                **parts,
            )
        progress.step()
    return len(ids)


def read_parts(
    args: argparse.Namespace,
    store: SeedStore,
    manifest: SeedManifest,
    truth: GroundTruthFolder | None,
    image_id: str,
) -> dict:
    """Read what is to be drawn of an image."""
    path = args.images / f'{image_id}{args.img_suffix}'
    image = read_image(str(path))
    shape, num_classes = image.shape[:2], len(manifest.classes)
    names = [name for name in manifest.seed_names if (store.root / name).is_dir()]
    masks = {
        name: read_mask(store.mask_path(name, image_id), shape, num_classes)
        for name in [*names, AGGREGATED_FOLDER]
    }
    true_mask = prediction = None
    if truth is not None:
        true_mask = truth.read(image_id, shape, manifest.classes)
    if args.predictions is not None:
        prediction = read_mask(args.predictions / f'{image_id}.png', shape, num_classes)
    agreement = store.read_agreement(image_id, len(manifest.seeds), shape)
    return dict(
        image=image, masks=masks, agreement=agreement, truth=true_mask, prediction=prediction
    )


def draw_separately(
    args: argparse.Namespace,
    visualizer: SeedVisualizer,
    image_id: str,
    num_seeds: int,
    parts: dict,
) -> None:
    """Draw one file per picture, each at the size of the image."""
    folder = args.out / image_id
    image: np.ndarray = parts['image']
    masks = {f'seed {name}': mask for name, mask in parts['masks'].items()}
    masks['aggregate'] = masks.pop(f'seed {AGGREGATED_FOLDER}')
    masks |= {name: parts[name] for name in ('truth', 'prediction') if parts[name] is not None}
    for name, mask in masks.items():
        visualizer.add_overlay(name, image, mask, out_file=folder / f'{name}.png')
    visualizer.add_agreement(
        'agreement', parts['agreement'], num_seeds, out_file=folder / 'agreement.png'
    )
    if parts['truth'] is not None:
        visualizer.add_confusion(
            'right and wrong',
            parts['truth'],
            parts['masks'][AGGREGATED_FOLDER],
            parts['agreement'],
            args.threshold or num_seeds,
            out_file=folder / 'right and wrong.png',
        )
    if parts['truth'] is not None and parts['prediction'] is not None:
        visualizer.add_comparison(
            'prediction and truth',
            image,
            parts['prediction'],
            parts['truth'],
            out_file=folder / 'prediction and truth.png',
        )


if __name__ == '__main__':
    sys.exit(main())
