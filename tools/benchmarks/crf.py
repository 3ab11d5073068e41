"""Time the dense CRF of all seeds of an image against pydensecrf, and compare the results.

The usual way makes a fresh pydensecrf object per seed over all classes of the data set; the better
ones give it the labels of the image only, and build its kernels once per image.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import mmcv
import numpy as np
import torch

from mmseg_wsss.seeds import CRF_PRESETS, DenseCRF, unary_from_labels, unary_from_probabilities
from mmseg_wsss.seeds.crf.lattice import PermutohedralLattice
from mmseg_wsss.seeds.crf.mean_field import _bilateral_features
from mmseg_wsss.utils.image import read_image


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=Path, help='directory of photographs (.jpg)')
    parser.add_argument('--num-images', type=int, default=2, help='photographs to use')
    parser.add_argument('--size', type=int, nargs=2, default=(375, 500), metavar=('H', 'W'))
    parser.add_argument('--preset', choices=list(CRF_PRESETS), default='irn')
    parser.add_argument('--seeds', type=int, default=6, help='seeds per image')
    parser.add_argument('--labels', type=int, default=3, help='labels of an image, background too')
    parser.add_argument('--classes', type=int, default=21, help='classes of the data set')
    parser.add_argument('--iterations', type=int, default=10)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--device', default='cpu', help='of the torch backend')
    return parser.parse_args()


def load_images(args: argparse.Namespace) -> tuple[str, list[np.ndarray]]:
    """Give photographs of the size wanted, or made-up ones where there are none, and a name."""
    height, width = args.size
    if args.images:
        paths = sorted(args.images.glob('*.jpg'))
        if not paths:
            raise FileNotFoundError(f'--images {args.images}: no .jpg there')
        chosen = [paths[i * len(paths) // args.num_images] for i in range(args.num_images)]
        images = [mmcv.imresize(read_image(str(path)), (width, height)) for path in chosen]
        return f'{len(images)} photographs of {args.images}, resized', images
    try:
        from sklearn.datasets import load_sample_images
    except ImportError:
        rng = np.random.default_rng(0)
        images = []
        for _ in range(args.num_images):
            coarse = rng.integers(0, 256, (height // 25 + 1, width // 25 + 1, 3), dtype=np.uint8)
            image = mmcv.imresize(coarse, (width, height)) + rng.normal(0, 5, (height, width, 3))
            images.append(image.clip(0, 255).astype(np.uint8))
        return f'{len(images)} made-up images', images
    images = load_sample_images().images[: args.num_images]
    if height <= images[0].shape[0] and width <= images[0].shape[1]:
        top, left = (images[0].shape[0] - height) // 2, (images[0].shape[1] - width) // 2
        images = [image[top : top + height, left : left + width] for image in images]
        return f"{len(images)} photographs of scikit-learn's, cropped", images
    return (
        f"{len(images)} photographs of scikit-learn's, resized",
        [mmcv.imresize(image, (width, height)) for image in images],
    )


def make_probabilities(args: argparse.Namespace, number: int) -> np.ndarray:
    """Make up what activation maps give: smooth blobs per class, moved a little from seed to seed.

    Returns:
        np.ndarray: float32 (S, L, H, W), sums to 1 over the labels.
    """
    rng = np.random.default_rng(number)
    height, width = args.size
    rows, columns = np.mgrid[:height, :width] / max(args.size)
    scores = np.full((args.seeds, args.labels, height, width), 0.2, np.float32)
    for label in range(1, args.labels):
        scores[:, label] = 1e-5
        for centre in rng.uniform(0.1, 0.7, (3, 2)):
            for seed in range(args.seeds):
                y, x = centre + rng.normal(0, 0.02, 2)
                spread = rng.uniform(0.1, 0.16)
                distance = (rows - y) ** 2 + (columns - x) ** 2
                scores[seed, label] += np.exp(-distance / (2 * spread**2))
        scores[:, label] /= scores[:, label].max(axis=(1, 2), keepdims=True)
    return scores / scores.sum(axis=1, keepdims=True)


def over_all_classes(args: argparse.Namespace, probabilities: np.ndarray) -> np.ndarray:
    """Spread the labels of an image over all classes of the data set; the others have none."""
    seeds, labels = probabilities.shape[:2]
    wide = np.zeros((seeds, args.classes, *probabilities.shape[2:]), np.float32)
    wide[:, :labels] = probabilities
    return make_unary(args, wide)


def make_unary(args: argparse.Namespace, probabilities: np.ndarray) -> np.ndarray:
    """Give the unary energies that belong to the preset."""
    if args.preset == 'irn':
        return unary_from_labels(probabilities.argmax(axis=1), probabilities.shape[1], gt_prob=0.7)
    return unary_from_probabilities(probabilities)


def used_mebibytes(name: str) -> float:
    """Read VmRSS or VmHWM of this process."""
    lines = Path('/proc/self/status').read_text().splitlines()
    line = next(x for x in lines if x.startswith(f'{name}:'))
    return int(line.split()[1]) / 1024


def extra_mebibytes(function: Callable[[], object]) -> float | None:
    """Measure how far the resident memory rises above that before the call; None if unknown."""
    gc.collect()
    if not hasattr(ctypes.CDLL(None), 'malloc_trim') or not Path('/proc/self/clear_refs').exists():
        return None
    ctypes.CDLL(None).malloc_trim(0)  # what earlier calls left with the allocator
    before = used_mebibytes('VmRSS')
    Path('/proc/self/clear_refs').write_text('5')  # resets the peak
    function()
    return used_mebibytes('VmHWM') - before


def timed(function: Callable[[], object], device: str) -> tuple[float, float]:
    """Wall and processor seconds of one call."""
    if device != 'cpu':
        torch.cuda.synchronize(device)
    start = time.perf_counter(), time.process_time()
    function()
    if device != 'cpu':
        torch.cuda.synchronize(device)
    return time.perf_counter() - start[0], time.process_time() - start[1]


def build(args: argparse.Namespace, image: np.ndarray) -> PermutohedralLattice:
    """Build what depends on the image: the lattice of the appearance kernel."""
    preset = CRF_PRESETS[args.preset]
    features = _bilateral_features(torch.from_numpy(image)[None].to(args.device), preset)
    return PermutohedralLattice(features, preset.bilateral_compat)


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    source, images = load_images(args)
    images = [np.ascontiguousarray(image) for image in images]
    probabilities = [make_probabilities(args, number) for number in range(len(images))]
    unaries = [torch.from_numpy(make_unary(args, p)).to(args.device) for p in probabilities]
    ours = DenseCRF(args.preset, iterations=args.iterations)
    theirs = DenseCRF(args.preset, backend='pydensecrf', iterations=args.iterations)

    def torch_on(threads: int, function: Callable[[int], object]) -> Callable[[int], object]:
        def call(i: int) -> object:
            torch.set_num_threads(threads)
            return function(i)

        return call

    def fresh(i: int, unary: np.ndarray) -> None:
        for energies in unary:
            theirs(images[i], energies[None])

    ways = {
        'torch, 1 thread': torch_on(1, lambda i: ours(images[i], unaries[i])),
        '  of it the lattice': torch_on(1, lambda i: build(args, images[i])),
        'torch, 2 threads': torch_on(2, lambda i: ours(images[i], unaries[i])),
        '  of it the lattice (2 threads)': torch_on(2, lambda i: build(args, images[i])),
        f'pydensecrf, fresh per seed, {args.classes} classes': lambda i: fresh(
            i, over_all_classes(args, probabilities[i])
        ),
        f'pydensecrf, fresh per seed, {args.labels} labels': lambda i: fresh(
            i, unaries[i].cpu().numpy()
        ),
        f'pydensecrf, kernels reused, {args.labels} labels': lambda i: theirs(
            images[i], unaries[i].cpu().numpy()
        ),
    }
    ours(images[0], unaries[0])  # tables, threads, and the size's smoothness kernel
    # All ways in turn, so that whatever else the machine does slows all of them alike.
    times = {name: [[] for _ in images] for name in ways}
    for _ in range(args.repeats):
        for i in range(len(images)):
            for name, way in ways.items():
                times[name][i].append(timed(lambda way=way, i=i: way(i), args.device))

    height, width = args.size
    print(f'{source}: {height} x {width}; {args.seeds} seeds x {args.labels} labels')
    print(f'preset {args.preset}, {args.iterations} iterations, torch on {args.device}')
    print(f'{platform.processor() or platform.machine()}, torch {torch.__version__}\n')
    torch.set_num_threads(1)
    figures = {}
    for name, each in times.items():
        wall = [[seconds for seconds, _ in repeats] for repeats in each]
        busy = [[seconds for _, seconds in repeats] for repeats in each]
        figures[name] = [
            1e3 * statistics.mean(pick(repeats) for repeats in table)
            for pick, table in ((min, wall), (statistics.median, wall), (min, busy))
        ]
    print(f'{"milliseconds per image":<40} {"best":>7} {"median":>7} {"ratio":>6}', end=' ')
    print(f'{"CPU":>7} {"ratio":>6} {"MiB":>7}')
    single = figures['torch, 1 thread']
    for name, way in ways.items():
        best, median, busy = figures[name]
        extra = extra_mebibytes(lambda way=way: way(0))
        print(f'{name:<40} {best:7.1f} {median:7.1f} {best / single[0]:6.2f}', end=' ')
        memory = 'unknown' if extra is None else f'{extra:.0f}'
        print(f'{busy:7.1f} {busy / single[2]:6.2f} {memory:>7}')
    print('best and median of the repeats, mean over the images; CPU: best processor time;')
    print('ratio: to torch on 1 thread; MiB: peak above what the process had before\n')

    equal, most, mean = [], [], []
    for image, unary in zip(images, unaries, strict=True):
        found, expected = ours(image, unary).cpu(), theirs(image, unary).cpu()
        equal.append(float((found.argmax(1) == expected.argmax(1)).float().mean()))
        difference = (found - expected).abs()
        most.append(float(difference.max()))
        mean.append(float(difference.mean()))
    print(
        f'against pydensecrf: argmax equal on {100 * min(equal):.4f} % of the pixels or more, '
        f'|dQ| at most {max(most):.1e}, {max(mean):.1e} on average'
    )


if __name__ == '__main__':
    main()
