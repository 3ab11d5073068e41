"""The runner: schedules of resumed trainings, refusals, and what is on the console."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import train as train_tool
from helpers.classifier_run import build_config, write_data
from helpers.killing import start
from helpers.network_run import TRAINING_CONFIG, command
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.config import Config

from mmseg_wsss.store import write_mask

BASE_RATE = 0.01


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, seeds and a config of a tiny network, trained by a polynomial schedule."""
    tmp_path = tmp_path_factory.mktemp('trained')
    ids = ['one', 'two', 'three', 'four']
    write_images(tmp_path / 'images', ids)
    write_split(tmp_path / 'train.txt', ids)
    write_seed_root(tmp_path / 'seeds', ids)
    text = TRAINING_CONFIG.replace('DATA', str(tmp_path))
    text += '\nval_cfg = val_dataloader = val_evaluator = None\n'
    text += "param_scheduler = [dict(type='PolyLR', power=0.9, by_epoch=False, begin=0, end=4)]\n"
    (tmp_path / 'config.py').write_text(text)
    status, output = train(tmp_path / 'config.py', tmp_path / 'work')
    assert status == 0, output
    return tmp_path


@pytest.fixture
def project(tmp_path: Path, trained: Path) -> Path:
    """A folder with the config and with the work dir of its training."""
    shutil.copy(trained / 'config.py', tmp_path)
    shutil.copytree(trained / 'work', tmp_path / 'work')
    return tmp_path


def train(config: Path, work: Path, *options: str, resume: bool = False) -> tuple[int, str]:
    """Run tools/train.py in a process of its own; return status and output."""

    def run() -> int:
        sys.argv = ['train.py', str(config), '--work-dir', str(work), *['--resume'] * resume]
        sys.argv += ['--cfg-options', f'visualizer.name={work.name}{len(list(work.glob("*")))}']
        sys.argv += ['default_hooks.checkpoint.interval=1', *options]
        return train_tool.main()

    output = work.with_name(f'{work.name}.log')
    output.unlink(missing_ok=True)
    process = start(run, output)
    process.join(120)
    return process.exitcode, output.read_text()


def rates(work: Path) -> dict[int, float]:
    """Learning rates by iteration, of all runs in a work dir."""
    lines = [line for path in sorted(work.glob('*/vis_data/scalars.json'))
             for line in path.read_text().splitlines()]  # fmt: skip
    return {one['iter']: one['lr'] for one in map(json.loads, lines) if 'lr' in one}


def polynomial(end: int, base: float = BASE_RATE) -> dict[int, float]:
    """PolyLR in closed form: iteration i of N trains at base * (1 - (i-1)/(N-1)) ** 0.9."""
    return {i: base * (1 - (i - 1) / (end - 1)) ** 0.9 for i in range(1, end + 1)}


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (['train_cfg.max_iters=8', 'param_scheduler.0.end=8'], polynomial(8)),
        (['train_cfg.max_iters=6', 'param_scheduler.0.end=5'], {**polynomial(5), 6: 0.0}),
        (
            ['train_cfg.max_iters=8', 'param_scheduler.0.end=8', 'optim_wrapper.optimizer.lr=0.1'],
            polynomial(8, 0.1),
        ),
        (
            ['train_cfg.max_iters=6', 'param_scheduler.0.eta_min=0.004'],
            {5: 0.004, 6: 0.004},
        ),
        (['train_cfg.max_iters=5', 'param_scheduler=None'], {5: BASE_RATE}),
        (['train_cfg.max_iters=5'], {5: 0.0}),
    ],
    ids=['longer', 'shorter than asked', 'another rate', 'a floor', 'none', 'one more'],
)
def test_a_resumed_training_has_the_rates_of_the_config(project, options, expected):
    work = project / 'work'
    assert rates(work) == pytest.approx(polynomial(4), abs=1e-9)
    status, output = train(project / 'config.py', work, *options, resume=True)
    assert status == 0, output
    found = rates(work)
    for iteration in range(5, max(expected) + 1):
        assert found[iteration] == pytest.approx(expected[iteration], rel=1e-5, abs=1e-9)
    assert ('Resumed with other settings' in output) == (options != ['train_cfg.max_iters=5'])


