"""One, two and three processes: the same bits, and an end when one of them dies."""

import copy
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import aggregate_seeds
import make_pseudo_masks
import numpy as np
import pytest
import torch
import train
from helpers.classifier_run import build_config, write_data
from helpers.killing import start, tree
from helpers.network_run import PSEUDO_MASK_CONFIG as NETWORK
from helpers.network_run import TRAINING_CONFIG as TRAINING
from helpers.processes import join, run_ranks
from helpers.seed_generators import build_generator, build_images, files_of
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmpretrain.structures import DataSample
from mmseg.evaluation import IoUMetric
from mmseg.structures import SegDataSample

from mmseg_wsss.engine import WSSSRunner
from mmseg_wsss.generation.images import SeedImageDataset
from mmseg_wsss.registry import MODELS
from mmseg_wsss.store import SeedStore, write_mask

# Its name is that of a package of Python's own tests.
SPECIFICATION = importlib.util.spec_from_file_location(
    'test_command', Path(train.__file__).with_name('test.py')
)
test_command = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(test_command)
OPTIONS = dict(num_draws=2, batch_size=2, refine='irn')


@pytest.mark.parametrize('world_size', [1, 2, 3])
def test_the_same_seeds(tmp_path, world_size):
    images = build_images(tmp_path)
    build_generator(**OPTIONS).run(images, tmp_path / 'expected')

    def work(rank, world_size):
        summary = build_generator(**OPTIONS).run(images, tmp_path / 'seeds')
        assert (summary.made, summary.skipped, summary.empty) == (5, 0, ['image 3'])

    run_ranks(tmp_path / 'ranks', work, world_size)
    assert tree(tmp_path / 'seeds') == tree(tmp_path / 'expected')


def test_more_processes_than_images(tmp_path):
    images = build_images(tmp_path, 2)
    build_generator().run(images, tmp_path / 'expected')

    def work(rank, world_size):
        assert build_generator().run(images, tmp_path / 'seeds').made == 2

    run_ranks(tmp_path / 'ranks', work, 3)
    assert tree(tmp_path / 'seeds') == tree(tmp_path / 'expected')


def test_what_one_process_left_is_shared_by_all(tmp_path):
    """A resumed run with everything left on one side, and with another number of processes."""
    images = build_images(tmp_path, 12)
    build_generator().run(images, tmp_path / 'seeds')
    expected = tree(tmp_path / 'seeds')
    for image in images[1::2]:  # all of the second of two processes
        (tmp_path / 'seeds' / 'aggregated' / f'{image.image_id}.png').unlink()

    def work(rank, world_size):
        made = []
        write = SeedStore.write
        SeedStore.write = lambda *args: made.append(args[1]) or write(*args)
        summary = build_generator().run(images, tmp_path / 'seeds')
        assert (summary.made, summary.skipped) == (6, 6)
        assert len(made) == 3, made

    run_ranks(tmp_path / 'ranks', work, 2)
    assert tree(tmp_path / 'seeds') == expected


def test_an_image_that_one_process_cannot_read_stops_all(tmp_path):
    images = build_images(tmp_path, 4)
    (tmp_path / 'image 2.png').write_bytes(b'')

    def work(rank, world_size):
        with pytest.raises(ValueError, match=r'(?s)1 images cannot be used.*image 2\.png'):
            build_generator().run(images, tmp_path / 'seeds')

    run_ranks(tmp_path / 'ranks', work, 2)
    assert not list((tmp_path / 'seeds').rglob('*.png'))


