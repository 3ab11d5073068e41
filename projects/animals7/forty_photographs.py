"""A folder as a practitioner has it: 40 tagged photographs, masks of eight, ten new photographs.

``python projects/animals7/forty_photographs.py OUT``, then ``python tools/run.py OUT/photos
OUT/tags.csv --out RUN --masks OUT/masks --new OUT/new``. The classes are cat, dog and horse; all
else is background. With ``--more-masks 72`` eighty photographs have masks, ten times as many: they
do not train, and judge with less chance.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
from pathlib import Path

import numpy as np

from mmseg_wsss.datasets.class_names import read_class_list
from mmseg_wsss.store import read_mask, write_mask
from mmseg_wsss.utils.palette import label_palette

CLASSES = ('cat', 'dog', 'horse')
NUM_PHOTOGRAPHS, NUM_MASKS, NUM_NEW = 40, 8, 10


def write_folder(data: Path, out: Path, random_seed: int = 0, more_masks: int = 0) -> None:
    """Draw the photographs and write the folder.

    Args:
        data (Path): Animals-7, ``data/voc_animals``.
        out (Path): Gets ``photos``, ``tags.csv``, ``masks`` and ``new``; must not exist.
        random_seed (int): Of the draw.
        more_masks (int): Further photographs, each with its mask.

    Raises:
        FileExistsError: If ``out`` exists.
        FileNotFoundError: If the data set is not there.
    """
    with (data / 'tags.csv').open(encoding='utf-8', newline='') as file:
        tags = {row['image_id']: row['tags'].split() for row in csv.DictReader(file)}
    tags = {one: [name for name in CLASSES if name in names] for one, names in tags.items()}
    ids = sorted(image_id for image_id, names in tags.items() if names)
    random.Random(random_seed).shuffle(ids)
    chosen, new, further = (
        ids[:NUM_PHOTOGRAPHS],
        ids[NUM_PHOTOGRAPHS:][:NUM_NEW],
        ids[NUM_PHOTOGRAPHS + NUM_NEW :][:more_masks],
    )
    voc12 = read_class_list('voc12')
    table = np.zeros(256, np.uint8)
    table[255] = 255
    for label, name in enumerate(CLASSES, start=1):
        table[voc12.index(name)] = label
    out.mkdir(parents=True)
    for folder, names in (('photos', chosen + further), ('new', new)):
        (out / folder).mkdir()
        for image_id in names:
            shutil.copy(data / 'JPEGImages' / f'{image_id}.jpg', out / folder)
    for image_id in chosen[:NUM_MASKS] + further:
        mask = table[read_mask(data / 'SegmentationClassAug' / f'{image_id}.png')]
        write_mask(out / 'masks' / f'{image_id}.png', mask, label_palette(len(CLASSES) + 1))
    rows = [f'{image_id},{" ".join(tags[image_id])}' for image_id in chosen + further]
    (out / 'tags.csv').write_text('\n'.join(['image_id,tags', *rows]) + '\n', encoding='utf-8')


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument('--data', type=Path, default=Path('data/voc_animals'))
    parser.add_argument('--random-seed', type=int, default=0)
    parser.add_argument('--more-masks', type=int, default=0, metavar='N')
    args = parser.parse_args(arguments)
    write_folder(args.data, args.out, args.random_seed, args.more_masks)


if __name__ == '__main__':
    main()
