"""Kill -9 at random moments: the same command goes on and ends with the same bits."""

import os
import random
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import aggregate_seeds
import make_pseudo_masks
import numpy as np
import pytest
import torch
import train as train_tool
from helpers.classifier_run import build_config, write_data
from helpers.killing import finish, kill_at_random_moments, start, tree
from helpers.network_run import TRAINING_CONFIG as CONFIG
from helpers.seed_generators import build_generator, build_images
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.config import Config
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.registry import init_default_scope
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch.utils.data import DataLoader, Dataset

from mmseg_wsss.converters.folder import convert_folder
from mmseg_wsss.engine import WSSSRunner
from mmseg_wsss.engine.hooks.resumable_randomness_hook import (
    PositionRandomDataset,
    PositionSampler,
    ResumableRandomnessHook,
    seed_by,
)
from mmseg_wsss.registry import MODELS
from mmseg_wsss.store import encode_mask, write_mask
from mmseg_wsss.utils.checkpoint import find_resumable

IDS = [f'image {number}' for number in range(24)]


def test_seed_making(tmp_path):
    images = build_images(tmp_path, 40)
    options = dict(num_draws=2, num_workers=1, num_writers=1)

    def run(root='seeds'):
        build_generator(**options).run(images, tmp_path / root)

    assert kill_at_random_moments(run, tmp_path / 'seeds', kills=6) >= 3
    finish(lambda: run('expected'), tmp_path / 'log')
    assert tree(tmp_path / 'seeds') == tree(tmp_path / 'expected')


def test_aggregation(tmp_path):
    rng = np.random.default_rng(0)
    for name in 'abc':
        for image_id in IDS * 2:
            write_mask(tmp_path / name / f'{image_id}.png', rng.integers(0, 4, (90, 90), np.uint8))

    def run(root='seeds'):
        return aggregate_seeds.main(
            ['--seeds', *(str(tmp_path / name) for name in 'abc'), '--out', str(tmp_path / root)]
            + ['--num-classes', '4', '--jobs', '2']
        )

    assert kill_at_random_moments(run, tmp_path / 'seeds', kills=5) >= 2
    finish(lambda: run('expected'), tmp_path / 'log')
    assert tree(tmp_path / 'seeds') == tree(tmp_path / 'expected')


def test_conversion(tmp_path):
    write_images(tmp_path / 'photos', IDS)
    lines = ['image_id,tags'] + [f'{image_id},cat' for image_id in IDS[:20]]
    (tmp_path / 'tags.csv').write_text('\n'.join(lines))
    (tmp_path / 'masks').mkdir()
    for image_id in IDS[20:]:
        mask = np.zeros((24, 32), np.uint8)
        mask[8:16, 8:24] = 1
        (tmp_path / 'masks' / f'{image_id}.png').write_bytes(encode_mask(mask))

    def run(out='out'):
        report = convert_folder(
            *(str(tmp_path / name) for name in ('photos', 'tags.csv', out)),
            masks=str(tmp_path / 'masks'),
            copy_images=True,
            workers=2,
        )
        return report.exit_status

    assert kill_at_random_moments(run, tmp_path / 'out', kills=5) >= 2
    finish(lambda: run('expected'), tmp_path / 'log')
    assert tree(tmp_path / 'out') == tree(tmp_path / 'expected')


@pytest.fixture
def project(tmp_path) -> Path:
    """Images, seeds and a config to train a tiny network with."""
    write_images(tmp_path / 'images', IDS)
    write_split(tmp_path / 'train.txt', IDS)
    write_seed_root(tmp_path / 'seeds', IDS)
    (tmp_path / 'config.py').write_text(CONFIG.replace('DATA', str(tmp_path)))
    return tmp_path


