"""Tables of scores, for the terminal, Markdown and pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluation.background_curve import BackgroundCurve
from ..evaluation.image_statistics import rank_suspicious
from ..evaluation.scores import mean_of_classes
from ..evaluation.seed_evaluation import SeedEvaluation
from ..store import AGGREGATED_FOLDER

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A table of text and numbers.

    Attributes:
        title (str): What it shows.
        header (Sequence[str]): Titles of the columns.
        rows (Sequence[Sequence[Cell]]): Cells. Floats are rounded, NaN and None become a dash.
        note (str): How to read it; whether it was tuned on the truth.
        decimals (int): Of floats.
        bar (int | None): Column of percentages that a page draws as bars as well.
        strong (Sequence[int]): Rows that stand out.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ''
    decimals: int = 2
    bar: int | None = None
    strong: Sequence[int] = ()

    def text(self) -> str:
        """Give the table as aligned columns."""
        lines = [list(self.header), *([self._show(cell) for cell in row] for row in self.rows)]
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
        rows = [line([self._show(cell) for cell in row]) for row in self.rows]
        head = [f'## {self.title}', '', *([self.note, ''] if self.note else [])]
        return '\n'.join([*head, line(self.header), marks, *rows])

    def as_dict(self) -> dict:
        """Give the table as JSON values, unrounded; NaN becomes null."""
        rows = [
            [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in row]
            for row in self.rows
        ]
        return dict(title=self.title, note=self.note, header=list(self.header), rows=rows)

    def _show(self, cell: Cell) -> str:
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return '–'
        return f'{cell:.{self.decimals}f}' if isinstance(cell, float) else str(cell)


def vote_tables(evaluation: SeedEvaluation, num_suspicious: int = 20) -> list[Table]:
    """Make the tables of what votes and tags tell.

    Args:
        evaluation (SeedEvaluation): At least one image.
        num_suspicious (int): How many of the most suspicious images are listed; 0 for no such
            table.

    Returns:
        list[Table]: Agreement and class balance; where there are seeds, how they differ; where
        there are tags, what contradicts them; the images to look at first.
    """
    tables = [_agreement(evaluation), _balance(evaluation)]
    if 'differ' in evaluation.counts:
        tables.append(_disagreement(evaluation))
    if 'tag_errors' in evaluation.counts:
        tables.append(_tag_errors(evaluation))
    if num_suspicious:
        tables.append(_suspicious(evaluation, num_suspicious))
    return tables


def _agreement(evaluation: SeedEvaluation) -> Table:
    votes = evaluation.counts['votes']
    total = int(votes.sum())
    rows = [
        [number, *percent([votes[number] / total, votes[number:].sum() / total])]
        for number in range(len(votes))
    ]
    return Table(
        'Agreement, in percent of the pixels',
        ['seeds that agree', 'pixels', 'so many or more'],
        rows,
        'Needs no ground truth. All pixels count. 0: no seed votes, the aggregate is 255.',
        decimals=4,
        bar=1,
    )


def _balance(evaluation: SeedEvaluation) -> Table:
    pixels = evaluation.counts['balance'].astype(np.float64)
    share = pixels / pixels.sum(axis=1, keepdims=True)
    names = [*evaluation.setting.classes, '255 (no vote)']
    images = np.zeros(len(names), int)
    for image in evaluation.images:
        images[list(image.classes)] += 1
    images[-1] = sum(image.coverage < 1 for image in evaluation.images)
    rows = [
        [name, int(images[label]), *percent(share[:, label])] for label, name in enumerate(names)
    ]
    return Table(
        'Class balance, in percent of the pixels',
        ['class', 'images (aggregate)', *evaluation.setting.mask_names],
        rows,
        'Needs no ground truth.',
    )


def _tag_errors(evaluation: SeedEvaluation) -> Table:
    names = evaluation.setting.mask_names
    rows = [
        [name, *map(int, errors)]
        for name, errors in zip(names, evaluation.counts['tag_errors'], strict=True)
    ]
    lacking = sum(bool(image.missing) for image in evaluation.images)
    untagged = sum(bool(image.untagged) for image in evaluation.images)
    return Table(
        'Masks against the tags, in images',
        ['mask', 'lacks a tag', 'has an untagged class'],
        [*rows, ['all of them', lacking, untagged]],
        'Needs no ground truth. All of them: a tag is in none of the masks, a class without a tag '
        'in at least one.',
    )


def _suspicious(evaluation: SeedEvaluation, number: int) -> Table:
    classes = evaluation.setting.classes
    rows = [
        [
            image.image_id,
            image.quality,
            *percent([image.unanimous, image.coverage]),
            _names(image.missing, classes),
            _names(image.untagged, classes),
            *([percent([image.accuracy])[0]] if evaluation.with_truth else []),
        ]
        for image in rank_suspicious(evaluation.images)[:number]
    ]
    truth = ['pixels right (%)'] if evaluation.with_truth else []
    return Table(
        'Images to look at first',
        ['image', 'quality', 'unanimous (%)', 'coverage (%)', 'missing tags', 'untagged classes']
        + truth,
        rows,
        'Ranked without ground truth: contradictions with the tags first, then the lowest quality, '
        'the soft minimum over the pixels of the share of seeds that agree.',
        decimals=3,
    )


def _names(labels: tuple[int, ...] | None, classes: tuple[str, ...]) -> str | None:
    return None if labels is None else ', '.join(classes[label] for label in labels)


def percent(values: Iterable[float | None]) -> list[float]:
    """Turn shares into percentages, None into NaN."""
    return [float('nan') if value is None else 100 * float(value) for value in values]


def seed_matrix(evaluation: SeedEvaluation, title: str, values: np.ndarray, note: str) -> Table:
    """Make a table of shares for every pair of seeds, float64 (S, S) in [0, 1]."""
    names = evaluation.setting.seed_names
    rows = [[name, *percent(row)] for name, row in zip(names, values, strict=True)]
    return Table(title, ['seed', *names], rows, note)


def _disagreement(evaluation: SeedEvaluation) -> Table:
    return seed_matrix(
        evaluation,
        'Pixels at which two seeds differ, in percent',
        evaluation.pairs.disagreement,
        'No vote (255) counts as a label here.',
    )


SHOWN_SUBSETS = 10
CALIBRATION_TITLE = 'Accuracy by agreement, in percent'
TUNED = 'Tuned on the ground truth: '


def evaluation_tables(evaluation: SeedEvaluation, num_suspicious: int = 20) -> list[Table]:
    """Make all tables that the evaluation allows.

    Args:
        evaluation (SeedEvaluation): At least one image.
        num_suspicious (int): How many of the most suspicious images are listed.

    Returns:
        list[Table]: Those that need the truth first, if there is one.
    """
    tables = _tables_with_truth(evaluation) if evaluation.with_truth else []
    return tables + vote_tables(evaluation, num_suspicious)


def _tables_with_truth(evaluation: SeedEvaluation) -> list[Table]:
    tables = [_scores(evaluation), _classes_by_mask(evaluation), _classes(evaluation)]
    tables += [_thresholds(evaluation), _calibration(evaluation), _class_calibration(evaluation)]
    if 'rescued' in evaluation.counts:
        tables.append(_complements(evaluation))
    if 'hits' in evaluation.counts:
        tables += _subsets(evaluation)
    return tables


def _scores(evaluation: SeedEvaluation) -> Table:
    rows = []
    for name, score in evaluation.scores.items():
        means = (score.precision, score.recall, score.false_positive_rate)
        values = [score.miou, score.accuracy, *map(mean_of_classes, means)]
        values.append(mean_of_classes(score.false_negative_rate))
        values += [evaluation.band_scores[name].miou, score.coverage]
        rows.append([name, *percent(values)])
    width = evaluation.setting.trimap_width
    union = (
        ' Union takes the true label wherever a seed has it, an oracle made with the ground truth; '
        'intersection keeps the labels on which all seeds agree.'
    )
    return Table(
        'Scores of the seeds and of the aggregate, in percent',
        ['mask', 'mIoU', 'pixels right', 'precision', 'recall', 'false positive', 'false negative']
        + [f'trimap mIoU ({width} px)', 'coverage'],
        rows,
        'Means over the classes; false positives and negatives are shares of the union, with the '
        'IoU they add up to 100.' + (union if evaluation.setting.seed_names else ''),
        bar=1,
        strong=[list(evaluation.scores).index(AGGREGATED_FOLDER)],
    )


def _classes_by_mask(evaluation: SeedEvaluation) -> Table:
    columns = [percent(score.iou) for score in evaluation.scores.values()]
    rows = [list(row) for row in zip(evaluation.setting.classes, *columns, strict=True)]
    return Table('IoU of each class, in percent', ['class', *evaluation.scores], rows)


def _classes(evaluation: SeedEvaluation) -> Table:
    score = evaluation.scores[AGGREGATED_FOLDER]
    columns = (
        score.iou,
        score.precision,
        score.recall,
        score.false_positive_rate,
        score.false_negative_rate,
        evaluation.band_scores[AGGREGATED_FOLDER].iou,
    )
    names = [*evaluation.setting.classes]
    rows = [list(row) for row in zip(names, *map(percent, columns), strict=True)]
    return Table(
        'The aggregate by class, in percent',
        ['class', 'IoU', 'precision', 'recall', 'false positive', 'false negative', 'trimap IoU'],
        rows,
        bar=1,
    )


def _thresholds(evaluation: SeedEvaluation) -> Table:
    rows = []
    for threshold in range(1, evaluation.setting.num_seeds + 1):
        split = evaluation.calibration.score.split(threshold)
        clean = split['right_clean'] + split['wrong_clean']
        noisy = split['right_noisy'] + split['wrong_noisy']
        values = [*split.values(), noisy, split['right_clean'] / clean if clean else float('nan')]
        rows.append([threshold, *percent(values)])
    return Table(
        'Right and wrong, clean and noisy by agreement threshold, in percent of the pixels',
        ['threshold', 'right clean', 'right noisy', 'wrong noisy', 'wrong clean', 'noisy']
        + ['clean that are right'],
        rows,
        'A pixel is clean if at least so many seeds vote for its label. The rest to 100 are pixels '
        f'without a vote. {TUNED}a threshold chosen by this table.',
        decimals=4,
    )


def _calibration(evaluation: SeedEvaluation) -> Table:
    calibration = evaluation.calibration
    rows = [
        [votes, *percent([calibration.accuracy[votes], calibration.share[votes]])]
        for votes in range(evaluation.setting.num_seeds + 1)
    ]
    return Table(
        CALIBRATION_TITLE,
        ['seeds that agree', 'right labels', 'of all pixels'],
        rows,
        f'Mean distance from the share of seeds that agree: {100 * calibration.error:.2f}.',
        bar=1,
    )


def _class_calibration(evaluation: SeedEvaluation) -> Table:
    accuracy = evaluation.calibration.accuracy_by_class
    votes = range(1, evaluation.setting.num_seeds + 1)
    rows = [
        [name, *percent(accuracy[label, 1:])]
        for label, name in enumerate(evaluation.setting.classes)
    ]
    return Table(
        'Right labels by agreement and class given, in percent',
        ['class', *(f'{number} agree' for number in votes)],
        rows,
    )


def _complements(evaluation: SeedEvaluation) -> Table:
    return seed_matrix(
        evaluation,
        'Pixels at which the seed of the row is right and that of the column wrong, in percent',
        evaluation.pairs.complement,
        'Two seeds with large values both ways complement each other.',
    )


def _subsets(evaluation: SeedEvaluation) -> list[Table]:
    study, names = evaluation.subsets, evaluation.setting.seed_names

    def rows(numbers: list[int]) -> list[list]:
        return [
            [
                ', '.join(names[seed] for seed in study.subsets[number]),
                len(study.subsets[number]),
                *percent([study.miou[number], study.accuracy[number]]),
            ]
            for number in numbers
        ]

    header = ['seeds', 'number', 'mIoU', 'pixels right']
    best = [study.ranking(size)[0] for size in range(1, len(names) + 1)]
    note = f'{TUNED}the subsets are chosen by the score of their aggregate on these images.'
    return [
        Table('Best subset of each size, in percent', header, rows(best), note),
        Table(
            f'Best subsets of all {len(study.subsets)}, in percent',
            header,
            rows(study.ranking()[:SHOWN_SUBSETS]),
            note,
        ),
    ]


BACKGROUND_CURVE_TITLE = 'mIoU by background threshold, in percent'


def background_tables(
    curves: Mapping[str, BackgroundCurve],
    classes: Sequence[str],
    split: str,
    current: float | None = None,
) -> list[Table]:
    """Make the tables.

    Args:
        curves (Mapping[str, BackgroundCurve]): By name of the seed, at least one, each with at
            least one pixel.
        classes (Sequence[str]): Names of the K classes.
        split (str): What the images are.
        current (float, optional): The threshold in use, a multiple of 0.01; it stands out.

    Returns:
        list[Table]: mIoU at each twentieth, at the best and at the current threshold; the best
        threshold of each seed; the IoU of each class there.
    """
    note = (
        f'{TUNED}a threshold chosen by this table is chosen by the true masks of {split}. Before '
        'the dense CRF: each pixel has the label of the highest activation map of its tags, or '
        'background where that does not exceed the threshold.'
    )
    scores = {name: curve.scores for name, curve in curves.items()}
    best = {name: curve.best for name, curve in curves.items()}
    thresholds = next(iter(curves.values())).thresholds
    in_use = None if current is None else round(100 * current) - 1
    extra = [] if in_use is None else [in_use]
    shown = sorted({*range(4, len(thresholds), 5), *best.values(), *extra})
    rows = [
        [float(thresholds[index]), *percent(one[index].miou for one in scores.values())]
        for index in shown
    ]
    strong = [shown.index(in_use)] if in_use is not None else []
    in_bold = ' In bold: the threshold of the config.' if strong else ''
    best_rows = []
    for name, index in best.items():
        score = scores[name][index]
        means = map(mean_of_classes, (score.precision, score.recall))
        values = [score.miou, *means, None if in_use is None else scores[name][in_use].miou]
        best_rows.append([name, float(thresholds[index]), *percent(values)])
    columns = [percent(scores[name][index].iou) for name, index in best.items()]
    names = [f'{name} at {thresholds[index]:.2f}' for name, index in best.items()]
    return [
        Table(BACKGROUND_CURVE_TITLE, ['threshold', *curves], rows, note + in_bold, strong=strong),
        Table(
            'Best threshold of each seed, in percent',
            ['seed', 'threshold', 'mIoU', 'precision', 'recall', "mIoU at the config's threshold"],
            best_rows,
            note,
        ),
        Table(
            'IoU of each class at the best threshold, in percent',
            ['class', *names],
            [list(row) for row in zip(classes, *columns, strict=True)],
            note,
        ),
    ]
