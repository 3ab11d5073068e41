"""Judge seeds: scores against a ground truth, or what votes and tags tell without one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np

from mmseg_wsss.datasets import read_split, read_tags
from mmseg_wsss.evaluation import GroundTruthFolder, SeedRootEvaluation, evaluate_seed_root
from mmseg_wsss.reporting import (
    CALIBRATION_TITLE,
    FigureRow,
    Table,
    calibration_plot,
    evaluation_tables,
    review_rows,
    seed_report,
)
from mmseg_wsss.store import MANIFEST_NAME, SeedManifest, SeedStore
from mmseg_wsss.utils import read_image
from mmseg_wsss.utils.atomic import write_atomic
from mmseg_wsss.utils.parallel import available_cpus

DESCRIPTION = """\
Scores every seed of SEED_ROOT and their aggregate against the true masks in --gt: IoU of each class
and mIoU, precision, recall, false positives and negatives, a trimap mIoU, right and wrong labels by
agreement and by threshold, how the seeds complement each other. Without --gt it shows what votes
and --tags tell: agreement, class balance, contradictions with the tags, images to look at first.
All is counted at the size of the masks; the result does not depend on --jobs."""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', type=Path, metavar='SEED_ROOT', help='the seed root')
    parser.add_argument('--gt', type=Path, metavar='DIR', help='true masks, <image id>.png')
    parser.add_argument(
        '--gt-classes',
        metavar='LIST',
        help="classes of the true masks, if others than the seeds': 'voc12', 'coco14', a file with "
        'one name a line, or names separated by commas; classes the seeds lack do not count',
    )
    parser.add_argument(
        '--split', type=Path, metavar='FILE', help='images to evaluate (default: all of the root)'
    )
    parser.add_argument('--tags', type=Path, metavar='FILE', help='tags: .csv, .json or .npy')
    parser.add_argument(
        '--allow-missing',
        action='store_true',
        help='leave an image out if one of its masks is missing; they are counted and named',
    )
    parser.add_argument(
        '--subsets', action='store_true', help='score the vote of every subset (at most 8 seeds)'
    )
    parser.add_argument(
        '--trimap-width', type=int, default=5, metavar='W', help='pixels beside an outline'
    )
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='write evaluation.json, .md and .html there'
    )
    parser.add_argument(
        '--images', type=Path, metavar='DIR', help='photographs for the pictures of the report'
    )
    parser.add_argument('--img-suffix', default='.jpg', metavar='.EXT', help='of the photographs')
    parser.add_argument(
        '--pictures',
        type=int,
        default=24,
        metavar='N',
        help='images shown in the report: half those to look at first, half a sample of the rest',
    )
    parser.add_argument(
        '--jobs', type=int, default=available_cpus(), metavar='N', help='number of processes'
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        result = evaluate(args)
        tables = evaluation_tables(result.evaluation)
        head = [f'Seed root: {args.root}', *result.head]
        print('\n'.join(head))
        for table in tables:
            print(f'\n{table.text()}')
        if result.missing:
            print(f'\nLeft out, {len(result.missing)} images:')
            print('\n'.join(f'  {line}' for line in result.missing))
        if args.out:
            write(args, result, head, tables)
            print(f'\nWritten: {args.out / "evaluation.html"}, .md and .json')
    except (ValueError, OSError, BrokenProcessPool) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    return 0


def evaluate(args: argparse.Namespace) -> SeedRootEvaluation:
    """Read what the options name, and evaluate."""
    if args.gt is None and args.gt_classes:
        raise ValueError('--gt-classes describes the masks of --gt, which is not given')
    if args.pictures < 0:
        raise ValueError(f'--pictures {args.pictures}, expected at least 0')
    manifest = SeedManifest.load(args.root / MANIFEST_NAME)
    return evaluate_seed_root(
        args.root,
        image_ids=read_split(args.split) if args.split else None,
        truth=truth_folder(args),
        tags=read_tags(args.tags, manifest.classes) if args.tags else None,
        subsets=args.subsets,
        trimap_width=args.trimap_width,
        allow_missing=args.allow_missing,
        jobs=args.jobs,
        split_name=str(args.split) if args.split else None,
    )


def truth_folder(args: argparse.Namespace) -> GroundTruthFolder | None:
    """Give the true masks, if there are any."""
    return None if args.gt is None else GroundTruthFolder.of(args.gt, args.gt_classes)


def write(
    args: argparse.Namespace, result: SeedRootEvaluation, head: list[str], tables: list[Table]
) -> None:
    """Write the three files."""
    title = 'Evaluation of seeds'
    args.out.mkdir(parents=True, exist_ok=True)
    values = dict(head=head, missing=result.missing, tables=[table.as_dict() for table in tables])
    content = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + '\n'
    write_atomic(args.out / 'evaluation.json', content.encode())
    left_out = [f'- {line}' for line in result.missing]
    lines = [f'# {title}', '', *(f'- {line}' for line in head)]
    lines += ['', *(f'{table.markdown()}\n' for table in tables)]
    lines += [*(['## Left out', '', *left_out, ''] if left_out else [])]
    write_atomic(args.out / 'evaluation.md', '\n'.join(lines).encode())
    manifest, evaluation, plots = result.manifest, result.evaluation, {}
    if evaluation.with_truth:
        plots[CALIBRATION_TITLE] = calibration_plot(
            evaluation.calibration, manifest.classes, manifest.palette
        )
    page = seed_report(
        title,
        [*head, *(f'Left out: {line}' for line in result.missing)],
        tables,
        pictures(args, result),
        manifest.classes,
        manifest.palette,
        plots,
        evaluation.with_truth,
    )
    write_atomic(args.out / 'evaluation.html', page.encode())


def pictures(args: argparse.Namespace, result: SeedRootEvaluation) -> list[FigureRow]:
    """Draw the images to look at first, and a sample."""

    def photograph(image_id: str) -> np.ndarray:
        return read_image(str(args.images / f'{image_id}{args.img_suffix}'))

    return review_rows(
        SeedStore(args.root),
        result,
        args.pictures,
        photograph if args.images else None,
        truth_folder(args),
    )


if __name__ == '__main__':
    sys.exit(main())
