"""One, two and three processes: the same bits, and an end when one of them dies."""

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
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.structures import SegDataSample

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
