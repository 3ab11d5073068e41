"""The whole command on generated scenes: every kind of step, a killed step, a second run."""

import json
import re
import runpy
import shutil
from dataclasses import replace

import numpy as np
import pytest

from mmseg_wsss.datasets import read_split
from mmseg_wsss.datasets.scenes import SceneSet, write_scenes
from mmseg_wsss.experiments.budget import BUDGETS, PAPER_SIX, TINY
from mmseg_wsss.experiments.command import estimated_hours, main, run_study
from mmseg_wsss.experiments.fork_launcher import ForkLauncher
from mmseg_wsss.experiments.step import Step
from mmseg_wsss.seeds import read_mask

BUDGET = replace(TINY, random_seeds=(0,))
GROUPS = ['seeds', 'agreement', 'training', 'masks', 'second-round']
ROWS = [
    '0.*', '*of eight*', 'mean of the eight', '*six', 't = ?', 'hybrid, t = 6',
    'aggregate, plain, *', 'hybrid, t = 6, *',
    'masks of hybrid', 'masks of hybrid, plain', 'six *, unanimous', 'true masks (ceiling), *',
]  # fmt: skip


class Counting:
    """Launches commands; kills the first of one kind instead of running it."""

    def __init__(self, root, killed=None):
        self.launch, self.killed, self.words = ForkLauncher(root), killed, []

    def __call__(self, words, log):
        self.words.append(words)
        if self.killed and words[0].endswith(self.killed):
            self.killed = None
            log.write_text('Killed\n')
            return -9
        return self.launch(words, log)


@pytest.fixture(scope='module')
def finished(tmp_path_factory, pytestconfig):
    """A study that was stopped by a killed command, and run again; the words of both runs."""
    folder = tmp_path_factory.mktemp('study')
    write_scenes(folder / 'data', SceneSet(4, 2))
    runs, lines = [], []
    for killed in ('make_pseudo_masks.py', None):
        launch = Counting(pytestconfig.rootpath, killed)
        status = run_study(
            BUDGET, folder / 'data', folder / 'out', pytestconfig.rootpath, launch, GROUPS,
            lines.append, ROWS,
        )  # fmt: skip
        runs.append((status, launch.words))
    return folder, runs, lines


def records(folder):
    paths = (folder / 'out' / 'runs').glob('*.json')
    return {path.stem: json.loads(path.read_text()) for path in paths}


def masks(truths, given, ids):
    """Truth and given mask of each image."""
    return [[read_mask(path / f'{image_id}.png') for path in (truths, given)] for image_id in ids]


def miou(pairs, number):
    """Mean IoU by plain loops over classes, in percent."""
    hits, union = np.zeros(number), np.zeros(number)
    for truth, given in pairs:
        known = truth != 255
        for label in range(number):
            one, other = (truth == label) & known, (given == label) & known
            hits[label] += (one & other).sum()
            union[label] += (one | other).sum()
    return 100 * np.mean(hits[union > 0] / union[union > 0])


def test_a_killed_step_stops_what_needs_it_and_a_rerun_makes_the_rest(finished):
    folder, ((first, before), (second, after)), lines = finished
    assert (first, second) == (1, 0)
    assert any('FAILED: exit status -9\nKilled' in line for line in lines)
    assert any('steps were not made; the same command tries them again' in line for line in lines)
    masks = [words for words in after if words[0].endswith('make_pseudo_masks.py')]
    assert len(masks) == 1
    done = [words for words in before if words not in masks]
    assert not [words for words in after if words in done]
    assert len(records(folder)) == len(done) + len(after)
    assert not list((folder / 'out' / 'failures').iterdir())


