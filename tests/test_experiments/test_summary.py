"""The summary, from hand-made JSON files alone, against numpy."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from mmseg_wsss.experiments.results import Results
from mmseg_wsss.experiments.summary import write_summary
from mmseg_wsss.experiments.summary_plot import axis, summary_plot

SEEDS = (0, 1, 2)
MIOU = {
    'seed 0.05-1.20': (40.0, 41.0, 42.5),
    'seed 0.10-1.20': (41.0, 42.0, 42.0),
    'aggregate, plain': (44.0, 43.0, 45.0),
    'hybrid, t = 5': (46.0, 44.9, 46.9),
    'hybrid, t = 6': (45.0, 44.3, 45.9),
    'true masks (ceiling)': (50.0, 51.0, 52.0),
    'broken': (None, None, None),
}
MACHINE = dict(cpu='some CPU', cores=2, gpu=None, torch='2.13', python='3.11', mmseg_wsss='0.1')


def record(name, **metrics):
    return dict(
        name=name, key='k', kind='test', title=f'test of {name}', inputs={}, metrics=metrics,
        command='python tools/test.py', seconds=1800.0, machine=MACHINE,
        finished='2026-11-24 21:00:00 UTC', settings={},
    )  # fmt: skip


def write_runs(folder, name, prefix, values):
    """Write the records of a variant, one for each random seed that has a value."""
    names = [f'{prefix}{seed}' for seed in SEEDS]
    for one, value in zip(names, values, strict=True):
        if value is not None:
            content = json.dumps(record(one, mIoU=value, aAcc=value + 40))
            (folder / 'runs' / f'{one}.json').write_text(content)
    return dict(name=name, prefix='', records=names)


@pytest.fixture
def folder(tmp_path):
    """A study of one group, with a failed variant and a group that was not measured."""
    (tmp_path / 'runs').mkdir()
    (tmp_path / 'failures').mkdir()
    variants = []
    for number, (name, values) in enumerate(MIOU.items()):
        variants.append(write_runs(tmp_path, name, f'test-{number}', values))
    note = dict(name='network-1', title='a network', error='exit status 1\nout of memory', at='x')
    (tmp_path / 'failures' / 'network-1.json').write_text(json.dumps(note))
    common = dict(on='validation images', columns={'mIoU': 'mIoU', 'right': 'aAcc'}, note='A note.')
    groups = [
        dict(common, name='training', title='Training', reference='aggregate, plain',
             variants=variants),
        dict(common, name='later', title='Later', reference=None,
             variants=[dict(name='x', prefix='', records=['none'] * 3)]),
    ]  # fmt: skip
    plan = dict(
        budget='cpu', purpose='a test', random_seeds=SEEDS, classifier='c.py', network='n.py',
        second='s.py', iterations=400, groups=groups,
        images=dict(train=1500, judge=200, val=222),
    )  # fmt: skip
    (tmp_path / 'plan.json').write_text(json.dumps(plan))
    return tmp_path


def rows_of(text, title):
    """The table of a heading in Markdown, a dict of cells by first cell."""
    lines = text.split(f'## {title}\n')[1].split('\n## ')[0].splitlines()
    cells = [line[2:-2].split(' | ') for line in lines if line.startswith('| ')]
    return {row[0]: row[1:] for row in cells[2:]}


def test_cells_and_differences(folder):
    markdown, page = write_summary(folder)
    rows = rows_of(markdown.read_text(), 'Training')
    reference = np.array(MIOU['aggregate, plain'])
    for name, values in MIOU.items():
        if values[0] is None:
            assert name not in rows
            continue
        values = np.array(values)
        cell = f'{values.mean():.2f} ± {values.std(ddof=1):.2f} (3)'
        assert rows[name][0] == cell
        assert cell in page.read_text()
        assert rows[name][1] == f'{values.mean() + 40:.2f} ± {values.std(ddof=1):.2f} (3)'
        if name == 'aggregate, plain':
            assert rows[name][2:] == ['reference', '']
            continue
        gap = values - reference
        assert rows[name][2] == f'{gap.mean():+.2f} ± {gap.std(ddof=1):.2f} (3)'
    assert rows['hybrid, t = 5'][3] == 'yes, beyond 95 %'  # 2.0, 1.9, 1.9


def test_goals(folder):
    write_summary(folder)
    rows = rows_of((folder / 'summary.md').read_text(), 'Goals')
    hybrid = np.array(MIOU['hybrid, t = 6'])
    gain = hybrid - MIOU['aggregate, plain']
    assert rows['hybrid, t = 6 over aggregate, plain'] == [
        f'{gain.mean():+.2f} ± {gain.std(ddof=1):.2f} (3)', '+1.0 mIoU', 'yes'
    ]  # fmt: skip
    # Seed 0.10-1.20 has the higher mean.
    over = rows['hybrid, t = 6 over the best single seed (seed 0.10-1.20)']
    gap = hybrid - MIOU['seed 0.10-1.20']
    assert over[0] == f'{gap.mean():+.2f} ± {gap.std(ddof=1):.2f} (3)' and over[2] == 'yes'
    assert rows['hybrid, t = 5 (best threshold) over aggregate, plain'][2] == 'yes'
    share = 100 * hybrid / np.array(MIOU['true masks (ceiling)'])
    row = rows['hybrid, t = 6, share of the ceiling']
    assert row == [f'{share.mean():.2f} ± {share.std(ddof=1):.2f} (3)', '88 %', 'yes']
    assert rows['aggregate, plain, share of the ceiling'][2] == 'no'


def goals_with_schedules(folder, variants):
    """The rows of the goals after a table of schedules came to the study."""
    plan = json.loads((folder / 'plan.json').read_text())
    plan['groups'].append(
        dict(plan['groups'][0], name='schedule', title='Schedules', reference=None,
             variants=variants)
    )  # fmt: skip
    (folder / 'plan.json').write_text(json.dumps(plan))
    write_summary(folder)
    return rows_of((folder / 'summary.md').read_text(), 'Goals')


def test_goals_of_other_schedules(folder):
    write_summary(folder)
    assert '2 x iterations' not in (folder / 'summary.md').read_text()
    longer = {
        'aggregate, plain': (47.0, 46.5, 48.0),
        'hybrid, t = 6': (47.5, 46.0, 48.2),
        'true masks (ceiling)': (55.0, 54.0, None),
        'seed 0.10-1.20': (45.0, 44.0, 45.5),
    }
    variants = []
    for number, (name, values) in enumerate(longer.items()):
        # Nothing was measured with the other rate.
        variants.append(dict(name=name + ', 3 x learning rate', prefix='', records=['none'] * 3))
        variants.append(write_runs(folder, name + ', 2 x iterations', f'test-long{number}', values))
    rows = goals_with_schedules(folder, variants)
    gain = np.subtract(longer['hybrid, t = 6'], longer['aggregate, plain'])
    assert rows['hybrid, t = 6 over aggregate, plain, 2 x iterations'] == [
        f'{gain.mean():+.2f} ± {gain.std(ddof=1):.2f} (3)', '+1.0 mIoU', 'no'
    ]  # fmt: skip
    share = 100 * np.array([47.5 / 55, 46 / 54])
    assert rows['hybrid, t = 6, share of the ceiling, 2 x iterations'] == [
        f'{share.mean():.2f} ± {share.std(ddof=1):.2f} (2)', '88 %', 'too few runs'
    ]  # fmt: skip
    over = np.subtract(longer['hybrid, t = 6'], longer['seed 0.10-1.20'])
    assert rows['hybrid, t = 6 over seed 0.10-1.20, 2 x iterations'] == [
        f'{over.mean():+.2f} ± {over.std(ddof=1):.2f} (3)', '+2.0 mIoU', 'yes'
    ]  # fmt: skip
    assert len(rows) == 8  # five of the study's own schedule


def test_goals_of_several_classifiers(folder):
    """Against themselves, the vote and the single seed of one classifier, as long as they were."""
    values = {
        'aggregate, plain, 2 x iterations': (43.0, 44.0, 45.0),
        'seed 0.10-1.20, 2 x iterations': (42.0, 43.0, 44.0),
        'several classifiers, plain, 2 x iterations': (45.0, 45.0, 45.0),
        'several classifiers, hybrid, t = 6, 2 x iterations': (45.0, 46.0, 47.5),
    }
    variants = [
        write_runs(folder, name, f'test-several{number}', runs)
        for number, (name, runs) in enumerate(values.items())
    ]
    rows = goals_with_schedules(folder, variants)
    name = 'several classifiers, hybrid, t = 6 over '
    assert {key[len(name) :]: row for key, row in rows.items() if key.startswith(name)} == {
        'several classifiers, plain, 2 x iterations': ['+1.17 ± 1.26 (3)', '+1.0 mIoU', 'no'],
        'aggregate, plain, 2 x iterations': ['+2.17 ± 0.29 (3)', '+1.0 mIoU', 'yes'],
        'seed 0.10-1.20, 2 x iterations': ['+3.17 ± 0.29 (3)', '+2.0 mIoU', 'yes'],
    }


def test_goals_of_a_second_round(folder):
    plan = json.loads((folder / 'plan.json').read_text())
    values = {
        'second-round': {
            'aggregate, plain, 2 x iterations': (43.0, 44.0, 45.0),
            'masks of all networks, plain': (45.0, 46.5, 46.0),
            'masks of all networks, hybrid, unanimous': (46.0, 47.0, 48.0),
            'true masks (ceiling), 2 x iterations': (50.0, 50.0, 50.0),
        },
        'schedule': {
            'seed 0.10-1.20, 2 x iterations': (42.0, 43.0, 44.0),
            'seed 0.05-1.20, 2 x iterations': (None, None, None),
            'seed 0.10-1.20': (47.0, 47.0, 47.0),
        },
    }
    for place, (group, rows) in enumerate(values.items()):
        variants = [
            write_runs(folder, name, f'test-{group}-{number}', runs)
            for number, (name, runs) in enumerate(rows.items())
        ]
        plan['groups'].append(
            dict(plan['groups'][0], name=group, title=group, reference=None, variants=variants)
        )
        if place == 0:
            (folder / 'plan.json').write_text(json.dumps(plan))
            write_summary(folder)
            assert len(rows_of((folder / 'summary.md').read_text(), 'Goals')) == 8
    (folder / 'plan.json').write_text(json.dumps(plan))
    write_summary(folder)
    rows = rows_of((folder / 'summary.md').read_text(), 'Goals')
    rows = {name: row for name, row in rows.items() if name.startswith('masks of')}
    assert rows == {
        'masks of all networks, hybrid, unanimous over aggregate, plain, 2 x iterations': [
            '+3.00 ± 0.00 (3)', '+1.0 mIoU', 'yes'
        ],
        'masks of all networks, hybrid, unanimous over masks of all networks, plain': [
            '+1.17 ± 0.76 (3)', '+1.0 mIoU', 'yes'
        ],
        'masks of all networks, hybrid, unanimous over seed 0.10-1.20, 2 x iterations': [
            '+4.00 ± 0.00 (3)', '+2.0 mIoU', 'yes'
        ],
        'masks of all networks, hybrid, unanimous, share of the ceiling, 2 x iterations': [
            '94.00 ± 2.00 (3)', '88 %', 'yes'
        ],
    }  # fmt: skip


def test_the_head_and_what_is_missing(folder):
    write_summary(folder)
    text = (folder / 'summary.md').read_text()
    assert 'python tools/experiments/voc_animals.py --budget cpu\n' in text
    assert '1,500 training images (seed variants on 200 of them), 222 validation images' in text
    assert '18 steps finished in 9.0 h, 2026-11-24.' in text
    assert 'Machine: 2 cores of some CPU, torch 2.13, mmseg_wsss 0.1.' in text
    assert 'Not measured yet: later.' in text and '## Later' not in text
    assert rows_of(text, 'Failed steps') == {'a network': ['out of memory']}
    assert 'Measured on validation images; 18 of 21 runs. A note.' in text
    assert 'A choice on the validation images' not in text and 'a choice on the val' in text


def test_nothing_but_the_json_files_is_read(folder, tmp_path):
    first = write_summary(folder)[0].read_text()
    assert {path.name for path in folder.iterdir()} == {
        'plan.json', 'runs', 'failures', 'plots', 'summary.md', 'summary.html'
    }  # fmt: skip
    path = folder / 'runs' / 'test-20.json'
    path.write_text(path.read_text().replace('44.0', '14.0'))
    assert write_summary(folder)[0].read_text() != first
    path.write_text(path.read_text().replace('14.0', '44.0'))
    assert write_summary(folder)[0].read_text() == first


def test_a_missing_run_is_not_paired(folder):
    (folder / 'runs' / 'test-21.json').unlink()  # plain, random seed 1
    write_summary(folder)
    rows = rows_of((folder / 'summary.md').read_text(), 'Training')
    gap = np.array(MIOU['hybrid, t = 6'])[[0, 2]] - np.array(MIOU['aggregate, plain'])[[0, 2]]
    assert rows['hybrid, t = 6'][2:] == [
        f'{gap.mean():+.2f} ± {gap.std(ddof=1):.2f} (2)', 'too few runs'
    ]  # fmt: skip


def test_without_a_plan(tmp_path):
    with pytest.raises(FileNotFoundError, match='there is no plan; run the study first'):
        Results(tmp_path)


def test_the_plot_has_a_point_for_every_run(folder):
    write_summary(folder)
    svg = ElementTree.parse(folder / 'plots' / 'training.svg').getroot()
    circles = [one for one in svg.iter() if one.tag.endswith('circle')]
    values = [value for runs in MIOU.values() for value in runs if value is not None]
    assert len(circles) == len(values)
    # Positions are a straight line through the values.
    xs = np.array([float(one.get('cx')) for one in circles])
    slope, offset = np.polyfit(values, xs, 1)
    assert np.abs(slope * np.array(values) + offset - xs).max() < 0.1 and slope > 0


def test_names_are_escaped():
    ElementTree.fromstring(summary_plot([('a < b & c', [1.0, 2.0]), ('d', [])], 'x <', 'a < b & c'))


@pytest.mark.parametrize('values', [[], [3.0], [0.0, 0.01], [12.0, 97.0], [-5.0, 250.0]])
def test_an_axis_holds_its_values(values):
    low, high, step = axis(values)
    assert low < high and all(low <= value <= high for value in values)
    assert (high - low) / step <= 10.001
