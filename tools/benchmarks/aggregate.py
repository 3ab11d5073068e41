"""Time the vote of the seeds, and the reading and writing of masks, against the plain way."""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mmcv
import numpy as np
from mmengine import fileio
from PIL import Image

from mmseg_wsss.seeds import aggregate_seeds
from mmseg_wsss.store import decode_mask, encode_mask
from mmseg_wsss.utils.atomic import write_atomic
from mmseg_wsss.utils.palette import label_palette


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--masks', type=Path, help='directory of real masks (default: made up)')
    parser.add_argument('--images', type=int, default=8, help='number of images')
    parser.add_argument('--seeds', type=int, default=6, help='number of seeds')
    parser.add_argument('--classes', type=int, default=21, help='number of classes')
    parser.add_argument('--size', type=int, nargs=2, default=(375, 500), metavar=('H', 'W'))
    parser.add_argument('--repeats', type=int, default=15)
    return parser.parse_args()


def make_masks(args: argparse.Namespace) -> list[np.ndarray]:
    """Read masks, or make up photographs' worth of them: some ellipses on background."""
    if args.masks:
        paths = sorted(args.masks.glob('*.png'))[: args.images]
        return [decode_mask(path.read_bytes(), str(path)) for path in paths]
    rng = np.random.default_rng(0)
    height, width = args.size
    rows, columns = np.mgrid[:height, :width]
    masks = []
    for _ in range(args.images):
        mask = np.zeros((height, width), np.uint8)
        for label in rng.integers(1, args.classes, 3):
            y, x = rng.uniform(0, 1, 2) * (height, width)
            b, a = rng.uniform(0.1, 0.4, 2) * (height, width)
            mask[((rows - y) / b) ** 2 + ((columns - x) / a) ** 2 < 1] = label
        masks.append(mask)
    return masks


def make_seeds(mask: np.ndarray, num_seeds: int) -> np.ndarray:
    """Shift a mask a little differently per seed, so that about one pixel in 20 is contested."""
    rng = np.random.default_rng(1)
    return np.stack([np.roll(mask, rng.integers(-4, 5, 2), (0, 1)) for _ in range(num_seeds)])


def vote_by_volume(seeds: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Vote the straightforward way: a (K, H, W) volume of votes, argmax and max over it."""
    votes = np.zeros((num_classes, *seeds.shape[1:]), np.uint8)
    for seed in seeds:
        votes += seed[None] == np.arange(num_classes, dtype=np.uint8)[:, None, None]
    agreement = votes.max(axis=0)
    label = votes.argmax(axis=0).astype(np.uint8)
    label[agreement == 0] = 255
    return label, agreement


def best_ms(function: Callable, items: list, repeats: int) -> float:
    """Give the least mean time per item over several repeats, in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for item in items:
            function(item)
        times.append(time.perf_counter() - start)
    return 1e3 * min(times) / len(items)


def report(name: str, ours: float, other_name: str, other: float) -> None:
    """Print one comparison."""
    print(f'{name:<34} {ours:8.3f} ms   {other_name:<32} {other:8.3f} ms   x {other / ours:.2f}')


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    masks = make_masks(args)
    votes = [make_seeds(mask, args.seeds) for mask in masks]
    rng = np.random.default_rng(2)
    noise = [rng.integers(0, args.classes, stack.shape, np.uint8) for stack in votes]
    contested = np.mean([(stack != stack[0]).any(axis=0).mean() for stack in votes])
    source = args.masks or 'made up'
    print(f'{platform.processor() or platform.machine()}, numpy {np.__version__}, one thread')
    print(
        f'{len(masks)} images of up to {max(mask.shape for mask in masks)}, masks {source}, '
        f'S={args.seeds}, K={args.classes}, {100 * contested:.1f} % of the pixels contested\n'
        f'least of {args.repeats} repeats, per image\n'
    )
    for name, stacks in (('vote', votes), ('vote, random labels', noise)):
        for stack in stacks[:2]:
            for ours, plain in zip(
                aggregate_seeds(stack, args.classes),
                vote_by_volume(stack, args.classes),
                strict=True,
            ):
                assert (ours == plain).all()
        ours = best_ms(lambda stack: aggregate_seeds(stack, args.classes), stacks, args.repeats)
        plain = best_ms(lambda stack: vote_by_volume(stack, args.classes), stacks, args.repeats)
        report(name, ours, '(K, H, W) volume of votes', plain)

    palette = label_palette(args.classes)
    contents = [encode_mask(mask, palette) for mask in masks]
    ours = best_ms(lambda content: decode_mask(content, 'mask', None, 255), contents, args.repeats)
    plain = best_ms(
        lambda content: (
            mmcv.imfrombytes(content, flag='unchanged', backend='pillow').squeeze().astype(np.uint8)
        ),
        contents,
        args.repeats,
    )
    report('decode a mask, all checked', ours, "mmseg's LoadAnnotations", plain)
    encoding = best_ms(lambda mask: encode_mask(mask, palette), masks, args.repeats)
    with tempfile.TemporaryDirectory(dir='.') as folder:
        path = Path(folder, 'mask.png')

        def save_with_pillow(mask: np.ndarray) -> None:
            image = Image.fromarray(mask)
            image.putpalette([value for color in palette for value in color])
            image.save(path)

        pillow = best_ms(save_with_pillow, masks, args.repeats)
        size = np.mean([len(content) for content in contents])
        sizes = []
        for mask in masks:
            save_with_pillow(mask)
            sizes.append(path.stat().st_size)
        ours = best_ms(
            lambda mask: write_atomic(path, encode_mask(mask, palette)), masks, args.repeats
        )
        reading = best_ms(lambda _: fileio.get(str(path)), masks, args.repeats)
    report('write a mask, flushed and renamed', ours, 'Image.save', pillow)
    print(f'  of it {encoding:.3f} ms encoding; reading the file: {reading:.3f} ms')
    print(f'  {size:.0f} bytes a mask against {np.mean(sizes):.0f} by Image.save')


if __name__ == '__main__':
    main()