SCHEDULES = {
    'warm-up': """param_scheduler = [
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=3),
        dict(type='PolyLR', power=1.0, by_epoch=False, begin=3, end={end})]""",
    'steps': """param_scheduler = [
        dict(type='MultiStepLR', by_epoch=False, milestones=[{end} // 2, {end} - 1], gamma=0.5)]""",
    'cosine and momentum': """param_scheduler = [
        dict(type='CosineAnnealingLR', by_epoch=False, T_max={end}, end={end}),
        dict(type='LinearMomentum', start_factor=0.5, by_epoch=False, end={end})]""",
}


@pytest.mark.parametrize('name', SCHEDULES)
def test_a_longer_schedule_ends_as_if_it_had_been_set_from_the_start(project, name):
    """Two groups of parameters; all that the optimizer is set to in the last iteration."""
    groups = """optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'decode_head': dict(
        lr_mult=10.0, decay_mult=0.0)}), optimizer=dict(weight_decay=0.01))"""
    for end in (5, 9):
        (project / f'{end}.py').write_text(
            f"_base_ = './config.py'\n{groups}\ntrain_cfg = dict(max_iters={end})\n"
            + SCHEDULES[name].format(end=end)
        )
    settings = []
    for work, ends in (('found', (5, 9)), ('expected', (9,))):
        for end in ends:
            status, output = train(project / f'{end}.py', project / work, resume=end != ends[0])
            assert status == 0, output
        checkpoint = torch.load(project / work / 'iter_8.pth', weights_only=False)
        settings.append([
            {key: value for key, value in group.items() if key != 'params'}
            for group in checkpoint['optimizer']['param_groups']
        ])  # fmt: skip
        states = checkpoint['param_schedulers']
        settings.append([(one['last_step'], one['_global_step']) for one in states])
    assert len(settings[0]) == 2
    for found, expected in zip(settings[0], settings[2], strict=True):
        assert found == pytest.approx(expected)
    assert settings[1] == settings[3]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            ['train_cfg.max_iters=8'],
            'param_scheduler.0 ends after 4 iterations with learning rate 0, train_cfg.max_iters '
            'is 8: the rest would train nothing. Set param_scheduler.0.end to 8',
        ),
        (['train_cfg.max_iters=2'], 'is at iteration 4, train_cfg.max_iters is 2: nothing is left'),
        (
            ['optim_wrapper.paramwise_cfg.norm_decay_mult=0.0']
            + ['optim_wrapper.optimizer.weight_decay=0.1'],
            'its optimizer has other groups of parameters than that of the config',
        ),
    ],
)
def test_what_cannot_be_trained_is_refused(project, options, message):
    work = project / 'work'
    before = {path.name: path.read_bytes() for path in work.glob('*.pth')}
    status, output = train(project / 'config.py', work, *options, resume=True)
    assert status == 1
    assert '\nerror: ' in output and message in output and 'Traceback' not in output
    assert {path.name: path.read_bytes() for path in work.glob('*.pth')} == before


def test_an_override_of_a_wrong_type_is_named(project):
    options = ("custom_hooks=[dict(type='X')]", 'train_cfg.max_iters=many')
    status, output = train(project / 'config.py', project / 'new', *options)
    assert status == 1 and 'Traceback' not in output
    assert 'error: custom_hooks wants a list of dicts, each with a type' in output
    assert "train_cfg.max_iters wants a whole number, got the text 'many'" in output


def test_a_fresh_training_beyond_its_schedule_is_refused_too(project):
    status, output = train(project / 'config.py', project / 'new', 'train_cfg.max_iters=40')
    assert status == 1 and 'Set param_scheduler.0.end to 40' in output