def test_a_study_without_its_files_makes_again_what_a_new_step_reads(finished, tmp_path, root):
    folder, _, _ = finished
    out = tmp_path / 'out'
    shutil.copytree(folder / 'out', out)
    shutil.rmtree(out / 'steps')  # what is kept of a study: its records
    before = {path.name: path.read_bytes() for path in (out / 'runs').iterdir()}
    (lost,) = [
        path
        for path in (out / 'runs').iterdir()
        if json.loads(path.read_text())['title']
        == 'test of true masks (ceiling), 2 x iterations, random seed 0'
    ]
    lost.unlink()
    launch = Counting(root)
    assert run_study(BUDGET, folder / 'data', out, root, launch, GROUPS, print, ROWS) == 0
    assert [words[0] for words in launch.words] == ['tools/train.py', 'tools/test.py']
    after = {path.name: path.read_bytes() for path in (out / 'runs').iterdir()}
    assert set(after) == set(before)
    remade = json.loads(lost.read_text())['inputs']['network'] + '.json'
    changed = {name for name, content in after.items() if content != before[name]}
    assert changed == {lost.name, remade}
    # There is nothing to draw pictures from, but all to make the tables from.
    assert (out / 'summary.md').read_text() == (folder / 'out' / 'summary.md').read_text()


def test_seed_scores_are_those_of_the_masks(finished):
    folder, _, _ = finished
    ids = read_split(folder / 'out' / 'lists' / 'train.txt')
    judged = [one for one in records(folder).values() if one['kind'] == 'judge']
    assert len(judged) == 3  # eight seeds, the six that vote, the masks of a network
    for one in judged:
        (root,) = one['inputs'].values()
        seeds = folder / 'out' / 'steps' / root / 'seeds'
        names = [key.split('/')[0] for key in one['metrics'] if key.endswith('/miou')]
        for name in names:
            if not (seeds / name).is_dir():
                continue
            pairs = masks(folder / 'data' / 'masks', seeds / name, ids)
            assert one['metrics'][f'{name}/miou'] == pytest.approx(miou(pairs, 6))
    eight = max(judged, key=lambda one: len(one['metrics']))['metrics']
    singles = [eight[key] for key in eight if key[0] == '0' and key.endswith('/miou')]
    assert len(singles) == 8 and eight['singles/miou'] == pytest.approx(np.mean(singles))
    assert eight['best/1/miou'] == pytest.approx(max(singles))
    assert eight['best/8/miou'] == pytest.approx(eight['aggregated/miou'])


def test_the_four_shares_are_the_same_right_pixels_at_every_threshold(finished):
    folder, _, _ = finished
    six = next(
        one['metrics'] for one in records(folder).values()
        if one['title'].startswith('scores of six seeds, random seed 0')
    )  # fmt: skip
    right = [
        six[f'threshold/{t}/right clean'] + six[f'threshold/{t}/right noisy'] for t in range(1, 7)
    ]
    noisy = [six[f'threshold/{t}/noisy'] for t in range(1, 7)]
    assert right == pytest.approx([six['aggregated/accuracy']] * 6)
    assert noisy == sorted(noisy)


def test_network_scores_are_those_of_the_masks(finished):
    folder, _, _ = finished
    ids = read_split(folder / 'out' / 'lists' / 'val.txt')
    tests = [one for one in records(folder).values() if one['kind'] == 'test']
    assert len(tests) == 6
    for one in tests:
        made = folder / 'out' / 'steps' / one['name'] / 'masks'
        pairs = masks(folder / 'data' / 'masks', made, ids)
        assert one['metrics']['mIoU'] == pytest.approx(miou(pairs, 6), abs=0.006)
        classes = [value for key, value in one['metrics'].items() if key.startswith('classes/')]
        assert np.mean(classes) == pytest.approx(miou(pairs, 6))


def test_a_record_holds_what_anyone_needs_to_run_it_again(finished):
    folder, _, _ = finished
    for one in records(folder).values():
        assert one['command'].startswith('python ') and one['seconds'] >= 0
        assert one['machine']['cpu'] and one['machine']['mmseg_wsss']
        if one['kind'] == 'network':
            assert (folder / 'out' / 'steps' / one['name'] / 'weights.pth').is_file()
            assert not list((folder / 'out' / 'steps' / one['name']).glob('iter_*.pth'))


