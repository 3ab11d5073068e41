"""The quick demo, from nothing to its page, and on resuming."""

import json

import numpy as np
import pytest
from helpers.forked_steps import launch
from PIL import Image

import demo
from mmseg_wsss.apis import run_steps
from mmseg_wsss.datasets import read_split
from mmseg_wsss.store import read_mask


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A folder in which the quick demo has run."""
    folder = tmp_path_factory.mktemp('demo')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(run_steps, 'launch_process', launch)
        assert demo.main(['--quick']) == 0
    return folder / 'demo_output'


def test_every_step_leaves_its_files_and_its_score(finished):
    scores = json.loads((finished / 'scores.json').read_text())
    assert len(scores['seeds']) == 7 and 'aggregated' in scores['seeds']
    names = read_split(finished / 'data' / 'val.txt')
    for network in ('plain', 'hybrid', 'full'):
        assert 0 <= scores[network] <= 100
        # The score is that of the masks on disk.
        hits, union = np.zeros(6), np.zeros(6)
        masks = finished / network / 'masks'
        if network == 'hybrid':
            masks = finished / 'run' / 'test' / 'masks'
        for name in names:
            truth = read_mask(finished / 'data' / 'masks' / f'{name}.png')
            given = np.asarray(Image.open(masks / f'{name}.png'))
            for label in range(6):
                a, b = (truth == label), (given == label) & (truth != 255)
                hits[label] += (a & b).sum()
                union[label] += (a | b).sum()
        expected = 100 * np.mean(hits[union > 0] / union[union > 0])
        assert scores[network] == pytest.approx(expected, abs=0.02)
    assert set(scores['seconds']) == {'scenes', 'seeds', 'plain', 'hybrid', 'full'}


def test_the_page_and_the_sheets_show_it(finished):
    page = (finished / 'report.html').read_text()
    scores = json.loads((finished / 'scores.json').read_text())
    for value in [*scores['seeds'].values(), scores['plain'], scores['hybrid'], scores['full']]:
        assert f'{value:.2f}' in page
    for text in ('activation map, ', 'seed 0.05-1.00', 'agreement', 'truth', 'hybrid'):
        assert text in page
    assert page.count('<div class="row"') == 4 + 6
    assert 'Images to look at first' in (finished / 'run' / 'seeds' / 'report.html').read_text()
    assert 'From photographs to masks' in (finished / 'run' / 'report.html').read_text()
    for name in ('training', 'unseen'):
        assert np.asarray(Image.open(finished / 'pictures' / f'{name}.png')).std() > 20


def test_what_is_done_is_not_done_again(finished, monkeypatch, capsys):
    monkeypatch.chdir(finished.parent)
    monkeypatch.setattr(demo, 'make_scenes', None)
    monkeypatch.setattr(demo, 'run_steps', None)
    monkeypatch.setattr(demo, 'seed_scores', None)
    monkeypatch.setattr(demo, 'network_score', None)
    assert demo.main(['--quick']) == 0
    table = capsys.readouterr().out
    scores = json.loads((finished / 'scores.json').read_text())
    assert f'{scores["hybrid"]:6.2f}  network, hybrid' in table
    assert (
        f'{100 * scores["hybrid"] / scores["full"]:.1f} % of the fully supervised network' in table
    )


def test_runs_of_two_kinds_are_not_mixed(finished, monkeypatch, capsys):
    monkeypatch.chdir(finished.parent)
    assert demo.main([]) == 1
    assert 'is of a quick run; move or remove it' in capsys.readouterr().err


def test_a_folder_of_something_else_is_left_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / 'demo_output').mkdir()
    (tmp_path / 'demo_output' / 'letter.txt').write_text('mine')
    monkeypatch.chdir(tmp_path)
    assert demo.main([]) == 1
    assert 'is not of this demo' in capsys.readouterr().err