@pytest.mark.parametrize('world_size', [1, 2, 3])
def test_the_same_metrics(tmp_path, world_size):
    """Seven images, which neither two nor three processes share evenly, with mmseg's own metric."""
    rng = np.random.default_rng(0)
    pairs = torch.from_numpy(rng.integers(0, 4, (7, 2, 6, 5)))
    pairs[:, 0, 0] = 255
    expected = score(pairs, range(7), 7)

    def work(rank, world_size):
        # As mmengine's DefaultSampler: the first images once more where the share is uneven.
        share = -(-7 // world_size)
        indices = [index % 7 for index in range(share * world_size)][rank::world_size]
        found = score(pairs, indices, 7)
        assert found == expected, (found, expected)

    run_ranks(tmp_path, work, world_size)


def score(pairs, indices, size):
    metric = IoUMetric(iou_metrics=['mIoU', 'mFscore'])
    metric.dataset_meta = dict(classes=list('abcd'))
    for index in indices:
        truth, given = (PixelData(data=mask[None]) for mask in pairs[index])
        metric.process({}, [SegDataSample(gt_sem_seg=truth, pred_sem_seg=given).to_dict()])
    return metric.evaluate(size)


def test_the_same_aggregate(tmp_path):
    rng = np.random.default_rng(0)
    for name in 'abc':
        for number in range(70):
            mask = rng.integers(0, 4, (9, 8), np.uint8)
            write_mask(tmp_path / name / f'{number}.png', mask)
    for jobs in ('1', '2', '3'):
        arguments = ['--seeds', *(str(tmp_path / name) for name in 'abc'), '--num-classes', '4']
        out = str(tmp_path / f'out {jobs}')
        assert aggregate_seeds.main([*arguments, '--out', out, '--jobs', jobs]) == 0
    roots = [tree(tmp_path / f'out {jobs}') for jobs in '123']
    assert roots[0] == roots[1] == roots[2]


@pytest.mark.parametrize('victim', [0, 1])
def test_a_dead_process_ends_the_others(tmp_path, victim):
    """Killed in the midst of its images: the other one waits for it and is told."""
    images = build_images(tmp_path, 12)

    def target(rank):
        if rank == victim:
            SeedImageDataset.read = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        join(tmp_path, rank, 2)
        build_generator().run(images, tmp_path / 'seeds')

    processes = [start(partial(target, rank), tmp_path / f'{rank}.log') for rank in range(2)]
    began = time.monotonic()
    for process in processes:
        process.join(30)
    assert processes[victim].exitcode == -signal.SIGKILL
    assert processes[1 - victim].exitcode not in (0, None), 'it still waits'
    assert time.monotonic() - began < 30
    # What was made stays, and one process alone makes the rest.
    build_generator().run(images, tmp_path / 'seeds')
    build_generator().run(images, tmp_path / 'expected')
    assert tree(tmp_path / 'seeds') == tree(tmp_path / 'expected')


def test_a_dead_process_ends_the_job_of_the_launcher(tmp_path, root):
    """tools/make_seeds.py under torchrun with two processes, one of which is killed."""
    write_data(tmp_path)
    config = build_config(tmp_path)
    config.dump(tmp_path / 'config.py')
    torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), tmp_path / 'model.pth')
    (tmp_path / 'victim.py').write_text(
        'import os, sys, time\n'
        f'sys.path.insert(0, {str(root / "tools")!r})\n'
        'import make_seeds\n'
        'from mmseg_wsss.generation.images import SeedImageDataset\n'
        "if os.environ['RANK'] == '1':\n"
        '    SeedImageDataset.read = lambda *_: os.kill(os.getpid(), 9)\n'
        'sys.exit(make_seeds.run(sys.argv[1:]))\n'
    )
    port = str(29500 + (os.getpid() * 7 + 3) % 1000)
    launcher = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node', '2']
    arguments = [str(tmp_path / name) for name in ('victim.py', 'config.py', 'model.pth')]
    done = subprocess.run(
        [*launcher, '--master_port', port, *arguments, '--launcher', 'pytorch', '--device', 'cpu']
        + ['--cfg-options', 'seed_generation.num_workers=0'],
        capture_output=True,
        text=True,
        env=dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES=''),
        timeout=100,
    )
    assert done.returncode != 0
    assert 'Signal 9' in done.stderr or 'exitcode: -9' in done.stderr.replace(' ', '')