def test_pseudo_masks(project):
    config = Config.fromfile(project / 'config.py')
    init_default_scope('mmseg')
    torch.save(MODELS.build(config.model).state_dict(), project / 'net.pth')

    def run(out='masks'):
        return make_pseudo_masks.main(
            [str(project / 'config.py'), str(project / 'net.pth'), '--out', str(project / out)]
            + ['--all-classes', '--device', 'cpu', '--num-workers', '0']
        )

    assert kill_at_random_moments(run, project / 'masks', kills=4) >= 2
    finish(lambda: run('expected'), project / 'log')
    assert tree(project / 'masks') == tree(project / 'expected')


def train(project: Path, work: str, *options: str, resume: bool = True) -> None:
    """Run tools/train.py in this process, which it ends."""
    sys.argv = ['train.py', str(project / 'config.py'), '--work-dir', str(project / work)]
    sys.argv += ['--resume'] * resume + ['--cfg-options', 'val_cfg=None', 'val_dataloader=None']
    sys.argv += ['val_evaluator=None', 'train_cfg.max_iters=12', 'visualizer.name=' + work]
    sys.argv += [
        'default_hooks.checkpoint.interval=1',
        'log_level=ERROR',
        f'experiment_name={work}',
        *options,
    ]
    train_tool.main()


def states(path: Path) -> list:
    """All numbers of a checkpoint that decide how training goes on."""
    content = torch.load(path, weights_only=False)
    momenta = content['optimizer']['state'].values()
    return [*content['state_dict'].values(), *(state['momentum_buffer'] for state in momenta)]


def same(one: list, other: list) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


def test_training(project):
    def run():
        train(project, 'work')

    assert kill_at_random_moments(run, project / 'work', kills=2, pattern='*.pth') >= 1
    assert not list((project / 'work').glob('.tmp-*'))
    finish(lambda: train(project, 'expected', resume=False), project / 'log')
    expected = states(project / 'expected' / 'iter_12.pth')
    assert same(states(project / 'work' / 'iter_12.pth'), expected)
    # The random numbers do matter: without their keys another network comes out.
    finish(lambda: train(project, 'other', 'randomness.seed=1'), project / 'log')
    assert not same(states(project / 'other' / 'iter_12.pth'), expected)


class Draws(Dataset):
    """Random numbers of all three kinds, as transforms draw them."""

    reads = 0

    def __len__(self):
        return 10

    def __getitem__(self, index):
        self.reads += 1
        numbers = (random.random(), np.random.rand(), torch.rand(1).item())
        return torch.tensor([float(index), *numbers], dtype=torch.float64)


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_random_transforms_do_not_depend_on_who_reads_and_what_was_read_before(workers):
    def draws(start, key=(0,)):
        sampler = PositionSampler(range(start, 10), lambda: start)
        loader = DataLoader(
            PositionRandomDataset(Draws(), key), 2, sampler=sampler, num_workers=workers
        )
        return torch.cat(list(loader))

    expected = []
    for number in range(10):
        seed_by(0, number)
        expected.append(Draws()[number])
    expected = torch.stack(expected)
    assert torch.equal(draws(0), expected)
    assert torch.equal(draws(4), expected[4:])
    assert expected[:, 1:].unique().numel() == 30
    assert not torch.equal(draws(0, (1,)), expected)


