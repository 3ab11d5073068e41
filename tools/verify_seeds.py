"""Check every mask of a seed root against its manifest and against each other."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import numpy as np

from mmseg_wsss.seeds import aggregate_seeds
from mmseg_wsss.store import AGGREGATED_FOLDER, AGREEMENT_FOLDER, SeedManifest, SeedStore, read_mask
from mmseg_wsss.utils.parallel import available_cpus, run_parallel
from mmseg_wsss.utils.progress import Progress

DESCRIPTION = """\
Reads all of ROOT/aggregated, ROOT/agreement and, where they are kept, ROOT/<seed>, and checks that
every image of ROOT/manifest.json has its masks, that they are whole, of one size and in the label
space, that the aggregate is the vote of the seeds, and that there is no other mask. Exit status: 0
if all is well, 1 if not."""
SHOWN = 20


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', type=Path, metavar='ROOT', help='the seed root')
    parser.add_argument(
        '--jobs', type=int, default=available_cpus(), metavar='N', help='number of processes'
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        problems = verify(args.root, args.jobs)
    except (ValueError, OSError, BrokenProcessPool) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    for problem in problems[:SHOWN]:
        print(f'error: {problem}', file=sys.stderr)
    if len(problems) > SHOWN:
        print(f'... and {len(problems) - SHOWN} more', file=sys.stderr)
    print(f'{len(problems)} problems in {args.root}')
    return 1 if problems else 0


def verify(root: Path, jobs: int) -> list[str]:
    """List what is wrong with a seed root, empty if nothing is."""
    store = SeedStore(root)
    manifest = SeedManifest.load(store.manifest_path)
    kept = [name for name in manifest.seed_names if (root / name).is_dir()]
    # Either all seeds are kept in the root or, to save space or made elsewhere, none.
    names = manifest.seed_names if kept else []
    work = partial(verify_image, store=store, manifest=manifest, seed_names=names)
    problems: list[str] = []
    progress = Progress(len(manifest.images), 'images to verify')
    for found in run_parallel(work, manifest.images, jobs):
        progress.step()
        problems += found
    problems.sort()
    problems += list_strangers(store, manifest, names)
    seeds = f'{len(names)} seeds each' if names else 'the seeds are not kept here'
    print(f'{len(manifest.images)} images, {seeds}, {len(manifest.classes)} classes')
    return problems


def verify_image(
    image_id: str, store: SeedStore, manifest: SeedManifest, seed_names: Sequence[str]
) -> list[str]:
    """List what is wrong with the masks of one image."""
    num_classes = len(manifest.classes)
    path = store.mask_path(AGGREGATED_FOLDER, image_id)
    try:
        label = read_mask(path, num_classes=num_classes, ignore_index=manifest.ignore_index)
        agreement = store.read_agreement(image_id, len(manifest.seeds), label.shape)
        if ((agreement == 0) != (label == manifest.ignore_index)).any():
            return [f'{path}: has a label where no seed votes, or none where one does']
        if not seed_names:
            return []
        paths = [store.mask_path(name, image_id) for name in seed_names]
        seeds = np.stack(
            [read_mask(one, label.shape, num_classes, manifest.ignore_index) for one in paths]
        )
        expected_label, expected_agreement = aggregate_seeds(
            seeds,
            num_classes,
            manifest.ignore_index,
            manifest.tie,
            manifest.seed_positions,
        )
    except (ValueError, FileNotFoundError) as error:
        return [str(error)]
    if np.array_equal(label, expected_label) and np.array_equal(agreement, expected_agreement):
        return []
    return [f'{path}: is not the vote of the seeds beside it']


def list_strangers(
    store: SeedStore, manifest: SeedManifest, seed_names: Sequence[str]
) -> list[str]:
    """List masks of images that the manifest does not know."""
    known = set(manifest.images)
    strangers = []
    for folder in (*seed_names, AGGREGATED_FOLDER, AGREEMENT_FOLDER):
        for path in sorted((store.root / folder).rglob('*.png')):
            if path.relative_to(store.root / folder).as_posix()[:-4] not in known:
                strangers.append(f'{path}: the manifest has no such image')
    return strangers


if __name__ == '__main__':
    sys.exit(main())