def test_a_schedule_by_scores_is_refused_with_other_settings(project):
    text = (project / 'config.py').read_text()
    (project / 'config.py').write_text(
        text[: text.rindex('param_scheduler')]
        + "param_scheduler = [dict(type='ReduceOnPlateauLR', monitor='mIoU', by_epoch=True)]"
    )
    status, output = train(project / 'config.py', project / 'new')
    assert status == 0, output
    assert train(project / 'config.py', project / 'new', resume=True)[0] == 0
    status, output = train(
        project / 'config.py', project / 'new', 'param_scheduler.0.factor=0.5', resume=True
    )
    assert status == 1 and 'ReduceOnPlateauLR) depends on the scores' in output


def classifier(
    folder: Path, tags: dict[str, list[str]] | None = None, num_classes: int = 2
) -> Path:
    """The config of a tiny classifier that is trained for six epochs of two iterations."""
    write_data(folder)
    if tags is not None:
        (folder / 'tags.json').write_text(json.dumps(tags))
    config = build_config(folder)
    config.custom_hooks = []
    config.model.head.num_classes = num_classes
    config.param_scheduler = [dict(type='PolyLR', power=0.9, end=6, convert_to_iter_based=True)]
    config.default_hooks = dict(
        logger=dict(type='LoggerHook', interval=1), checkpoint=dict(type='CheckpointHook')
    )
    config.visualizer = dict(
        type='mmengine.Visualizer', vis_backends=[dict(type='LocalVisBackend')]
    )
    config.train_cfg.max_epochs = 6
    config.pop('experiment_name')
    config.dump(folder / 'config.py')
    return folder / 'config.py'


def test_another_batch_size_goes_on_at_the_same_epoch(tmp_path):
    """A classifier by epochs: three epochs of two iterations, then three of four."""
    config = classifier(tmp_path)
    status, output = train(config, tmp_path / 'work')
    assert status == 0, output
    for epoch in (4, 5, 6):
        (tmp_path / 'work' / f'epoch_{epoch}.pth').unlink()
    status, output = train(config, tmp_path / 'work', 'train_dataloader.batch_size=1', resume=True)
    assert status == 0 and 'iteration 6 -> 12 at epoch 3' in output, output
    expected = polynomial(24)
    found = {
        line['step']: line['lr']
        for line in map(
            json.loads, sorted(tmp_path.glob('work/*/vis_data/scalars.json'))[-1].open()
        )
    }
    assert found == pytest.approx({i: expected[i] for i in range(13, 25)}, rel=1e-5, abs=1e-9)
    last = torch.load(tmp_path / 'work' / 'epoch_6.pth', weights_only=False)
    assert last['meta']['iter'] == 24


@pytest.mark.parametrize('number', [1, 3])
def test_another_number_of_classes_is_named_before_training(tmp_path, number):
    status, output = train(classifier(tmp_path / 'data', num_classes=number), tmp_path / 'work')
    assert status == 1 and 'Traceback' not in output
    assert (
        f'model.head.num_classes is {number}, the data set has 2 classes without the background '
        '(red, green). Set model.head.num_classes=2.' in output
    )


def test_a_classifier_is_tested_without_its_training_images(tmp_path, root):
    config = classifier(tmp_path / 'data')
    with config.open('a') as file:
        file.write(
            'test_dataloader = dict(batch_size=2, num_workers=0, dataset=train_dataloader["dataset"'
            '], sampler=dict(type="DefaultSampler", shuffle=False))\n'
            'test_cfg = dict()\ntest_evaluator = dict(type="mmpretrain.MultiLabelMetric")\n'
            'train_dataloader = dict(train_dataloader, dataset=dict(type="Missing"))\n'
        )
    weights = tmp_path / 'weights.pth'
    torch.save(dict(state_dict={}, meta={}), weights)
    arguments = [config, weights, '--work-dir', tmp_path / 'work']
    command(root, 'test.py', *arguments)
    with pytest.raises(AssertionError, match=r'Set model\.head\.num_classes=2'):
        command(root, 'test.py', *arguments, '--cfg-options', 'model.head.num_classes=1')


