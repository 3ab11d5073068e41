"""Score a classifier's activation maps at every background threshold, against true masks."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from make_seeds import seed_pair
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.apis import read_images, seed_dataset, study_background
from mmseg_wsss.apis.background_study import sample_images
from mmseg_wsss.datasets import read_split
from mmseg_wsss.evaluation import BackgroundCurve, GroundTruthFolder
from mmseg_wsss.generation import SeedImage, load_classifier
from mmseg_wsss.reporting import (
    BACKGROUND_CURVE_TITLE,
    Curve,
    Table,
    background_tables,
    html_plot,
    seed_report,
)
from mmseg_wsss.seeds import PAPER_SEEDS, Seed
from mmseg_wsss.seeds.background import list_backgrounds
from mmseg_wsss.utils.atomic import write_atomic

DESCRIPTION = """\
Gives the mIoU of the activation maps at the thresholds 0.01 to 0.99 of a constant background score,
all from one pass over the images: each pixel has the label of the highest map of its tags, or
background where that map does not exceed the threshold. This is before the dense CRF, which moves
the best threshold; see tools/evaluate_seeds.py for finished seeds. A threshold chosen by this curve
is tuned on the true masks of the images."""
# Of the curves; blue and orange first, which colour-blind people can tell apart.
COLORS = {
    'blue': (0, 114, 178),
    'orange': (230, 120, 0),
    'green': (0, 158, 115),
    'pink': (204, 80, 140),
    'light blue': (86, 180, 233),
    'brown': (120, 94, 20),
}


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', type=Path, help="the classifier's config")
    parser.add_argument('checkpoint', type=Path, help='its checkpoint')
    parser.add_argument(
        '--gt', type=Path, required=True, metavar='DIR', help='true masks, <image id>.png'
    )
    parser.add_argument(
        '--gt-classes', metavar='LIST', help="their classes, if others than the data set's"
    )
    parser.add_argument(
        '--split', type=Path, metavar='FILE', help="images (default: all of the config's data set)"
    )
    parser.add_argument(
        '--seeds',
        nargs='+',
        type=seed_pair,
        metavar='DROPOUT-SCALE',
        help="seeds, e.g. 0.05-1.0 0.10-1.2; default: the config's first",
    )
    parser.add_argument(
        '--max-images', type=int, metavar='N', help='a sample of so many, the same in every run'
    )
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='write background_curve.json, .md and .html there'
    )
    parser.add_argument('--device', help='e.g. cpu or cuda:0; default: a GPU if there is one')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a checkpoint that carries code; never do this with a file of unknown origin',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='overrides of the config as key=value'
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        run(args)
    except (ValueError, OSError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    return 0


def run(args: argparse.Namespace) -> None:
    """Count, print and write."""
    config = Config.fromfile(args.config)
    config.merge_from_dict(args.cfg_options or {})
    init_default_scope(config.get('default_scope', 'mmseg'))
    section = dict(config.get('seed_generation', None) or {})
    dataset = seed_dataset(config, section)
    images, classes, _ = read_images(dataset)
    split = str(args.split or dataset.get('ann_file') or 'the whole data set')
    images = choose(args, images)
    if not args.gt.is_dir():
        raise FileNotFoundError(f'{args.gt}: there is no such folder of true masks')
    truth = GroundTruthFolder.of(args.gt, args.gt_classes)
    pairs = args.seeds or list(section.get('seeds') or PAPER_SEEDS)[:1]
    seeds = [pair if isinstance(pair, Seed) else Seed(*pair) for pair in pairs]
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    curves = study_background(
        section,
        load_classifier(config, args.checkpoint, args.trust_checkpoint),
        images,
        classes,
        seeds,
        truth,
        device,
    )
    if not all(curve.counts.any() for curve in curves.values()):
        raise ValueError(f'{args.gt}: every pixel of the {len(images)} images is 255')
    backgrounds = list_backgrounds(section.get('background'))
    head = [
        f'Config: {args.config}, checkpoint: {args.checkpoint}',
        f'Images: {len(images):,} ({split})'
        + (f', a sample of at most {args.max_images:,}' if args.max_images else ''),
        f'Ground truth: {args.gt}; pixels of 255 do not count.',
        'Before the dense CRF, which moves the best threshold.',
        f'Tuned on the ground truth: a threshold chosen here is chosen by the true masks of {split}'
        '. Say so with every figure that follows from it.',
    ]
    current = in_use(backgrounds[0]) if len(backgrounds) == 1 else None
    if len(backgrounds) > 1:
        head.append(f'The seeds of the config take several background scores: {backgrounds}')
    elif current is None:
        head.append(
            f'The background score of the config is none of these thresholds: {backgrounds[0]}'
        )
    tables = background_tables(curves, classes, split, current)
    print('\n'.join(head))
    for table in tables:
        print(f'\n{table.text()}')
    if args.out:
        write(args.out, head, tables, curves, classes)
        print(f'\nWritten: {args.out / "background_curve.html"}, .md and .json')


def choose(args: argparse.Namespace, images: list[SeedImage]) -> list[SeedImage]:
    """Give the images of the options, in the order of the data set."""
    if args.split:
        wanted = set(read_split(args.split))
        strangers = sorted(wanted - {image.image_id for image in images})
        if strangers:
            raise ValueError(
                f'{args.split}: {len(strangers)} of its {len(wanted)} images are not in the data '
                f'set of the config, first {", ".join(strangers[:3])}'
            )
        images = [image for image in images if image.image_id in wanted]
    return images if args.max_images is None else sample_images(images, args.max_images)


def in_use(background: dict) -> float | None:
    """Give the threshold of a config, if it is one of those on the curve."""
    threshold = background.get('threshold', 0.2)
    whole = abs(100 * threshold - round(100 * threshold)) < 1e-9
    return threshold if background.get('kind', 'constant') == 'constant' and whole else None


def write(
    out: Path,
    head: list[str],
    tables: list[Table],
    curves: dict[str, BackgroundCurve],
    classes: list[str],
) -> None:
    """Write the three files."""
    title = 'Background threshold'
    out.mkdir(parents=True, exist_ok=True)
    values = dict(
        head=head,
        tables=[table.as_dict() for table in tables],
        thresholds=next(iter(curves.values())).thresholds.tolist(),
        miou={name: [score.miou for score in curve.scores] for name, curve in curves.items()},
    )
    content = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + '\n'
    write_atomic(out / 'background_curve.json', content.encode())
    lines = [f'# {title}', '', *(f'- {line}' for line in head), '']
    lines += [f'{table.markdown()}\n' for table in tables]
    write_atomic(out / 'background_curve.md', '\n'.join(lines).encode())
    colors = [list(COLORS)[index % len(COLORS)] for index in range(len(curves))]
    colors = [list(COLORS)[index % len(COLORS)] for index in range(len(curves))]
    drawn = []
    for (name, curve), color in zip(curves.items(), colors, strict=True):
        # No threshold of 0: a map would always exceed it.
        values = [float('nan'), *(100 * score.miou for score in curve.scores)]
        drawn.append(Curve(name, values, COLORS[color], 2))
    plot = html_plot(
        drawn,
        'background threshold in hundredths',
        'mIoU in percent, before the dense CRF: '
        + ', '.join(f'{name} {color}' for name, color in zip(curves, colors, strict=True)),
    )
    page = seed_report(title, head, tables, [], classes, [], {BACKGROUND_CURVE_TITLE: plot})
    write_atomic(out / 'background_curve.html', page.encode())


if __name__ == '__main__':
    sys.exit(main())
