"""Check an own folder of photographs with tags and write configs for it.

folder.py prepare PHOTOS TAGS.csv data/mine [--masks MASKS]
folder.py prepare PHOTOS PHOTOS data/mine     (PHOTOS/cat/1.jpg: folders named by class)
folder.py prepare PHOTOS ANNOTATIONS data/mine     (COCO, LabelMe, VOC, YOLO, FiftyOne, ...)
folder.py make_config data/mine configs/mine --name mine
"""

from __future__ import annotations

import argparse
import sys

from mmseg_wsss.converters.folder import convert_folder
from mmseg_wsss.converters.folder_configs import (
    CLS_BASE,
    PNL_BASE,
    make_config,
    next_commands,
    recipe_for,
)
from mmseg_wsss.converters.recipes import AffinityRecipe, Recipe, check_rounds
from mmseg_wsss.converters.tag_sources import SOURCES


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest='command', required=True)
    prepare = commands.add_parser('prepare', help='check images, tags and masks and lay them out')
    prepare.add_argument('images', help='folder of the images, folders in it included')
    prepare.add_argument(
        'tags',
        nargs='+',
        help='tags file (CSV, JSON or cls_labels.npy), or files or folder of --tags-from',
    )
    prepare.add_argument('out', help='folder of the data set')
    prepare.add_argument(
        '--tags-from',
        default='auto',
        metavar='KIND',
        help='what TAGS is: '
        + ', '.join(f'{kind} ({text})' for kind, text in SOURCES.items())
        + '; fiftyone:FIELD and imagefolder:COLUMN name where the labels are; default: recognised',
    )
    prepare.add_argument(
        '--classes',
        nargs='+',
        help='foreground classes in order, other objects in annotations are ignored; default: '
        'those of the tags',
    )
    prepare.add_argument('--masks', help='folder of the ground truth (PNG) for validation')
    prepare.add_argument(
        '--val-list', help='ids of the validation images; default: those that have a mask'
    )
    prepare.add_argument(
        '--copy-images',
        action='store_true',
        help='copy all images to OUT/images as 8-bit RGB PNG, whatever their formats and depths',
    )
    prepare.add_argument(
        '--shift-bits',
        type=int,
        metavar='N',
        help='copies of images of more than 8 bits: shift values right by N bits; default: the '
        'fewest that keep the largest value of the set',
    )
    prepare.add_argument('--workers', type=int, help='processes; default: number of cores')
    prepare.add_argument('--max-problems', type=int, default=20, help='printed; 0 for all')
    config = commands.add_parser('make_config', help='write the ready-to-train configs')
    config.add_argument('root', help='data set made by prepare')
    config.add_argument('config_folder', help='where to write NAME_cls.py and NAME_pnl.py')
    config.add_argument('--name', required=True)
    config.add_argument(
        '--cls-base',
        help=f'config of the classifier to start from, with its schedule, e.g. {CLS_BASE}; '
        'default: bases and schedules that suit the number of images and the hardware',
    )
    config.add_argument('--pnl-base', help=f'the same of the network, e.g. {PNL_BASE}')
    config.add_argument(
        '--weights', help='file of ImageNet weights, which decides on the backbone; not with bases'
    )
    config.add_argument(
        '--affinity',
        nargs='?',
        const='',
        metavar='CONFIG',
        help='spread the seeds by learned affinity: write the configs of its labels, network and '
        'seeds as well; CONFIG is the network to start from, needed with bases',
    )
    config.add_argument(
        '--affinity-rounds',
        type=int,
        default=1,
        choices=(1, 2),
        help='2: a second network learns what is sure of the maps that the first has spread',
    )
    config.add_argument(
        '--runs',
        metavar='DIR',
        help='trainings and seeds go to DIR/classifier, DIR/seeds and DIR/network; default: '
        'work_dirs/NAME_cls and NAME_pnl',
    )
    return parser.parse_args(argv)


def write_configs(args: argparse.Namespace) -> int:
    """Write the config pair, say what was chosen and what comes next."""
    check_rounds(args.affinity, args.affinity_rounds)
    if not args.cls_base and not args.pnl_base:
        recipe = recipe_for(args.root, args.weights, args.affinity, args.affinity_rounds)
    elif args.weights:
        raise ValueError('--weights chooses the bases: give either it or --cls-base, --pnl-base.')
    elif args.affinity == '':
        raise ValueError('--cls-base and --pnl-base need a config of their own: --affinity CONFIG.')
    else:
        spread = None
        if args.affinity:
            spread = AffinityRecipe(args.affinity, rounds=args.affinity_rounds)
        recipe = Recipe(args.cls_base or CLS_BASE, args.pnl_base or PNL_BASE, affinity=spread)
    paths = make_config(args.root, args.config_folder, args.name, recipe=recipe, runs=args.runs)
    for reason in recipe.reasons:
        print(f'* {reason}')
    print(f'wrote {" and ".join(paths)}; next:')
    print('\n'.join(f'  {command}' for command in next_commands(*paths)))
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command and give the exit status."""
    args = parse_args(argv)
    try:
        if args.command == 'make_config':
            return write_configs(args)
        report = convert_folder(
            args.images,
            args.tags if len(args.tags) > 1 else args.tags[0],
            args.out,
            classes=args.classes,
            masks=args.masks,
            val_list=args.val_list,
            copy_images=args.copy_images,
            workers=args.workers,
            shift_bits=args.shift_bits,
            tags_from=args.tags_from,
        )
    except (FileExistsError, FileNotFoundError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(report.text(args.max_problems))
    return report.exit_status


if __name__ == '__main__':
    sys.exit(main())