def test_too_few_classes_of_a_network_are_named_before_training(project):
    options = ('model.decode_head.num_classes=2',)
    status, output = train(project / 'config.py', project / 'few', *options)
    assert status == 1 and 'Set model.decode_head.num_classes=3' in output


@pytest.mark.parametrize('everywhere', [True, False])
def test_a_class_that_every_image_has_is_remarked_upon(tmp_path, everywhere):
    tags = {'a': ['red'], 'b': ['red', 'green'], 'c': ['red'], 'd': ['red'] * everywhere}
    status, output = train(classifier(tmp_path, tags), tmp_path / 'work', 'train_cfg.max_epochs=1')
    assert status == 0
    assert ('every training image is tagged red:' in output) == everywhere


def test_the_console_has_one_line_for_each_log_interval(project, root):
    (project / 'long.py').write_text(
        "_base_ = './config.py'\ntrain_cfg = dict(max_iters=12)\n"
        'param_scheduler = [dict(end=12, type="PolyLR", by_epoch=False)]\n'
        'optim_wrapper = dict(paramwise_cfg=dict(bias_lr_mult=2.0))\n'
    )
    options = ('default_hooks.logger.interval=2', 'default_hooks.checkpoint.interval=99')
    arguments = [project / 'long.py', '--work-dir', project / 'new', '--cfg-options', *options]
    output = command(root, 'train.py', *arguments)
    lines = output.splitlines()
    steps = [line for line in lines if 'Iter(train)' in line]
    assert len(steps) == 6
    assert len(lines) <= len(steps) + 3, output
    (log,) = (project / 'new').glob('*/*.log')
    whole = log.read_text()
    for text in ('System environment:', 'Config:\n', 'Hooks will be executed', 'SyncBatchNorm'):
        assert text in whole and text not in output
    assert 'paramwise_options' not in whole
    status, output = train(project / 'long.py', project / 'all', *options, 'log_level=DEBUG')
    assert status == 0 and 'paramwise_options -- ' in output and 'Hooks will be' in output


def test_our_own_checkpoints_are_resumed_without_a_warning(project, trained):
    text = (project / 'config.py').read_text()
    text = text.replace('val_cfg = val_dataloader = val_evaluator = None', '')
    (project / 'config.py').write_text(text)
    for path in (trained / 'images').iterdir():
        write_mask(trained / 'truth' / f'{path.stem}.png', np.zeros((24, 32), np.uint8))
    options = ('default_hooks.checkpoint.save_best=mIoU', 'train_cfg.val_interval=2')
    status, output = train(project / 'config.py', project / 'new', *options)
    assert status == 0 and (list((project / 'new').glob('best_mIoU_*.pth'))), output
    longer = ('train_cfg.max_iters=6', 'param_scheduler.0.end=6')
    status, output = train(project / 'config.py', project / 'new', *options, *longer, resume=True)
    assert status == 0, output
    assert 'Could not safely load' not in output and 'issue' not in output


def test_the_config_of_a_checkpoint_is_not_run(project):
    """mmengine's resume runs ``meta['config']`` of a checkpoint as Python."""
    path = project / 'work' / 'iter_4.pth'
    content = torch.load(path, weights_only=False)
    content['meta']['config'] = f'made = __import__("os").mkdir({str(project / "harmed")!r})\n'
    torch.save(content, path)
    options = ('train_cfg.max_iters=5',)
    assert train(project / 'config.py', project / 'work', *options, resume=True)[0] == 0
    assert (project / 'work' / 'iter_5.pth').is_file()
    assert not (project / 'harmed').exists()
    # The oracle: it is a config that mmengine would run.
    Config.fromstring(content['meta']['config'], '.py')
    assert (project / 'harmed').exists()
