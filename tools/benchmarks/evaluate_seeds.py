"""Time the evaluation of a seed root by one and by two processes; check that memory is flat."""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from aggregate import make_seeds

from mmseg_wsss.evaluation import GroundTruthFolder, evaluate_seed_root
from mmseg_wsss.seeds import aggregate_seeds
from mmseg_wsss.store import SeedManifest, SeedStore, encode_mask
from mmseg_wsss.utils.palette import label_palette

# MB from the fewest to the most images: what is kept of an image is some hundred bytes.
ALLOWED_GROWTH = 20


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, nargs='+', default=[250, 1000])
    parser.add_argument('--seeds', type=int, default=6)
    parser.add_argument('--classes', type=int, default=21)
    parser.add_argument('--size', type=int, nargs=2, default=(375, 500), metavar=('H', 'W'))
    parser.add_argument('--jobs', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--subsets', action='store_true')
    return parser.parse_args()


def make_truth(rng: np.random.Generator, args: argparse.Namespace) -> np.ndarray:
    """One mask: some ellipses with void outlines."""
    height, width = args.size
    rows, columns = np.mgrid[:height, :width]
    mask = np.zeros((height, width), np.uint8)
    for label in rng.integers(1, args.classes, rng.integers(1, 4)):
        y, x = rng.uniform(0, 1, 2) * (height, width)
        b, a = rng.uniform(0.1, 0.4, 2) * (height, width)
        distance = ((rows - y) / b) ** 2 + ((columns - x) / a) ** 2
        mask[distance < 1.1] = 255
        mask[distance < 1] = label
    return mask


def write_root(folder: Path, number: int, args: argparse.Namespace) -> None:
    """Write a seed root and the ground truth."""
    palette = label_palette(args.classes)
    names = [f'seed {index}' for index in range(args.seeds)]
    ids = [f'{index:06d}' for index in range(number)]
    manifest = SeedManifest(
        classes=[f'class {index}' for index in range(args.classes)],
        palette=palette,
        seeds=[dict(name=name, dropout=None, scale=None) for name in names],
        images=ids,
    )
    store = SeedStore(folder / 'seeds')
    store.open(manifest)
    for name in (*names, 'aggregated', 'agreement', '../truth'):
        (folder / 'seeds' / name).mkdir()
    rng = np.random.default_rng(0)
    # Few different images many times: making them takes longer than evaluating them.
    contents = []
    for _ in range(min(number, 40)):
        truth = make_truth(rng, args)
        seeds = make_seeds(np.where(truth == 255, 0, truth).astype(np.uint8), args.seeds)
        label, agreement = aggregate_seeds(seeds, args.classes)
        masks = dict(zip(names, seeds, strict=True))
        masks |= {'aggregated': label, 'agreement': agreement, '../truth': truth}
        contents.append({name: encode_mask(mask, palette) for name, mask in masks.items()})
    for index, image_id in enumerate(ids):
        for name, content in contents[index % len(contents)].items():
            (folder / 'seeds' / name / f'{image_id}.png').write_bytes(content)


def measure(folder: Path, jobs: int, subsets: bool) -> tuple[float, float, float]:
    """Evaluate; return seconds and the most MB that this process and any of its workers took."""
    start = time.perf_counter()
    evaluate_seed_root(
        folder / 'seeds', truth=GroundTruthFolder(folder / 'truth'), subsets=subsets, jobs=jobs
    )
    seconds = time.perf_counter() - start
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return seconds, *(resource.getrusage(kind).ru_maxrss / 2**10 for kind in kinds)


def main() -> int:
    """Run the benchmark; return 1 if memory grew with the number of images."""
    args = parse_args()
    print(f'{platform.processor() or platform.machine()}, numpy {np.__version__}')
    print(
        f'{args.size[0]} x {args.size[1]} pixels, {args.seeds} seeds, {args.classes} classes'
        + (f', {2**args.seeds - 1} subsets' if args.subsets else '')
    )
    peaks: dict[tuple[int, str], list[float]] = {}
    for number in sorted(args.images):
        with tempfile.TemporaryDirectory(dir='.') as name:
            folder = Path(name)
            write_root(folder, number, args)
            first = None
            for jobs in args.jobs:
                # A process of its own each time: a peak of memory never goes down again.
                spawn = multiprocessing.get_context('spawn')
                with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                    done = pool.submit(measure, folder, jobs, args.subsets)
                    seconds, main_memory, worker_memory = done.result()
                first = first or seconds
                workers = f', {worker_memory:.0f} MB in a worker' if jobs > 1 else ''
                print(
                    f'{number:>6} images, {jobs} processes: {seconds:7.2f} s, '
                    f'{1e3 * seconds / number:6.2f} ms an image, x {first / seconds:.2f}, '
                    f'at most {main_memory:.0f} MB in the main process{workers}'
                )
                peaks.setdefault((jobs, 'main process'), []).append(main_memory)
                if jobs > 1:
                    peaks.setdefault((jobs, 'a worker'), []).append(worker_memory)
    grown = False
    for (jobs, which), values in peaks.items():
        growth = values[-1] - values[0]
        grown |= growth > ALLOWED_GROWTH
        print(f'{jobs} processes, {which}: {growth:+.1f} MB from fewest to most images')
    return int(grown)


if __name__ == '__main__':
    sys.exit(main())
