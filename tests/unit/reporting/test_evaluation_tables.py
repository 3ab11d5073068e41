"""The tables of an evaluation: which there are, and that their cells are the scores'."""

import numpy as np
import pytest

from mmseg_wsss.evaluation import EvaluationSetting, SeedEvaluation, count_image
from mmseg_wsss.evaluation.seed_root_evaluation import SeedRootEvaluation
from mmseg_wsss.reporting import evaluation_tables
from mmseg_wsss.seeds import aggregate_seeds

S, K = 4, 3
NAMES = ('a', 'b', 'c', 'd')
WITH_TRUTH = 6


def evaluate(truth=True, tags=True, seeds=True, subsets=False, number=5):
    setting = EvaluationSetting(
        ('background', 'cat', 'dog'), S, NAMES if seeds else (), subsets=subsets
    )
    evaluation = SeedEvaluation(setting)
    rng = np.random.default_rng(0)
    for index in range(number):
        masks = rng.integers(0, 2, (S, 20, 30), np.uint8)
        masks[:, 0, 0] = 255
        label, agreement = aggregate_seeds(masks, K)
        true = np.where(rng.random(label.shape) < 0.5, label, 1).astype(np.uint8)
        true[0, 0] = 1
        given = np.stack([*masks, label]) if seeds else label[None]
        parts = (true if truth else None, (1, 2) if tags else None)
        evaluation.add(*count_image(f'{index:02}', given, agreement, *parts, setting))
    return evaluation


def tables(evaluation, **options):
    head = dict(
        classes=list(evaluation.setting.classes),
        seeds=list(NAMES),
        seeds_kept=bool(evaluation.setting.seed_names),
        corrected=0,
    )
    found = evaluation_tables(SeedRootEvaluation(evaluation, None, head).to_dict(), **options)
    for table in found:
        assert table.rows and all(len(row) == len(table.header) for row in table.rows)
        cells = [cell for row in table.rows for cell in row]
        assert all(cell is None or type(cell) in (str, int, float) for cell in cells)
        assert table.text() and table.markdown()
        assert table.bar is None or type(table.rows[0][table.bar]) is float
    return {table.title.partition(',')[0]: table for table in found}


@pytest.mark.parametrize(
    'options, number',
    [
        (dict(), WITH_TRUTH + 1 + 5),
        (dict(subsets=True), WITH_TRUTH + 3 + 5),
        (dict(seeds=False), WITH_TRUTH + 4),
        (dict(tags=False), WITH_TRUTH + 1 + 4),
        (dict(truth=False), 5),
        (dict(truth=False, tags=False), 4),
        (dict(truth=False, tags=False, seeds=False), 3),
    ],
)
def test_tables_that_there_are(options, number):
    assert len(tables(evaluate(**options))) == number


def test_cells_are_the_scores():
    evaluation = evaluate(subsets=True)
    found = tables(evaluation)
    rows = {row[0]: row for row in found['Scores of the seeds and of the aggregate'].rows}
    for name, score in evaluation.scores.items():
        assert rows[name][1] == pytest.approx(100 * score.miou)
        assert rows[name][2] == pytest.approx(100 * score.accuracy)
        assert rows[name][7] == pytest.approx(100 * evaluation.band_scores[name].miou)
    strong = found['Scores of the seeds and of the aggregate']
    assert [strong.rows[number][0] for number in strong.strong] == ['aggregated']
    for threshold, row in enumerate(found['Right and wrong'].rows, start=1):
        split = evaluation.calibration.score.split(threshold)
        np.testing.assert_allclose(row[1:5], 100 * np.array(list(split.values())))
        assert sum(row[1:5]) == pytest.approx(100 - 100 / 600)  # one pixel without a vote
    agreement = found['Agreement'].rows
    assert sum(row[1] for row in agreement) == pytest.approx(100)
    assert agreement[0][2] == pytest.approx(100) and agreement[0][1] == pytest.approx(100 / 600)
    best = found['Best subset of each size'].rows
    assert [row[1] for row in best] == [1, 2, 3, 4]
    assert best[-1][2] == pytest.approx(rows['aggregated'][1])
    assert best[0][2] == pytest.approx(max(rows[name][1] for name in NAMES))


def test_class_balance():
    found = tables(evaluate(truth=False))['Class balance']
    shares = np.array([row[2:] for row in found.rows])
    np.testing.assert_allclose(shares.sum(axis=0), 100)
    assert [row[1] for row in found.rows] == [5, 5, 0, 5]  # no dog, one open pixel in each image
    assert found.rows[2][2:] == [0] * 5


def test_what_is_tuned_says_so():
    found = tables(evaluate(subsets=True))
    tuned = {title for title, table in found.items() if 'Tuned on the ground truth' in table.note}
    assert tuned == {'Right and wrong', 'Best subset of each size', 'Best subsets of all 15'}
    assert 'an oracle' in found['Scores of the seeds and of the aggregate'].note


def test_images_to_look_at_first():
    evaluation = evaluate(number=30)
    shown = tables(evaluation)['Images to look at first']
    assert len(shown.rows) == 20 and all(row[4] == 'dog' for row in shown.rows)
    quality = [row[1] for row in shown.rows]
    assert quality == sorted(quality)
    assert len(tables(evaluation, num_suspicious=3)['Images to look at first'].rows) == 3
    assert 'Images to look at first' not in tables(evaluation, num_suspicious=0)