def test_pseudo_masks_of_several_processes(tmp_path):
    """Three processes and one: the same masks, also where one process had been behind."""
    ids = ['one', 'two', 'three', 'four', 'five']
    write_images(tmp_path / 'images', ids)
    write_split(tmp_path / 'train.txt', ids)
    write_seed_root(tmp_path / 'seeds', ids)
    (tmp_path / 'config.py').write_text(NETWORK.replace('DATA', str(tmp_path)))
    init_default_scope('mmseg')
    model = MODELS.build(Config.fromfile(tmp_path / 'config.py').model)
    torch.save(model.state_dict(), tmp_path / 'net.pth')

    def work(rank=0, world_size=1, out='masks'):
        arguments = ['config.py', 'net.pth', '--out', out, '--all-classes', '--device', 'cpu']
        arguments = [str(tmp_path / a) if '.' in a or a == out else a for a in arguments]
        assert make_pseudo_masks.main([*arguments, '--num-workers', '0']) == 0

    work(out='expected')
    run_ranks(tmp_path / 'ranks', work, 3)
    assert tree(tmp_path / 'masks') == tree(tmp_path / 'expected')
    for image_id in ids[1::2]:
        (tmp_path / 'masks' / f'{image_id}.png').write_bytes(b'')
    run_ranks(tmp_path / 'again', work, 2)
    assert tree(tmp_path / 'masks') == tree(tmp_path / 'expected')
    assert len(files_of(tmp_path / 'masks')) == 6


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def run_launched(folder, world_size, main, *arguments):
    """Run a command as a launcher does: one process per rank, told by the environment."""
    port = str(free_port())

    def target(rank):
        os.environ.update(
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(world_size),
            MASTER_ADDR='127.0.0.1',
            MASTER_PORT=port,
        )
        sys.argv = ['command', *map(str, arguments), '--launcher', 'pytorch']
        main()

    folder.mkdir(parents=True, exist_ok=True)
    processes = [
        start(partial(target, rank), folder / f'rank {rank}.log') for rank in range(world_size)
    ]
    for rank, process in enumerate(processes):
        process.join(90)
        log = (folder / f'rank {rank}.log').read_text()
        assert process.exitcode == 0, log[-3000:]


@pytest.mark.skipif(torch.cuda.is_available(), reason='the commands take GPUs where there are any')
def test_training_and_testing_without_a_gpu(tmp_path):
    """tools/train.py with two processes, tools/test.py with one to three: the same scores."""
    ids = ['one', 'two', 'three', 'four', 'five', 'six', 'seven']
    write_images(tmp_path / 'images', ids)
    write_split(tmp_path / 'train.txt', ids)
    seeds = write_seed_root(tmp_path / 'seeds', ids)
    for image_id in ids:
        write_mask(tmp_path / 'truth' / f'{image_id}.png', seeds[image_id][0])
    config = tmp_path / 'config.py'
    config.write_text(TRAINING.replace('DATA', str(tmp_path)))
    options = ['--cfg-options', 'train_cfg.max_iters=2', 'train_cfg.val_interval=9']
    run_launched(tmp_path / 'log', 2, train.main, config, '--work-dir', tmp_path / 'work', *options)
    checkpoint = tmp_path / 'work' / 'iter_2.pth'
    found = {}
    for world_size in (1, 2, 3):
        work = tmp_path / f'test {world_size}'
        run_launched(
            work, world_size, test_command.main, config, checkpoint, '--work-dir', work / 'scores'
        )
        (file,) = (work / 'scores').glob('*/*.json')
        scores = json.loads(file.read_text().splitlines()[-1])
        found[world_size] = {name: value for name, value in scores.items() if 'time' not in name}
    assert 'mIoU' in found[1]
    assert found[1] == found[2] == found[3]


# One of each backbone family that trains on a CPU in a second, with frozen layers and without.
NETWORKS = {
    'classifier, MobileNetV2 frozen': ('cls/mobilenetv2_voc_animals', {}),
    'classifier, ResNet frozen': ('cls/resnet50_voc', {'backbone.frozen_stages': 1}),
    'segmentor, MobileNetV2 frozen': ('pnl/deeplabv3plus_mobilenetv2_voc_animals', {}),
    'segmentor, MiT': ('pnl/segformer_b0_voc', {}),
}


