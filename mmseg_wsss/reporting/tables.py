"""Tables of scores, for the terminal, Markdown and pages, made from the scores as data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ..store import AGGREGATED_FOLDER, SUPERVISIONS

Cell = str | int | float | None
Data = Mapping[str, Any]
SHOWN_SUBSETS = 10
TUNED = 'Tuned on the ground truth: '


@dataclass(frozen=True)
class Table:
    """A table of text and numbers.

    Attributes:
        title (str): What it shows.
        header (Sequence[str]): Titles of the columns.
        rows (Sequence[Sequence[Cell]]): Cells. Floats are rounded, NaN and None become a dash.
        note (str): How to read it; whether it was tuned on the ground truth.
        decimals (int): Of floats.
        bar (int | None): Column of percentages that a page draws as bars as well.
        strong (Sequence[int]): Rows that stand out.
        classes (bool): Whether the first column names classes, which a page shows with their
            colours.

    Raises:
        ValueError: If a row has another number of cells than the header.
    """

    kind: ClassVar[str] = 'table'
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ''
    decimals: int = 2
    bar: int | None = None
    strong: Sequence[int] = ()
    classes: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f'a row has {len(row)} cells, the header {len(self.header)}')

    def text(self) -> str:
        """Give the table as aligned columns."""
        lines = [list(self.header), *([self.show(cell) for cell in row] for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        body = [
            '  '.join(
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return '\n'.join([self.title, *([self.note] if self.note else []), *body])

    def markdown(self) -> str:
        """Give the table as Markdown, with its title as a heading."""

        def line(cells: Sequence[str]) -> str:
            return '| ' + ' | '.join(cell.replace('|', '\\|') for cell in cells) + ' |'

        marks = line(['---'] + ['---:'] * (len(self.header) - 1))
        rows = [line([self.show(cell) for cell in row]) for row in self.rows]
        head = [f'## {self.title}', '', *([self.note, ''] if self.note else [])]
        return '\n'.join([*head, line(self.header), marks, *rows])

    def show(self, cell: Cell) -> str:
        """Write a cell."""
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return '–'
        return f'{cell:.{self.decimals}f}' if isinstance(cell, float) else str(cell)


def percent(values: Iterable[float | None]) -> list[float | None]:
    """Turn shares into percentages."""
    return [None if value is None else 100 * float(value) for value in values]


def evaluation_head(data: Data) -> list[str]:
    """Say in sentences what was evaluated, on what, and how 255 was treated.

    Args:
        data (Mapping): See :func:`~mmseg_wsss.evaluation.evaluation_data`.
    """
    head = data['head']
    what = f'split {head["split"]}' if head['split'] else 'all images of the seed root'
    kept = '' if head['seeds_kept'] else ' (not kept in the root: only their aggregate is scored)'
    lines = [
        f'Seed root: {head["seed_root"]}',
        f'Images: {head["images"]:,} ({what}); left out for a missing mask: '
        f'{len(head["missing"])}.',
        f'Seeds: {", ".join(head["seeds"])}{kept}. Ties of the vote: {head["tie"]}.',
        f'Classes: {len(head["classes"])}, background included.',
    ]
    if head['supervision']:
        lines.append(f'Supervision: {SUPERVISIONS[head["supervision"]]}')
    if head['corrected']:
        lines.append(
            f'Corrected by hand: {head["corrected"]:,} of the {head["images"]:,} images. Their '
            'aggregate is what a person drew, and their agreement that of all seeds, in all '
            'figures; the scores of single seeds are those of the seeds as made.'
        )
    fit = head['background_fit']
    if fit:
        lines.append(
            f'Background threshold: {fit["threshold"]:.3f}, found from {fit["images"]:,} images '
            'without any mask.'
        )
    truth = head['ground_truth']
    if truth is None:
        lines.append('Ground truth: none. What follows is known from votes and tags alone.')
        return lines
    matched = ', classes matched by name, others 255' if truth['matched_by_name'] else ''
    never = _never_shown(data['masks'][AGGREGATED_FOLDER])
    return lines + [
        f'Ground truth: {truth["folder"]}{matched}; {truth["pixels"]:,} pixels at the size of the '
        'masks, in one confusion matrix of 64-bit integers.',
        '255: in the ground truth a pixel does not count; in a seed or the aggregate it is a miss '
        'of its class, so leaving pixels open never raises a score.',
        *([never] if never else []),
    ]


def _never_shown(scores: Data) -> str:
    """Name the classes that the ground truth does not show; empty if there is none."""
    # Of a class without pixels there is no recall.
    names = [name for name, one in scores['classes'].items() if one['recall'] is None]
    if not names:
        return ''
    return (
        f'Never in the ground truth: {", ".join(names)}. Where a mask shows such a class its IoU '
        'is 0, elsewhere the mIoU is a mean over the others '
        f'({scores["classes_scored"]} of {len(scores["classes"])} classes).'
    )


def evaluation_tables(data: Data, num_suspicious: int = 20) -> list[Table]:
    """Make all tables that an evaluation allows.

    Args:
        data (Mapping): See :func:`~mmseg_wsss.evaluation.evaluation_data`.
        num_suspicious (int): How many of the images to look at first are listed; 0 for no such
            table.

    Returns:
        list[Table]: Those that need ground truth first, if there is one.
    """
    corrected = _corrected(data)
    tables: list[Table] = []
    if 'thresholds' in data:
        tables += [_scores(data), _classes_by_mask(data), _classes(data)]
        tables += [_thresholds(data), _calibration(data), _class_calibration(data)]
    if 'complement' in data.get('pairs', {}):
        tables.append(
            _seed_matrix(
                data,
                'Pixels at which the seed of the row is right and that of the column wrong, in '
                'percent',
                'complement',
                'Two seeds with large values both ways complement each other.',
            )
        )
    if 'subsets' in data:
        tables += _subsets(data)
    tables += [_agreement(data), _balance(data)]
    if 'pairs' in data:
        tables.append(
            _seed_matrix(
                data,
                'Pixels at which two seeds differ, in percent',
                'disagreement',
                'No vote (255) counts as a label here.',
            )
        )
    if 'tags' in data:
        tables.append(_tag_errors(data))
    tables += [_suspicious(data, num_suspicious)] if num_suspicious else []
    return [replace(one, note=f'{one.note} {corrected}'.strip()) for one in tables]


def _corrected(data: Data) -> str:
    """Say how many images are corrected by hand; empty if none is."""
    head = data['head']
    if not head['corrected']:
        return ''
    return f'{head["corrected"]:,} of {head["images"]:,} images corrected by hand.'


def _scores(data: Data) -> Table:
    keys = ('miou', 'pixel_accuracy', 'precision', 'recall', 'false_positive', 'false_negative')
    keys += ('trimap_miou', 'coverage')
    rows = [[name, *percent(mask[key] for key in keys)] for name, mask in data['masks'].items()]
    scored = data['masks'][AGGREGATED_FOLDER]['classes_scored']
    union = (
        ' The union takes the ground-truth label wherever a seed has it, an oracle; the '
        'intersection keeps the labels on which all seeds agree.'
    )
    return Table(
        'Scores of the seeds and of the aggregate, in percent',
        ['mask', 'mIoU', 'pixel accuracy', 'precision', 'recall', 'false positive']
        + ['false negative', f'trimap mIoU ({data["head"]["trimap_width"]} px)', 'coverage'],
        rows,
        f'Means over the classes that occur ({scored} of {len(data["head"]["classes"])} for the '
        'aggregate); false positives and negatives are shares of the union, with the IoU they add '
        'up to 100.' + (union if data['head']['seeds_kept'] else ''),
        bar=1,
        strong=[list(data['masks']).index(AGGREGATED_FOLDER)],
    )


def _classes_by_mask(data: Data) -> Table:
    masks = data['masks']
    rows = [
        [name, *percent(mask['classes'][name]['iou'] for mask in masks.values())]
        for name in data['head']['classes']
    ]
    return Table('IoU of each class, in percent', ['class', *masks], rows, classes=True)


def _classes(data: Data) -> Table:
    keys = ('iou', 'precision', 'recall', 'false_positive', 'false_negative', 'trimap_iou')
    classes = data['masks'][AGGREGATED_FOLDER]['classes']
    rows = [[name, *percent(scores[key] for key in keys)] for name, scores in classes.items()]
    return Table(
        'The aggregate by class, in percent',
        ['class', 'IoU', 'precision', 'recall', 'false positive', 'false negative', 'trimap IoU'],
        rows,
        bar=1,
        classes=True,
    )


def _thresholds(data: Data) -> Table:
    keys = ('right_clean', 'right_noisy', 'wrong_noisy', 'wrong_clean', 'noisy', 'clean_accuracy')
    rows = [
        [int(threshold), *percent(split[key] for key in keys)]
        for threshold, split in data['thresholds'].items()
    ]
    return Table(
        'Right and wrong, clean and noisy by agreement threshold, in percent of the pixels',
        ['least votes of a clean pixel', 'right, clean', 'right, noisy', 'wrong, noisy']
        + ['wrong, clean', 'noisy', 'accuracy of clean pixels'],
        rows,
        f'The rest to 100 are pixels without a vote. {TUNED}a threshold chosen by this table.',
        decimals=4,
    )


def _calibration(data: Data) -> Table:
    calibration = data['calibration']
    pairs = zip(calibration['accuracy'], calibration['share'], strict=True)
    return Table(
        'Accuracy by agreement, in percent',
        ['seeds that agree', 'accuracy of the label', 'share of all pixels'],
        [[votes, *percent(pair)] for votes, pair in enumerate(pairs)],
        'Mean distance of the accuracy from the share of seeds that agree: '
        f'{100 * calibration["error"]:.2f}.',
        bar=1,
    )


def _class_calibration(data: Data) -> Table:
    by_class = data['calibration']['accuracy_by_class']
    votes = range(1, len(data['head']['seeds']) + 1)
    return Table(
        'Accuracy by agreement and class, in percent',
        ['class', *(f'{number} agree' for number in votes)],
        [[name, *percent(values[1:])] for name, values in by_class.items()],
        classes=True,
    )


def _seed_matrix(data: Data, title: str, key: str, note: str) -> Table:
    names = data['head']['seeds']
    rows = [[name, *percent(row)] for name, row in zip(names, data['pairs'][key], strict=True)]
    return Table(title, ['seed', *names], rows, note)


def _subsets(data: Data) -> list[Table]:
    subsets = data['subsets']

    def rows(chosen: Iterable[Data]) -> list[list[Cell]]:
        return [
            [
                ', '.join(one['seeds']),
                len(one['seeds']),
                *percent([one['miou'], one['pixel_accuracy']]),
            ]
            for one in chosen
        ]

    sizes = sorted({len(one['seeds']) for one in subsets})
    best = [next(one for one in subsets if len(one['seeds']) == size) for size in sizes]
    header = ['seeds', 'number', 'mIoU', 'pixel accuracy']
    note = f'{TUNED}the subsets are chosen by the score of their aggregate on these images.'
    return [
        Table('Best subset of each size, in percent', header, rows(best), note),
        Table(
            f'Best subsets of all {len(subsets)}, in percent',
            header,
            rows(subsets[:SHOWN_SUBSETS]),
            note,
        ),
    ]


def _agreement(data: Data) -> Table:
    pixels = data['agreement']['pixels']
    total = sum(pixels)
    rows = [
        [number, *percent([pixels[number] / total, sum(pixels[number:]) / total])]
        for number in range(len(pixels))
    ]
    return Table(
        'Agreement, in percent of the pixels',
        ['n', 'exactly n seeds agree', 'at least n seeds agree'],
        rows,
        'Needs no ground truth; all pixels count. n = 0: no seed votes, the aggregate is 255.',
        decimals=4,
        bar=1,
    )


def _balance(data: Data) -> Table:
    classes = data['head']['classes']
    columns = [mask['pixels'] for mask in data['masks'].values() if 'pixels' in mask]
    names = [name for name, mask in data['masks'].items() if 'pixels' in mask]
    images = [sum(name in image['classes'] for image in data['images']) for name in classes]
    images.append(sum(image['coverage'] < 1 for image in data['images']))
    rows = [
        [name, images[label], *percent(column[label] / sum(column) for column in columns)]
        for label, name in enumerate([*classes, '255 (no vote)'])
    ]
    return Table(
        'Class balance, in percent of the pixels',
        ['class', 'images (aggregate)', *names],
        rows,
        'Needs no ground truth.',
        classes=True,
    )


def _tag_errors(data: Data) -> Table:
    keys = ('images_lacking_a_tag', 'images_with_an_untagged_class')
    rows = [
        [name, *(mask[key] for key in keys)]
        for name, mask in data['masks'].items()
        if keys[0] in mask
    ]
    return Table(
        'Masks against the tags, in images',
        ['mask', 'lacks a tag', 'has an untagged class'],
        [*rows, ['all of them', *(data['tags'][key] for key in keys)]],
        'Needs no ground truth. All of them: a tag is in none of the masks, a class without a tag '
        'in at least one.',
    )


def _suspicious(data: Data, number: int) -> Table:
    with_truth = 'thresholds' in data

    def names(values: list[str] | None) -> str | None:
        return None if values is None else ', '.join(values)

    rows = [
        [
            image['id'],
            image['quality'],
            *percent([image['unanimous'], image['coverage']]),
            names(image['missing_tags']),
            names(image['untagged_classes']),
            *(percent([image['pixel_accuracy']]) if with_truth else []),
        ]
        for image in data['images'][:number]
    ]
    return Table(
        'Images to look at first',
        ['image', 'quality', 'unanimous (%)', 'coverage (%)', 'missing tags', 'untagged classes']
        + ['pixel accuracy (%)'] * with_truth,
        rows,
        'Ranked without ground truth: contradictions with the tags first, then the lowest quality, '
        'the soft minimum over the pixels of the share of seeds that agree.',
        decimals=3,
    )


def background_tables(data: Data) -> list[Table]:
    """Make the tables of a study of background thresholds.

    Args:
        data (Mapping): See :func:`~mmseg_wsss.evaluation.background_data`.

    Returns:
        list[Table]: mIoU at each twentieth, at the best and at the threshold in use; the best
        threshold of each seed; the IoU of each class there.
    """
    head, seeds, thresholds = data['head'], data['seeds'], data['thresholds']
    current = head.get('current')
    note = (
        f'{TUNED}a threshold chosen by this table is chosen by the ground truth of '
        f'{head["split"]}. Before the dense CRF: each pixel has the label of the highest '
        'activation map of its tags, or background where that does not exceed the threshold.'
    )
    never = _never_shown(next(iter(seeds.values()))['best'])
    note += f' {never}' if never else ''
    wanted = {round(100 * seed['best']['threshold']) - 1 for seed in seeds.values()}
    in_use = None if current is None else round(100 * current) - 1
    shown = sorted({*range(4, len(thresholds), 5), *wanted, *([] if in_use is None else [in_use])})
    rows = [
        [thresholds[index], *percent(seed['miou'][index] for seed in seeds.values())]
        for index in shown
    ]
    strong = [] if in_use is None else [shown.index(in_use)]
    best_rows, columns, names = [], [], []
    for name, seed in seeds.items():
        best = seed['best']
        values = [best['miou'], best['precision'], best['recall'], seed.get('miou_at_current')]
        best_rows.append([name, best['threshold'], *percent(values)])
        columns.append(percent(best['classes'][one]['iou'] for one in head['classes']))
        names.append(f'{name} at {best["threshold"]:.2f}')
    return [
        Table(
            'mIoU by background threshold, in percent',
            ['threshold', *seeds],
            rows,
            note + (' In bold: the threshold of the config.' if strong else ''),
            strong=strong,
        ),
        Table(
            'Best threshold of each seed, in percent',
            ['seed', 'threshold', 'mIoU', 'precision', 'recall', "mIoU at the config's threshold"],
            best_rows,
            note,
        ),
        Table(
            'IoU of each class at the best threshold, in percent',
            ['class', *names],
            [list(row) for row in zip(head['classes'], *columns, strict=True)],
            note,
            classes=True,
        ),
    ]
