"""Aggregate directories of seeds into labels and their agreement, whoever made the seeds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mmseg_wsss.apis.seed_folders import check_seed_folders, find_seed_images
from mmseg_wsss.datasets.class_names import read_class_list
from mmseg_wsss.seeds import TIES, aggregate_seeds
from mmseg_wsss.store import AGGREGATED_FOLDER, AGREEMENT_FOLDER, SeedManifest, SeedStore, read_mask
from mmseg_wsss.utils.palette import label_palette
from mmseg_wsss.utils.parallel import available_cpus, run_parallel
from mmseg_wsss.utils.progress import Progress

DESCRIPTION = """\
Takes any directories of masks, one per seed, each with one PNG of the same name and size per image
(8-bit palette or grey, label 0 is background, 255 does not vote), and writes OUT/aggregated,
OUT/agreement and OUT/manifest.json. The same command resumes a run that was interrupted. The
result does not depend on --jobs."""
# With more wrong files than this something is wrong with all of them, e.g. the class list.
MAX_FAILURES = 20


@dataclass(frozen=True)
class Result:
    """What became of one image: votes counts its pixels by agreement, 0 to S."""

    image_id: str
    votes: np.ndarray | None = None
    kept: bool = False
    failure: str | None = None


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--seeds', nargs='+', required=True, type=Path, metavar='DIR', help='a directory per seed'
    )
    parser.add_argument('--out', required=True, type=Path, metavar='ROOT', help='the new seed root')
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument(
        '--classes',
        metavar='LIST',
        help="class names, background first: 'voc12', 'coco14', a file with one name a line, or "
        'names separated by commas',
    )
    group.add_argument('--num-classes', type=int, metavar='K', help='number of unnamed classes')
    parser.add_argument(
        '--names', nargs='+', metavar='NAME', help="names of the seeds (default: the directories')"
    )
    parser.add_argument('--tie', choices=TIES, default='lowest', help='who wins a tie')
    parser.add_argument(
        '--seed-order',
        nargs='+',
        metavar='NAME',
        help='for --tie seed_order: names of all seeds, best first (default: as given)',
    )
    parser.add_argument(
        '--split', type=Path, metavar='FILE', help='images to aggregate (default: all)'
    )
    parser.add_argument(
        '--jobs', type=int, default=available_cpus(), metavar='N', help='number of processes'
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='delete the masks of a ROOT made otherwise'
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        return aggregate(args)
    except (ValueError, OSError, BrokenProcessPool) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; the same command resumes', file=sys.stderr)
        return 130


def aggregate(args: argparse.Namespace) -> int:
    """Check everything that can be checked beforehand, then aggregate image by image."""
    if args.jobs < 1:
        raise ValueError(f'--jobs {args.jobs}, expected at least 1')
    if args.classes is not None:
        classes = read_class_list(args.classes)
    elif 1 <= args.num_classes <= 255:
        classes = [f'class {index}' for index in range(args.num_classes)]
    else:
        raise ValueError(f'--num-classes {args.num_classes}, expected 1 to 255')
    names = args.names or [directory.resolve().name for directory in args.seeds]
    check_seed_folders(args.seeds, names, args.out)
    image_ids = find_seed_images(args.seeds, args.split)
    manifest = SeedManifest(
        classes=classes,
        palette=label_palette(len(classes)),
        seeds=[dict(name=name, dropout=None, scale=None) for name in names],
        images=image_ids,
        tie=args.tie,
        seed_order=args.seed_order,
        # Where the seeds came from: masks of the same names elsewhere are other seeds.
        parameters=dict(directories=[str(directory.resolve()) for directory in args.seeds]),
    )
    store = SeedStore(args.out)
    store.open(manifest, args.overwrite)

    work = partial(
        aggregate_image,
        store=store,
        directories=args.seeds,
        num_classes=len(classes),
        palette=manifest.palette,
        tie=args.tie,
        seed_order=manifest.seed_positions,
    )
    votes = np.zeros(len(names) + 1, np.int64)
    failures: list[Result] = []
    kept = 0
    progress = Progress(len(image_ids), 'images to aggregate')
    for result in run_parallel(work, image_ids, args.jobs):
        progress.step()
        if result.failure is None:
            votes += result.votes
            kept += result.kept
        else:
            failures.append(result)
            if len(failures) > MAX_FAILURES:
                break
    if failures:
        for result in sorted(failures, key=lambda result: result.image_id):
            print(f'error: {result.failure}', file=sys.stderr)
        stopped = ' Stopped there.' if len(failures) > MAX_FAILURES else ''
        print(
            f'{len(failures)} images could not be aggregated.{stopped} Mend their seeds and run '
            'the same command again.',
            file=sys.stderr,
        )
        return 1
    print(f'{len(image_ids)} images, {len(image_ids) - kept} aggregated, {kept} kept: {args.out}')
    print(summary(votes))
    return 0


def aggregate_image(
    image_id: str,
    store: SeedStore,
    directories: Sequence[Path],
    num_classes: int,
    palette: list[list[int]],
    tie: str,
    seed_order: list[int] | None,
) -> Result:
    """Aggregate one image, or keep what a run before has made of the same seeds."""
    num_seeds = len(directories)
    sources = [directory / f'{image_id}.png' for directory in directories]
    try:
        if is_up_to_date(store, image_id, sources) and store.is_complete(
            image_id, [], num_seeds, num_classes
        ):
            agreement = store.read_agreement(image_id, num_seeds)
            return Result(image_id, count(agreement, num_seeds), kept=True)
        first = read_mask(sources[0], num_classes=num_classes)
        others = [read_mask(source, first.shape, num_classes) for source in sources[1:]]
        label, agreement = aggregate_seeds(
            np.stack([first, *others]), num_classes, tie=tie, seed_order=seed_order
        )
    except (ValueError, FileNotFoundError) as error:
        return Result(image_id, failure=str(error))
    store.write(image_id, {}, label, agreement, palette)
    return Result(image_id, count(agreement, num_seeds))


def is_up_to_date(store: SeedStore, image_id: str, sources: Sequence[Path]) -> bool:
    """Tell whether the aggregate is there and no seed was changed after it."""
    try:
        made = min(
            store.mask_path(folder, image_id).stat().st_mtime_ns
            for folder in (AGGREGATED_FOLDER, AGREEMENT_FOLDER)
        )
    except FileNotFoundError:
        return False
    return all(source.stat().st_mtime_ns <= made for source in sources)


def count(agreement: np.ndarray, num_seeds: int) -> np.ndarray:
    """Count pixels by agreement, 0 to S."""
    return np.bincount(agreement.reshape(-1), minlength=num_seeds + 1)


def summary(votes: np.ndarray) -> str:
    """Describe how far the seeds agree, as a table of thresholds and noisy pixels."""
    total = max(int(votes.sum()), 1)
    lines = [f'{"threshold":>10} {"noisy pixels":>13}']
    for threshold in range(max(2, len(votes) - 6), len(votes)):
        noisy = int(votes[1:threshold].sum())
        lines.append(f'{threshold:>10} {100 * noisy / total:>11.2f} %')
    lines.append(f'no seed votes at {100 * int(votes[0]) / total:.2f} % of the pixels')
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
