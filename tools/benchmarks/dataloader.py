"""Samples per second of the training pipeline, with seeds and with plain masks, in turns.

All pipelines read the same photographs and label PNGs and augment them alike, with the same random
numbers. They differ in how the labels are loaded, mmseg's LoadAnnotations or LoadSeedAnnotations
with its checks, with or without the agreement, and in whose random crop looks for more than one
class. The ratios say what the seeds cost, the table of transforms where.

    python tools/benchmarks/dataloader.py --count 32 --workers 0 2
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from seed_inputs import CLOCKS, find_images
from torch.utils.data import DataLoader, Dataset

from mmseg_wsss.registry import TRANSFORMS
from mmseg_wsss.seeds import PAPER_SEEDS, aggregate_seeds
from mmseg_wsss.store import encode_mask
from mmseg_wsss.utils.palette import label_palette

CONFIGS = Path(__file__).parents[2] / 'configs' / '_base_' / 'datasets'
# Name -> steps in place of the config's own, by their type. The first one is the reference.
MMSEG_LABELS = dict(type='LoadAnnotations')
PIPELINES = {
    'mmseg': {'LoadSeedAnnotations': MMSEG_LABELS, 'SeedRandomCrop': dict(type='RandomCrop')},
    'mmseg, our crop': {'LoadSeedAnnotations': MMSEG_LABELS},
    'aggregate alone': {'LoadSeedAnnotations': dict(agreement_threshold=None)},
    'with agreement': {},
}


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--config', default='voc12_seeds', help='name in configs/_base_/datasets, of the pipeline'
    )
    parser.add_argument('--images', type=Path, help='folder of photographs (default: samples)')
    parser.add_argument('--count', type=int, default=32, help='number of images')
    parser.add_argument('--size', type=int, default=500, help='longer side of the images')
    parser.add_argument('--workers', type=int, nargs='+', default=[0], help='reading processes')
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--clock', choices=CLOCKS, default='wall', help='cpu: without workers only')
    args = parser.parse_args(arguments)
    if args.clock == 'cpu' and any(args.workers):
        parser.error('--clock cpu does not see what workers do; it needs --workers 0')
    args.tags = 2  # per image, of find_images
    return args


def change(step: dict, own: dict | None) -> dict:
    """Give a step of the pipeline with the changes of a variant."""
    if own is None:
        return step
    if own.get('type') == 'LoadAnnotations':  # shares no option with ours
        return own
    return dict(step, **own)


def draw_seeds(
    shape: tuple[int, int], labels: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """Six seeds (6, H, W) uint8 that agree on the middle of two blobs and differ on outlines."""
    height, width = shape
    centres = rng.uniform(0.25, 0.75, (len(labels), 2)) * shape
    radii = rng.uniform(0.15, 0.3, (len(labels), 2)) * shape
    rows, columns = np.mgrid[:height, :width]
    seeds = np.zeros((len(PAPER_SEEDS), height, width), np.uint8)
    for seed in seeds:
        coarse = rng.normal(0, 0.15, (12, 16))
        wobble = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        for label, (y, x), (tall, wide) in zip(labels, centres, radii, strict=True):
            distance = ((rows - y) / tall) ** 2 + ((columns - x) / wide) ** 2
            seed[distance + wobble < 1] = label
    return seeds


def make_samples(args: argparse.Namespace, folder: Path) -> list[dict]:
    """Write photographs, aggregates and agreements; list them as the data sets do."""
    rng = np.random.default_rng(0)
    palette = label_palette(21)
    samples = []
    for image in find_images(args, folder):
        shape = cv2.imread(image.path).shape[:2]
        label, agreement = aggregate_seeds(draw_seeds(shape, image.tags, rng), 21)
        paths = [folder / f'{image.image_id}-{kind}.png' for kind in ('label', 'agreement')]
        paths[0].write_bytes(encode_mask(label, palette))
        paths[1].write_bytes(encode_mask(agreement))
        samples.append(
            dict(
                img_path=image.path,
                seg_map_path=str(paths[0]),
                agreement_path=str(paths[1]),
                num_classes=21,
                num_seeds=len(PAPER_SEEDS),
                label_map=None,
                reduce_zero_label=False,
                seg_fields=[],
            )
        )
    return samples


class Samples(Dataset):
    """Samples through a pipeline, each with random numbers of its own.

    Args:
        samples: What the pipeline starts from.
        pipeline: Its steps.
    """

    def __init__(self, samples: list[dict], pipeline: list[dict]) -> None:
        self.samples = samples
        self.steps = [TRANSFORMS.build(step) for step in pipeline]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict:
        return self.run(index, None)

    def run(self, index: int, spent: list[float] | None) -> dict:
        """Run the pipeline, adding up the seconds of each step in ``spent``."""
        np.random.seed(index)
        results = dict(self.samples[index], seg_fields=[])
        for number, step in enumerate(self.steps):
            start = time.perf_counter()
            results = step(results)
            if spent is not None:
                spent[number] += time.perf_counter() - start
        return results


def seconds_per_sample(data: Samples, workers: int, batch_size: int, clock: str) -> float:
    """Seconds per sample of one pass; with workers of a second one, their start left out."""
    read_clock = CLOCKS[clock]
    if workers == 0:
        start = read_clock()
        for index in range(len(data)):
            data[index]
        return (read_clock() - start) / len(data)
    loader = DataLoader(
        data,
        batch_size,
        sampler=2 * list(range(len(data))),
        num_workers=workers,
        collate_fn=pseudo_collate,
        multiprocessing_context='fork',
    )
    batches = iter(loader)
    for _ in range(len(loader) // 2):
        next(batches)
    start = read_clock()
    rest = sum(len(batch['inputs']) for batch in batches)
    return (read_clock() - start) / rest


def print_profile(pipelines: dict[str, Samples], repeats: int) -> None:
    """Print the time of each transform, the least of the repeats."""
    best = {name: np.full(len(data.steps), np.inf) for name, data in pipelines.items()}
    for _ in range(repeats):
        for name, data in pipelines.items():
            spent = [0.0] * len(data.steps)
            for index in range(len(data)):
                data.run(index, spent)
            best[name] = np.minimum(best[name], np.array(spent) / len(data) * 1e3)
    print(f'\n{"ms per sample":24s}' + ''.join(f'{name:>17s}' for name in pipelines))
    for number, step in enumerate(list(pipelines.values())[-1].steps):
        times = ''.join(f'{best[name][number]:17.3f}' for name in pipelines)
        print(f'{type(step).__name__:24s}{times}')
    print(f'{"sum":24s}' + ''.join(f'{best[name].sum():17.3f}' for name in pipelines))


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    args = parse_args(arguments)
    init_default_scope('mmseg')
    cv2.setNumThreads(0)  # as mmengine sets it for training
    torch.set_num_threads(1)
    config = Config.fromfile(CONFIGS / f'{args.config}.py')
    with tempfile.TemporaryDirectory() as name:
        samples = make_samples(args, Path(name))
        pipelines = {}
        for title, changes in PIPELINES.items():
            steps = [change(step, changes.get(step['type'])) for step in config.train_pipeline]
            pipelines[title] = Samples(samples, steps)
        noisy = np.mean([np.mean(item['gt_seg_map'] > 255) for item in loaded(pipelines)])
        print(
            f'{len(samples)} images, longer side {args.size}, {noisy:.1%} noisy pixels; '
            f'pipeline of {args.config}; {args.clock} time, fastest of {args.repeats}; ratios of '
            'the times to the first, and the median of those within a round'
        )
        for workers in args.workers:
            times: dict[str, list[float]] = {title: [] for title in pipelines}
            for _ in range(args.repeats):
                for title, data in pipelines.items():
                    times[title].append(
                        seconds_per_sample(data, workers, args.batch_size, args.clock)
                    )
            reference = times[next(iter(times))]
            print(f'\n{f"{workers} workers":24s} {"samples/s":>10s} {"ratio":>7s} {"median":>7s}')
            for title, own in times.items():
                ratio = min(own) / min(reference)
                median = statistics.median(a / b for a, b in zip(own, reference, strict=True))
                print(f'{title:24s} {1 / min(own):10.1f} {ratio:7.3f} {median:7.3f}')
        print_profile(pipelines, args.repeats)


def loaded(pipelines: dict[str, Samples]) -> list[dict]:
    """Labels of all samples as the last pipeline loads them."""
    data = list(pipelines.values())[-1]
    results = []
    for sample in data.samples:
        item = dict(sample, seg_fields=[])
        for step in data.steps[:2]:
            item = step(item)
        results.append(item)
    return results


if __name__ == '__main__':
    main()