class EagerIterator:
    """The data iterator of mmengine 0.10.7, which begins to read when the loop is built."""

    def __init__(self, dataloader):
        self._dataloader = dataloader
        self._iterator = iter(dataloader)
        self._epoch = 0

    def __next__(self):
        try:
            return next(self._iterator)
        except StopIteration:
            self._epoch += 1
            self._dataloader.batch_sampler.sampler.set_epoch(self._epoch)
            self._iterator = iter(self._dataloader)
            return next(self._iterator)


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('sampler', [InfiniteSampler, DefaultSampler])
@pytest.mark.parametrize('kind', [EagerIterator, _InfiniteDataloaderIterator])
def test_a_resumed_loop_by_iterations_goes_on_with_the_same_draws(
    kind, sampler, workers, monkeypatch
):
    """Passes of five batches; resumed at the end of the first and in the third."""
    monkeypatch.setattr('time.sleep', lambda seconds: None)  # mmengine's, between two passes

    def batches(resumed, number=14):
        dataset = Draws()
        loader = DataLoader(
            dataset,
            2,
            sampler=sampler(dataset, seed=0),
            num_workers=workers,
            persistent_workers=workers > 0 and sampler is InfiniteSampler,
        )
        loop = SimpleNamespace(dataloader_iterator=kind(loader))
        runner = SimpleNamespace(iter=resumed, seed=3, train_dataloader=loader, train_loop=loop)
        ResumableRandomnessHook().before_train(runner)
        if hasattr(loop.dataloader_iterator, 'skip_iter'):
            loop.dataloader_iterator.skip_iter(resumed)
        else:
            for _ in range(resumed):  # mmengine 0.10.7 reads and drops
                next(loop.dataloader_iterator)
        found = []
        for runner.iter in range(resumed, number):
            found.append(next(loop.dataloader_iterator))
        return torch.stack(found), dataset.reads

    expected, _ = batches(0)
    for resumed in (5, 11):
        found, reads = batches(resumed)
        assert torch.equal(found, expected[resumed:])
        # What was trained on is not read again, where the sampler can do without.
        if sampler is InfiniteSampler and workers == 0:
            assert reads == 2 * (14 - resumed)


def test_training_killed_while_a_checkpoint_is_written(project):
    """The worst moment: mmengine has removed the last checkpoint and written half of the next."""
    save = torch.save

    def die_at_the_sixth(content, file, **kwargs):
        save(content, file, **kwargs)
        if content.get('meta', {}).get('iter') == 6:
            os.kill(os.getpid(), signal.SIGKILL)

    def run():
        torch.save = die_at_the_sixth
        train(project, 'work', 'default_hooks.checkpoint.max_keep_ckpts=1')

    process = start(run, project / 'log')
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, (project / 'log').read_text()[-3000:]
    path, content = find_resumable(project / 'work')
    assert Path(path).name == 'iter_5.pth' and content['meta']['iter'] == 5
    assert (project / 'work' / 'last_checkpoint').read_text() == path


def test_training_resumes_from_an_older_checkpoint_if_the_last_is_damaged(project):
    finish(lambda: train(project, 'work', 'train_cfg.max_iters=4'), project / 'log')
    last = project / 'work' / 'iter_4.pth'
    last.write_bytes(last.read_bytes()[:1000])
    path, _ = find_resumable(project / 'work')
    assert Path(path).name == 'iter_3.pth'
    for number in (1, 2, 3):
        (project / 'work' / f'iter_{number}.pth').write_bytes(b'')
    with pytest.raises(ValueError, match=r'no whole checkpoint .*iter_4\.pth'):
        find_resumable(project / 'work')


def test_training_of_a_classifier_by_epochs(tmp_path):
    """Stopped after an epoch and resumed: the network and the seeds of an unbroken training."""
    write_data(tmp_path)

    def run(work, epochs):
        config = build_config(tmp_path)
        config.work_dir, config.experiment_name = str(tmp_path / work), f'{work} {epochs}'
        config.train_cfg.max_epochs = epochs
        # The number of epochs is no part of a seed root's origin, and so the seeds wait.
        if epochs < 3:
            config.custom_hooks = []
        train_tool.resume_from_latest(config, trust=False)
        config.resume = config.get('load_from') is not None
        train_tool.make_resumable(config)
        WSSSRunner.from_cfg(config).train()

    finish(lambda: run('work', 1), tmp_path / 'log')
    finish(lambda: run('work', 3), tmp_path / 'log')
    finish(lambda: run('expected', 3), tmp_path / 'log')
    found, expected = (
        torch.load(tmp_path / name / 'epoch_3.pth', weights_only=False)['state_dict']
        for name in ('work', 'expected')
    )
    assert same(list(found.values()), list(expected.values()))
    assert tree(tmp_path / 'work' / 'seeds') == tree(tmp_path / 'expected' / 'seeds')
