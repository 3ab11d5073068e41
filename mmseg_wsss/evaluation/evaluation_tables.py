"""The tables of an evaluation of seeds."""

from __future__ import annotations

from mmseg_wsss.seeds import AGGREGATED_FOLDER

from .seed_evaluation import SeedEvaluation
from .seed_scores import mean_of_classes
from .table import Table
from .vote_tables import percent, seed_matrix, vote_tables

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