def test_the_summary(finished, capsys, root):
    folder, _, _ = finished
    out = folder / 'out'
    text = (out / 'summary.md').read_text()
    plan = json.loads((out / 'plan.json').read_text())
    found = records(folder)
    (group,) = [one for one in plan['groups'] if one['name'] == 'second-round']
    measured = [one for one in group['variants'] if one['records'][0] in found]
    assert len(measured) == 5
    for variant in measured:
        value = found[variant['records'][0]]['metrics']['mIoU']
        assert f'| {variant["name"]} | {value:.2f} (1) |' in text
    (out / 'summary.md').unlink()
    assert main(root, ['--summary', '--budget', 'tiny', '--out', str(out)]) == 0
    assert (out / 'summary.md').read_text() == text


def test_pictures_show_seeds_and_predictions(finished):
    folder, _, _ = finished
    page = (folder / 'out' / 'pictures.html').read_text()
    captions = re.findall('<figcaption>([^<]*)</figcaption>', page)
    train, val = (
        read_split(folder / 'out' / 'lists' / f'{split}.txt') for split in ('train', 'val')
    )
    assert captions.count('aggregate') == captions.count('agreement') == len(train)
    assert all(captions.count(f'seed {name}') == len(train) for name in PAPER_SIX)
    # Of the table of trainings only this network was made; no picture of what is missing.
    assert captions.count('hybrid, t = 6') == len(val) and 'aggregate, plain' not in captions


def test_a_dry_run_makes_nothing(tmp_path, root, capsys):
    arguments = ['--budget', 'tiny', '--out', str(tmp_path), '--dry-run', '--random-seeds', '4']
    assert main(root, [*arguments, '--only', 'agreement', 'draws']) == 0
    text = capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {'data'}
    lines = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}
    assert lines['agreement'][:2] == ['24', '16'] and lines['draws'][0] == '12'
    assert '40 steps, 40 of them not made yet' in text


def test_estimates_shrink_with_jobs_only_where_these_do_not_share_processors():
    steps = [Step('test', str(number), {}, seconds=1800) for number in range(4)]
    for name, expected in (('cpu', 2.0), ('gpu', 0.5)):
        assert estimated_hours(replace(BUDGETS[name], jobs=4), steps) == expected


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--random-seeds', '2'], '--random-seeds 2, expected at least 3'),
        (['--jobs', '0'], '--jobs 0, expected at least 1'),
        (['--only', 'x'], "group 'x', expected some of seeds, vote"),
        (['--rows', 'x*'], "row 'x*', expected one that matches some of '0.05-1.00'"),
        (['--budget', 'cpu', '--data', '/none'], '/none/ImageSets/Segmentation/train.txt'),
    ],
)
def test_errors(tmp_path, root, capsys, arguments, message):
    given = ['--budget', 'tiny', '--out', str(tmp_path / 'out'), '--dry-run', *arguments]
    assert main(root, given) == 1
    assert message in capsys.readouterr().err


def test_the_tool_is_this_command(root, capsys, monkeypatch):
    tool = root / 'tools' / 'experiments' / 'voc_animals.py'
    monkeypatch.setattr('sys.argv', [str(tool), '--help'])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(tool), run_name='__main__')
    text = capsys.readouterr().out
    assert end.value.code == 0 and 'From tags to tables' in text and 'cpu-first: two CPU' in text


def test_two_runs_do_not_work_in_one_folder(tmp_path, root):
    write_scenes(tmp_path / 'data', SceneSet(4, 2))
    out = tmp_path / 'out'

    def second(words, log):
        with pytest.raises(ValueError, match='another run is at work there'):
            run_study(BUDGET, tmp_path / 'data', out, root, None, ['agreement'])
        log.write_text('')
        return 1

    assert run_study(BUDGET, tmp_path / 'data', out, root, second, ['agreement'], print) == 1
