"""The tables of a study of background thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .background_curve import BackgroundCurve
from .evaluation_tables import TUNED
from .seed_scores import mean_of_classes
from .table import Table
from .vote_tables import percent

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
