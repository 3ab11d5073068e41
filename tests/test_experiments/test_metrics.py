"""What is read from the files of a command."""

import json

import pytest

from mmseg_wsss.experiments.metrics import judge_metrics, network_metrics, training_metrics


def test_the_last_validation_of_a_resumed_training(tmp_path):
    for name, lines in {
        '20260101_000000': [dict(loss=3.0, iter=1), {'multi-label/mAP': 10.0, 'step': 1}],
        '20260102_000000': [dict(loss=2.0, iter=2), {'multi-label/mAP': 20.0, 'step': 2}],
        '20260103_000000': [dict(loss=1.0, iter=3, name='x')],
    }.items():
        (tmp_path / name / 'vis_data').mkdir(parents=True)
        text = '\n'.join(json.dumps(line) for line in lines)
        (tmp_path / name / 'vis_data' / 'scalars.json').write_text(text + '\n')
    assert training_metrics(tmp_path) == {'multi-label/mAP': 20.0, 'step': 2.0}


def test_the_last_iteration_of_a_training_without_validation(tmp_path):
    (tmp_path / 'a' / 'vis_data').mkdir(parents=True)
    lines = [dict(loss=3.0, iter=1), dict(loss=1.5, iter=2, name='x', other=float('nan'))]
    text = '\n'.join(map(json.dumps, lines))
    (tmp_path / 'a' / 'vis_data' / 'scalars.json').write_text(text)
    assert training_metrics(tmp_path) == dict(loss=1.5, iter=2.0)
    assert training_metrics(tmp_path / 'a') == {}


def test_an_evaluation_without_its_tables_is_refused(tmp_path):
    path = tmp_path / 'evaluation.json'
    path.write_text(json.dumps(dict(tables=[])))
    with pytest.raises(ValueError, match="evaluation.json: there is no table 'Scores of the seeds"):
        judge_metrics(path)


def test_a_test_without_scores_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='the test left no scores'):
        network_metrics(tmp_path, [], None, [])
