"""projects/animals7: the statistics of its tables, its data, its plan."""

from __future__ import annotations

import csv
import importlib.util
import math
import shutil
import statistics
from pathlib import Path

import pytest

pd = pytest.importorskip('pandas')
pytest.importorskip('scipy')
yaml = pytest.importorskip('yaml')
PROJECT = Path(__file__).parents[2] / 'projects' / 'animals7'


def load(name: str):
    spec = importlib.util.spec_from_file_location(f'animals7_{name}', PROJECT / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def summary():
    return load('summary')


@pytest.fixture(scope='module')
def results():
    return pd.read_csv(PROJECT / 'results.csv', dtype=dict(variant=str))


def test_a_difference_is_paired_by_random_seed(summary):
    variant = pd.Series({0: 5.0, 1: 7.0, 2: 9.0, 3: 1.0})
    reference = pd.Series({0: 4.0, 1: 5.0, 2: 6.0})
    mean, half, number = summary.paired_difference(variant, reference)
    assert (mean, number) == (2.0, 3)
    # Differences 1, 2, 3: deviation 1; Student's 97.5 % quantile with two degrees of freedom.
    assert half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert math.isnan(summary.paired_difference(variant[:1], reference)[1])
    assert summary.paired_difference(variant[3:], reference)[2] == 0


def test_tables_have_mean_and_deviation_of_the_rows(summary, results):
    rows = results[(results['study'] == 'gpu-first') & (results['table'] == 'training')]
    table = summary.summarize(rows, ['miou'], 'aggregate, plain').set_index('variant')
    hybrid = list(rows.loc[rows['variant'] == 'hybrid, t = 6', 'miou'])
    plain = list(rows.loc[rows['variant'] == 'aggregate, plain', 'miou'])
    assert table.loc['hybrid, t = 6', 'miou'] == pytest.approx(statistics.fmean(hybrid))
    assert table.loc['hybrid, t = 6', 'miou_std'] == pytest.approx(statistics.stdev(hybrid))
    gain = statistics.fmean(hybrid) - statistics.fmean(plain)
    assert table.loc['hybrid, t = 6', 'difference'] == pytest.approx(gain)


def test_every_run_is_there_once_and_whole(results):
    assert not results.duplicated(['study', 'table', 'variant', 'random_seed']).any()
    assert (
        results[['config_hash', 'version', 'machine', 'date', 'seconds', 'command']]
        .notna()
        .all(axis=None)
    )
    figures = results.loc[:, 'miou':'iou_sheep']
    assert figures.notna().any(axis=1).all()
    assert ((figures.isna()) | ((figures >= 0) & (figures <= 100))).all(axis=None)
    tables = yaml.safe_load((PROJECT / 'tables.yaml').read_text())
    assert set(results['table']) <= set(tables)


def test_the_four_kinds_of_pixels_make_up_the_whole(results):
    rows = results[results['table'] == 'agreement']
    kinds = rows[['right_clean', 'right_noisy', 'wrong_noisy', 'wrong_clean']].sum(axis=1)
    assert len(rows) == 36 and kinds.between(99.99, 100.01).all()
    # The accuracy of the labels does not depend on the threshold.
    right = rows['right_clean'] + rows['right_noisy']
    assert right.groupby([rows['study'], rows['random_seed']]).std().max() < 1e-3


def test_the_page_is_that_of_the_data(summary, tmp_path):
    summary.main(['--out', str(tmp_path / 'results.md'), '--plots', str(tmp_path / 'plots')])
    made = (tmp_path / 'results.md').read_text()
    assert made == (PROJECT / 'results.md').read_text(), 'run projects/animals7/summary.py'
    assert len(list((tmp_path / 'plots').glob('*.png'))) > 30


@pytest.fixture
def project(tmp_path):
    """A copy of the plan with one table and an empty file of results."""
    plan = yaml.safe_load((PROJECT / 'plan.yaml').read_text())
    (tmp_path / 'plan.yaml').write_text(yaml.safe_dump(plan))
    with (PROJECT / 'results.csv').open(newline='') as source:
        header = source.readline()
    (tmp_path / 'results.csv').write_text(header)
    return tmp_path


def options(project, *more):
    fixed = ['--plan', project / 'plan.yaml', '--results', project / 'results.csv']
    return [str(option) for option in [*fixed, '--work-dir', project / 'work', *more]]


def test_every_row_of_the_plan_has_its_commands(project, capsys):
    run = load('run')
    run.main(options(project, '--dry-run', '--random-seeds', '0', '--labels', 'crf psa'))
    lines = capsys.readouterr().out.splitlines()
    plan = yaml.safe_load((project / 'plan.yaml').read_text())
    tested = [line for line in lines if 'tools/test.py' in line]
    assert len(tested) == len(plan['networks'])
    assert len(lines) == len(set(lines))
    assert sum('tools/train.py configs/cls' in line for line in lines) == 3  # several classifiers
    assert sum('--refine psa' in line for line in lines) == 1
    assert not (project / 'work').exists()


def test_every_config_and_loss_of_the_plan_builds(project):
    import torch
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    run = load('run')
    init_default_scope('mmseg')
    plan = yaml.safe_load((project / 'plan.yaml').read_text())
    study = run.Study(plan, 'own', project / 'work', project / 'results.csv', False, [])
    for number, row in enumerate(plan['networks']):
        assert row.get('labels', 'six') in plan['labels']
        path, extra = study.config(row, f'row{number}')
        config = Config.fromfile(path)
        config.merge_from_dict(dict(option.split('=', 1) for option in extra if '[' not in option))
        loss = MODELS.build(config.model.decode_head.loss_decode)
        assert isinstance(loss, torch.nn.Module)


def test_a_finished_run_adds_its_row_once(project, monkeypatch):
    run = load('run')
    plan = yaml.safe_load((project / 'plan.yaml').read_text())
    study = run.Study(plan, 'own', project / 'work', project / 'results.csv', False, [])
    (project / 'net').mkdir()
    (project / 'net' / 'done').write_text('{"commands": ["python x"], "seconds": 3.0}')
    for _ in range(2):
        study.add('training', 'mine', 1, dict(miou=12.34567), project / 'net')
    with (project / 'results.csv').open(newline='') as file:
        (row,) = csv.DictReader(file)
    assert (row['variant'], row['random_seed'], row['miou']) == ('mine', '1', '12.3457')
    assert row['command'] == 'python x' and row['date'] and row['machine']


def test_what_the_plan_lacks_is_named(project):
    with pytest.raises(SystemExit, match='no nonsense in it'):
        load('run').main(options(project, '--dry-run', '--tables', 'nonsense'))


def test_a_table_without_a_description_is_named(summary, project):
    shutil.copy(PROJECT / 'results.csv', project / 'more.csv')
    text = (project / 'more.csv').read_text().splitlines()
    (project / 'more.csv').write_text('\n'.join([*text, text[1].replace(',seeds,', ',new,')]))
    with pytest.raises(SystemExit, match='no table new'):
        summary.main(['--results', str(project / 'more.csv')])