def network_of(root, name):
    """A shipped config's model from random weights, with a batch of two images."""
    path, changes = NETWORKS[name]
    config = Config(dict(model=Config.fromfile(root / 'configs' / f'{path}.py').model))
    config.model.backbone.init_cfg = None
    config.merge_from_dict({f'model.{key}': value for key, value in changes.items()})
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    images = list(torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8))
    if 'classifier' in name:
        samples = [DataSample().set_gt_label([0, 1 + index]) for index in range(2)]
    else:
        labels = torch.randint(0, 3, (2, 1, 64, 64))
        samples = [SegDataSample(gt_sem_seg=PixelData(data=one)) for one in labels]
    return model, dict(inputs=images, data_samples=samples)


def test_every_backbone_trains_on_two_processes(tmp_path, root):
    """Three iterations each, with the layers frozen that are frozen on one process."""
    init_default_scope('mmseg')

    def work(rank, world_size):
        os.environ['LOCAL_RANK'] = str(rank)  # mmengine asks for it
        for name in NETWORKS:
            model, data = network_of(root, name)
            alone = copy.deepcopy(model).train()
            frozen = {key for key, one in alone.named_parameters() if not one.requires_grad}
            assert bool(frozen) == ('frozen' in name)
            trained = [one.requires_grad for one in model.parameters()]
            runner = WSSSRunner.__new__(WSSSRunner)
            runner._distributed, runner.cfg = True, Config()
            options = dict(device_ids=None, broadcast_buffers=False)
            wrapped = runner.wrap_model(options, model)
            # The optimizer gets the same parameters as on one process.
            assert [one.requires_grad for one in model.parameters()] == trained
            optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 1e-3))
            before = {key: one.clone() for key, one in model.named_parameters()}
            for _ in range(3):
                wrapped.train()
                wrapped.train_step(data, optimizer)
            for key, one in model.named_parameters():
                assert (key in frozen) == (not one.requires_grad), key
                assert key not in frozen or torch.equal(one, before[key]), key
                both = [torch.empty_like(one) for _ in range(world_size)]
                torch.distributed.all_gather(both, one.detach())
                assert torch.equal(*both), key

    run_ranks(tmp_path, work, 2)


@pytest.mark.skipif(torch.cuda.is_available(), reason='the commands take GPUs where there are any')
def test_a_diverging_training_stops_on_all_processes(tmp_path):
    """One process alone has a loss that is not finite; both say so and end."""
    ids = ['one', 'two', 'three', 'four']
    write_images(tmp_path / 'images', ids)
    write_split(tmp_path / 'train.txt', ids)
    write_seed_root(tmp_path / 'seeds', ids)
    config = tmp_path / 'config.py'
    config.write_text(TRAINING.replace('DATA', str(tmp_path)))

    def diverge():
        step = MMDistributedDataParallel.train_step

        def one_bad_loss(self, *args, **kwargs):
            outputs = step(self, *args, **kwargs)
            diverge.steps = getattr(diverge, 'steps', 0) + 1
            bad = diverge.steps == 3 and os.environ['RANK'] == '1'
            return dict(outputs, loss=outputs['loss'] * float('nan')) if bad else outputs

        MMDistributedDataParallel.train_step = one_bad_loss
        status = train.main()
        assert status == 1

    options = ['train_cfg.max_iters=12', 'train_cfg.val_interval=99']
    options += ['default_hooks.logger.interval=4', 'default_hooks.checkpoint.interval=2']
    work = tmp_path / 'work'
    arguments = [config, '--work-dir', work, '--cfg-options', *options]
    run_launched(tmp_path / 'log', 2, diverge, *arguments)
    for rank in range(2):
        assert (
            'iteration 3: the loss is not finite'
            in (tmp_path / 'log' / f'rank {rank}.log').read_text()
        )
    # Written in iteration 2; in iteration 4 the losses are looked at before the checkpoint.
    assert sorted(path.name for path in work.glob('*.pth')) == ['iter_2.pth']
