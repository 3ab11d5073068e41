"""tools/train_classifiers.py: a classifier per dropout rate or per seed, and seeds of all."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import train_classifiers
from helpers.classifier_run import build_config, write_data
from helpers.commands import run_forked
from mmengine.config import Config

from mmseg_wsss.seeds import aggregate_seeds
from mmseg_wsss.store import read_mask
from mmseg_wsss.utils.checkpoint import read_state_dict

RATES = ('0.10', '0.30')


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    path = tmp_path_factory.mktemp('project')
    write_data(path)
    config = build_config(path)
    config.custom_hooks = [dict(type='MultiSeedCAMHook')]
    config.dump(path / 'config.py')
    return path


def arguments(project):
    return [str(project / 'config.py'), '--work-dir', str(project / 'out'), '--device', 'cpu']


def test_a_dry_run_prints_the_commands_and_makes_nothing(project, capfd):
    assert train_classifiers.main([*arguments(project), '--dry-run', '--num-gpus', '2']) == 0
    commands = [line for line in capfd.readouterr().out.splitlines() if line.startswith('$ ')]
    assert ['dist_train.sh' in line for line in commands] == [True, True, False]
    assert '0.1=' in commands[2] and '0.3=' in commands[2] and 'make_seeds.py' in commands[2]
    assert not list((project / 'out').rglob('*.pth'))


def test_trains_what_is_missing_and_makes_the_seeds(project, capfd, monkeypatch):
    monkeypatch.setattr(train_classifiers, 'subprocess', SimpleNamespace(run=run_forked))
    assert train_classifiers.main(arguments(project)) == 0
    states = {}
    for rate in RATES:
        folder = project / 'out' / f'dropout-{rate}'
        config = Config.fromfile(folder / 'config.py')
        assert config.model.head.dropout == float(rate)
        assert 'MultiSeedCAMHook' not in str(config.custom_hooks)
        states[rate] = read_state_dict(folder / 'epoch_1.pth')
        assert not (folder / 'seeds').exists()
    weights = [state['head.class_layer.weight'] for state in states.values()]
    assert not torch.equal(*weights)
    manifest = json.loads((project / 'out/seeds/manifest.json').read_text())
    assert manifest['parameters']['mode'] == 'training'
    capfd.readouterr()

    # One of the two is lost: it alone is trained again.
    (project / 'out/dropout-0.30/epoch_1.pth').unlink()
    assert train_classifiers.main([*arguments(project), '--dry-run']) == 0
    training, seeds = (
        line for line in capfd.readouterr().out.splitlines() if line.startswith('$ ')
    )
    assert 'train.py' in training and 'dropout-0.30' in training
    assert f'0.1={project}/out/dropout-0.10/epoch_1.pth' in seeds


def test_a_classifier_per_seed_without_settings_makes_the_papers_six(project, capfd):
    config = Config.fromfile(project / 'config.py')
    config.pop('seed_generation')
    config.dump(project / 'bare.py')
    words = [str(project / 'bare.py'), '--work-dir', str(project / 'bare'), '--per', 'seed']
    assert train_classifiers.main([*words, '--dry-run']) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith('$ ')]
    assert len(lines) == 2 * 6 + 1 and lines[-1].count('/seed-') == 6


def test_a_training_that_fails_ends_the_command(project, monkeypatch):
    monkeypatch.setattr(train_classifiers, 'TOOLS', project / 'nowhere')
    with pytest.raises(SystemExit) as error:
        train_classifiers.main([*arguments(project)[:2], str(project / 'other')])
    assert error.value.code == 2


def test_settings_are_checked_before_anything_trains(project):
    with pytest.raises(ValueError, match='seeds'):
        train_classifiers.main(
            [*arguments(project), '--cfg-options', 'seed_generation.seeds="none"']
        )


def test_a_classifier_per_seed_and_their_vote(project, capfd, monkeypatch):
    monkeypatch.setattr(train_classifiers, 'subprocess', SimpleNamespace(run=run_forked))
    words = [*arguments(project)[:1], '--work-dir', str(project / 'unlike'), '--device', 'cpu']
    words += ['--per', 'seed', '--cfg-options', 'seed_generation.aggregate.tie=foreground']
    assert train_classifiers.main([*words, '--dry-run']) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith('$ ')]
    tools = [line.split('tools/')[1].split()[0] for line in lines]
    seeds = Config.fromfile(project / 'config.py').seed_generation.seeds
    assert tools == [*['train.py', 'make_seeds.py'] * len(seeds), 'aggregate_seeds.py']
    assert not (project / 'unlike').exists()

    assert train_classifiers.main(words) == 0
    root = project / 'unlike'
    folders = sorted(root.glob('seed-*'))
    weights, masks = [], []
    for number, folder in enumerate(folders):
        config = Config.fromfile(folder / 'config.py')
        assert config.randomness.seed == number and len(config.seed_generation.seeds) == 1
        assert config.model.head.dropout == config.seed_generation.seeds[0][0]
        state = read_state_dict(folder / 'epoch_1.pth')
        weights.append(state['head.class_layer.weight'])
        name = folder.name.removeprefix('seed-')
        masks.append(folder / 'seeds' / name)
    assert len(folders) == len(seeds) and not torch.equal(*weights[:2])
    manifest = json.loads((root / 'seeds/manifest.json').read_text())
    assert [seed['name'] for seed in manifest['seeds']] == [path.name for path in masks]
    assert manifest['tie'] == 'foreground'
    # The aggregate is the vote of the seeds in the folders of their classifiers.
    classes, image_id = manifest['classes'], manifest['images'][0]
    votes = np.stack([read_mask(path / f'{image_id}.png') for path in masks])
    expected, _ = aggregate_seeds(votes, len(classes), tie='foreground')
    assert np.array_equal(read_mask(root / f'seeds/aggregated/{image_id}.png'), expected)
    capfd.readouterr()
    assert train_classifiers.main([*words, '--dry-run']) == 0
    assert 'train.py' not in capfd.readouterr().out
