"""The whole road on a few generated scenes: photographs and tags in, masks and a page out."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import run as tool
from helpers.forked_steps import launch as forked
from helpers.tiny_bases import write_bases
from mmengine.config import Config
from scenes import CLASSES, SceneSet, write_scenes

from mmseg_wsss.apis import run_photographs
from mmseg_wsss.apis.run_options import RunOptions
from mmseg_wsss.apis.run_photographs import PhotographRun
from mmseg_wsss.apis.run_results import RunResults
from mmseg_wsss.apis.run_steps import StepError, StepRunner
from mmseg_wsss.converters.folder_inputs import FolderDescription
from mmseg_wsss.datasets import read_split, read_tags
from mmseg_wsss.store import read_mask

ROOT = Path(__file__).resolve().parents[2]
TRAINED = ('classifier', 'network')


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    """PHOTOS with tags, masks of three of them, and two new photographs."""
    folder = tmp_path_factory.mktemp('run')
    write_scenes(folder / 'scenes', SceneSet(8, 3))
    shutil.copytree(folder / 'scenes' / 'images', folder / 'PHOTOS')
    shutil.copy(folder / 'scenes' / 'tags.csv', folder / 'tags.csv')
    (folder / 'MASKS').mkdir()
    for name in read_split(folder / 'scenes' / 'val.txt'):
        shutil.copy(folder / 'scenes' / 'masks' / f'{name}.png', folder / 'MASKS')
    (folder / 'NEW' / 'garden').mkdir(parents=True)
    for number, path in enumerate(sorted((folder / 'PHOTOS').iterdir())[:2]):
        shutil.copy(path, folder / 'NEW' / 'garden' / f'new{number}.jpg')
    write_bases(folder)
    return folder


def options(data: Path, out: str = 'RUN', **values) -> RunOptions:
    given = dict(
        photos=str(data / 'PHOTOS'),
        tags=[str(data / 'tags.csv')],
        out=str(data / out),
        tools=ROOT / 'tools',
        classes=list(CLASSES[1:]),
        cls_base=str(data / 'tiny_cls.py'),
        pnl_base=str(data / 'tiny_pnl.py'),
        force=True,  # two steps teach nothing
    )
    return RunOptions(**{**given, **values})


def asked(data: Path, **values) -> RunOptions:
    """Options of the finished run."""
    return options(data, masks=str(data / 'MASKS'), threshold_from_masks=True, **values)


def go(asked: RunOptions) -> tuple[Path | None, StepRunner]:
    runner = StepRunner(Path(asked.out), asked.again, interactive=False, launch=forked)
    return PhotographRun(asked, runner).run(), runner


@pytest.fixture(scope='module')
def finished(data: Path) -> tuple[Path, str]:
    """The folder of a run with masks and new photographs, and what it printed."""
    import contextlib
    import io

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        page, _ = go(asked(data, new=str(data / 'NEW')))
    assert page == data / 'RUN' / 'report.html'
    return data / 'RUN', printed.getvalue()


def test_everything_is_there(finished):
    root, printed = finished
    page = (root / 'report.html').read_text()
    assert '8 photographs train, 3 with masks judge' in page and 'tools/train.py' in page
    assert 'image tags only (I)' in page
    assert page.count('<div class="row"') == 3 + 2
    assert len(list((root / 'predictions' / 'masks' / 'garden').glob('*.png'))) == 2
    assert len(list((root / 'predictions' / 'overlays' / 'garden').glob('*.jpg'))) == 2
    assert len(printed.splitlines()) < 70
    steps = re.findall(r'^\[(\d+)\] ', printed, re.M)
    helped = 'which helps on the masks' in printed
    assert steps == [str(number) for number in range(1, 15 + helped)]
    assert 'as measured on this machine: classifier' in printed


def test_masks_judge_and_do_not_train(finished):
    root, printed = finished
    val = read_split(root / 'data' / 'val.txt')
    assert not set(val) & set(read_split(root / 'data' / 'train.txt'))
    manifest = json.loads((root / 'seeds' / 'manifest.json').read_text())
    assert manifest['parameters']['supervision'] == 'I'
    for name in val:  # the vote has masks of these photographs too
        assert (root / 'seeds' / 'aggregated' / f'{name}.png').is_file()
    evaluation = json.loads((root / 'evaluation' / 'evaluation.json').read_text())
    assert evaluation['head']['images'] == 3
    vote = 100 * evaluation['masks']['aggregated']['miou']
    assert f'vote: {vote:.1f} mIoU' in printed
    log = (root / 'logs' / 'test.log').read_text()
    network = float(re.search(r'mIoU: +([\d.]+)', log)[1])
    assert said_scores(printed)[0] == pytest.approx(network, abs=0.06)


@pytest.mark.parametrize(
    ('place', 'name', 'tags'),
    [(1, 'test-predicted', 'predicted-tags.csv'), (2, 'test-told', 'data/tags.csv')],
)
def test_the_network_is_scored_with_and_without_tags(finished, place, name, tags):
    root, printed = finished
    told = float(re.search(r'mIoU: +([\d.]+)', (root / 'logs' / f'{name}.log').read_text())[1])
    assert said_scores(printed)[place] == pytest.approx(told, abs=0.06)
    allowed = read_tags(root / tags, CLASSES)
    val = read_split(root / 'data' / 'val.txt')
    assert set(val) <= set(allowed)
    for one in val:
        mask = read_mask(root / name / 'masks' / f'{one}.png')
        assert set(np.unique(mask)) <= {0, *allowed[one]}
    page = (root / 'report.html').read_text()
    assert 'mIoU, network told the tags' in page and 'mIoU, network told predicted tags' in page


def test_new_photographs_get_predicted_tags_where_these_help(finished, data, monkeypatch):
    root, _ = finished
    for helps in (True, False, True):
        monkeypatch.setattr(RunResults, 'predicted_tags_help', lambda self, value=helps: value)
        go(asked(data, new=str(data / 'NEW')))
        command = json.loads((root / 'run.json').read_text())['steps']['predict']['command']
        assert ('--tags' in command) == helps
        if helps:
            allowed = read_tags(root / 'new-tags.csv', CLASSES)
            for name in ('garden/new0', 'garden/new1'):
                mask = read_mask(root / 'predictions' / 'masks' / f'{name}.png')
                assert set(np.unique(mask)) <= {0, *allowed[name]}


def test_predicted_tags_help_where_the_score_says_so(finished, monkeypatch):
    root, _ = finished
    results = RunResults(root, FolderDescription.load(str(root / 'data')))
    for told, helps in ((0.6, True), (0.5, False), (0.4, False)):
        scores = {'test': 0.5, 'test-predicted': told}
        monkeypatch.setattr(
            results, 'score', lambda folder, s=scores: SimpleNamespace(miou=s[folder.parent.name])
        )
        assert results.predicted_tags_help() == helps


def said_scores(printed: str) -> list[float]:
    """mIoU of the network without tags, with predicted ones and with the tags, as printed."""
    return [float(value) for value in re.findall(r'network: ([\d.]+) mIoU', printed)]


def test_a_second_run_trains_nothing(finished, data, capsys, monkeypatch):
    root, _ = finished
    times = {name: (root / name).stat().st_mtime_ns for name in TRAINED}
    monkeypatch.setattr(run_photographs, 'estimate_seconds', None)
    go(asked(data, new=str(data / 'NEW')))
    printed = capsys.readouterr().out
    for title in ('classifier on the tags', 'refine them, vote', 'network on the vote'):
        assert f'{title}: done before' in printed
    assert times == {name: (root / name).stat().st_mtime_ns for name in TRAINED}


def test_a_network_trained_anew_when_its_config_is_edited(finished, data, capsys):
    root, _ = finished
    config = root / 'configs' / 'run_pnl.py'
    before = config.read_text()
    config.write_text(before + 'randomness = dict(seed=5)\n')
    with pytest.raises(StepError, match=r'network was made before .*run_pnl\.py changed'):
        go(asked(data))
    go(asked(data, again=True))
    assert (root / 'old' / '1' / 'network' / 'iter_2.pth').is_file()
    assert (root / 'network' / 'iter_2.pth').is_file()
    assert 'Train the classifier on the tags: done before' in capsys.readouterr().out
    config.write_text(before)


def test_without_masks_the_threshold_is_found(data, capsys):
    page, _ = go(options(data, 'BARE'))
    printed = capsys.readouterr().out
    assert page.is_file() and 'mIoU' not in printed
    fit = json.loads((data / 'BARE' / 'seeds' / 'manifest.json').read_text())['parameters']
    value = fit['background_fit']['threshold']
    assert f'background threshold {value:.2f}, found without masks' in printed
    assert not (data / 'BARE' / 'test').exists()


def test_seeds_by_learned_affinity(data, capsys):
    """The same classifier; labels, network and walk on top, and the network learns the result."""
    asked = options(data, 'SPREAD', affinity=str(data / 'tiny_affinity.py'))
    go(asked)
    printed = capsys.readouterr().out
    root = data / 'SPREAD'
    commands = [
        one['command'] for one in json.loads((root / 'run.json').read_text())['steps'].values()
    ]
    order = [Path(command[1]).stem for command in commands if 'run_aff' in command[1]]
    assert order == ['run_affinity-labels', 'run_affinity-net', 'run_affinity-seeds']
    assert re.search(r'Left to do.*classifier .*, affinity .*, seeds .*, network ', printed)
    labels = json.loads((root / 'affinity-labels/seeds/manifest.json').read_text())['parameters']
    assert labels['background'] == [dict(threshold=0.4), dict(threshold=0.15)]
    assert (root / 'affinity-net/iter_2.pth').is_file()
    parameters = json.loads((root / 'seeds/manifest.json').read_text())['parameters']
    assert [part['type'] for part in parameters['refine']] == ['AffinityRefiner', 'DenseCRFRefiner']
    value = parameters['background_fit']['threshold']
    assert f'background threshold {value:.2f}, found without masks' in printed
    network = Config.fromfile(root / 'configs/run_pnl.py')
    assert network.train_dataloader.dataset.seed_root == str(root / 'seeds')
    # Labels made anew are learned anew.
    config = root / 'configs/run_affinity-labels.py'
    config.write_text(config.read_text() + 'randomness = dict(seed=5)\n')
    with pytest.raises(StepError, match='affinity-net was made before step affinity-labels'):
        go(asked)


def test_affinity_learned_once_more(data, capsys):
    """A second network learns labels of what the first has spread, and spreads the seeds."""
    go(options(data, 'TWICE', affinity=str(data / 'tiny_affinity.py'), affinity_rounds=2))
    printed = capsys.readouterr().out
    root = data / 'TWICE'
    steps = json.loads((root / 'run.json').read_text())['steps']
    made = ['affinity-labels', 'affinity', 'second-affinity-labels', 'second-affinity', 'seeds']
    assert [name for name in steps if name in made] == made
    assert re.search(r'Left to do.*, affinity .*, second-affinity .*, seeds ', printed)
    roots = ['affinity-labels/seeds', 'second-affinity-labels/seeds', 'seeds']
    first, second, seeds = (
        json.loads((root / name / 'manifest.json').read_text())['parameters'] for name in roots
    )
    assert [part['type'] for part in first['refine']] == ['DenseCRFRefiner']
    assert second['background'] == [dict(threshold=0.5), dict(threshold=0.15)]
    assert second['refine'][0]['type'] == seeds['refine'][0]['type'] == 'AffinityRefiner'
    assert second['refine'][0] != seeds['refine'][0]  # other weights
    learnt = Config.fromfile(root / 'configs/run_second-affinity-net.py')
    assert learnt.train_dataloader.dataset.seed_root == str(root / roots[1])


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (dict(affinity=''), 'need a config of their own: --affinity CONFIG'),
        (dict(affinity='pnl/segformer_b0_voc.py'), "'EncoderDecoder', expected an AffinityNet"),
        (dict(affinity='cls/resnet50_voc.py'), "'TagsDataset', expected a SeedDataset"),
    ],
)
def test_affinity_that_cannot_be_learned_is_named(data, more, message):
    with pytest.raises(StepError, match=message):
        go(options(data, 'UNSPREAD', **more))


def test_affinity_has_a_threshold_of_its_own(data):
    with pytest.raises(ValueError, match='--affinity finds its threshold'):
        asked(data, affinity='')


def test_rounds_of_no_affinity_are_refused(data):
    with pytest.raises(ValueError, match='how often to learn affinity: give --affinity'):
        options(data, affinity_rounds=2)


def test_threshold_from_masks(finished, data):
    """It is chosen on the masks, used, and said wherever the run says what it chose."""
    root, printed = finished
    curve = json.loads((root / 'background' / 'background_curve.json').read_text())
    assert curve['head']['images'] == 3
    best = next(iter(curve['seeds'].values()))['best']['threshold']
    manifest = json.loads((root / 'seeds' / 'manifest.json').read_text())
    assert manifest['parameters']['background'] == [dict(threshold=pytest.approx(best))]
    assert f'threshold {best:.2f}' in printed
    text = f'background threshold {best:.2f}: chosen on the ground truth of 3 photographs'
    assert text in (root / 'report.html').read_text()
    with pytest.raises(ValueError, match='needs the masks'):
        options(data, threshold_from_masks=True)


def test_plan_only(data, capsys):
    page, runner = go(options(data, 'PLAN', plan_only=True))
    assert page is None and set(runner.state) == {'prepare', 'configs'}
    assert 'about' in capsys.readouterr().out.splitlines()[-1]


def test_photographs_of_several_suffixes_are_copied(data, tmp_path, monkeypatch):
    monkeypatch.setattr(run_photographs, 'estimate_seconds', lambda *_: dict.fromkeys(
        ('classifier', 'seeds', 'network'), 1.0))  # fmt: skip
    shutil.copytree(data / 'PHOTOS', tmp_path / 'PHOTOS')
    one = next((tmp_path / 'PHOTOS').iterdir())
    one.rename(one.with_suffix('.JPG'))
    asked = options(
        data, photos=str(tmp_path / 'PHOTOS'), out=str(tmp_path / 'RUN'), plan_only=True
    )
    go(asked)
    assert FolderDescription.load(str(tmp_path / 'RUN' / 'data')).img_suffix == '.png'


def test_chance_stops_unless_forced(data, monkeypatch):
    monkeypatch.setattr(run_photographs, 'estimate_seconds', lambda *_: dict.fromkeys(
        ('classifier', 'seeds', 'network'), 1.0))  # fmt: skip

    def launch(command, log, show) -> int:
        if 'check_tags' not in command[0]:
            return forked(command, log, show)
        log.write_text('photographs: 8\nNo better than chance: the tags are of others.\n')
        return 1

    asked = options(data, 'CHANCE', force=False)
    runner = StepRunner(Path(asked.out), interactive=False, launch=launch)
    with pytest.raises(StepError, match='--force goes on nevertheless'):
        PhotographRun(asked, runner).run()
    assert not (Path(asked.out) / 'classifier').exists()


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda folder: shutil.rmtree(folder / 'PHOTOS'), 'PHOTOS: no such folder'),
        (lambda folder: [p.unlink() for p in (folder / 'PHOTOS').iterdir()], 'no images'),
        (lambda folder: (folder / 'tags.csv').unlink(), r'tags\.csv'),
        (
            lambda folder: (folder / 'RUN').mkdir() or (folder / 'RUN' / 'a').touch(),
            'another --out',
        ),
    ],
)
def test_bad_input_ends_with_one_message(data, tmp_path, monkeypatch, capsys, spoil, message):
    shutil.copytree(data / 'PHOTOS', tmp_path / 'PHOTOS')
    shutil.copy(data / 'tags.csv', tmp_path)
    spoil(tmp_path)
    monkeypatch.setattr('mmseg_wsss.apis.run_steps.launch_process', forked)
    words = [tmp_path / 'PHOTOS', tmp_path / 'tags.csv', '--out', tmp_path / 'RUN']
    assert tool.main([str(word) for word in words]) in (1, 2)
    errors = capsys.readouterr().err
    assert errors.count('error:') == 1 and re.search(message, errors)
