"""Too little memory, disk or anything else: an answer, an exit status, and no process left."""

import os
import resource
import signal
import sys
import time
from functools import partial

import aggregate_seeds
import cv2
import make_pseudo_masks
import make_seeds
import numpy as np
import pytest
import torch
from helpers.classifier_run import build_config, write_data
from helpers.killing import finish, start, tree, wait_for_group
from helpers.network_run import TRAINING_CONFIG as CONFIG
from helpers.seed_generators import build_generator, build_images, files_of
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmseg_wsss.generation import SeedGenerator, SeedImage
from mmseg_wsss.generation import pipeline as seed_writer
from mmseg_wsss.generation.extractor import ActivationExtractor
from mmseg_wsss.generation.images import SeedImageDataset
from mmseg_wsss.registry import MODELS
from mmseg_wsss.store import SeedStore, read_mask
from mmseg_wsss.store import masks as mask_io
from mmseg_wsss.utils import progress
from mmseg_wsss.utils.progress import Progress

NO_MEMORY = [
    MemoryError(),
    torch.cuda.OutOfMemoryError('CUDA out of memory'),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
]


def write_large(folder):
    """An image of 80 x 120 pixels among small ones, and the same image at half its sides."""
    images = build_images(folder, 3)
    colours = np.random.default_rng(1).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    large = cv2.resize(colours, (120, 80), interpolation=cv2.INTER_LINEAR)
    Image.fromarray(large).save(folder / 'large.png')
    return [*images[:2], SeedImage('large', str(folder / 'large.png'), (1, 3)), images[2]]


@pytest.mark.parametrize('error', NO_MEMORY, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize('writers', [0, 2])
def test_one_image_too_large_for_the_network(tmp_path, monkeypatch, error, writers):
    """Half its sides are tried, the others are untouched, and all masks have their image's size."""
    images = write_large(tmp_path)
    build_generator().run(images, tmp_path / 'expected')
    plain, tried = ActivationExtractor._batch, []

    def limited(self, samples, keep):
        height, width = samples[0].image.shape[:2]
        tried.append((height, width))
        if height * width > 1500:
            raise error
        return plain(self, samples, keep)

    monkeypatch.setattr(ActivationExtractor, '_batch', limited)
    summary = build_generator(num_writers=writers).run(images, tmp_path / 'found')
    assert summary.made == 4
    assert [size for size in tried if size[0] * size[1] > 768] == [(80, 120), (40, 60)]
    found, expected = files_of(tmp_path / 'found'), files_of(tmp_path / 'expected')
    assert found.keys() == expected.keys()
    for name in found:
        if 'large' not in name:
            assert found[name] == expected[name]
        else:
            masks = [read_mask(tmp_path / root / name) for root in ('found', 'expected')]
            height = 160 if name.startswith('losing') else 80  # two labels can lose
            assert masks[0].shape == masks[1].shape == (height, 120)
            if not name.startswith(('agree', 'losing')):
                assert (masks[0] == masks[1]).mean() > 0.7  # chance: 0.4


@pytest.mark.parametrize('writers', [0, 2])
def test_one_image_too_large_for_the_crf(tmp_path, monkeypatch, writers):
    images = write_large(tmp_path)
    build_generator(refine='irn').run(images, tmp_path / 'expected')
    plain = seed_writer.refine_seed_batch

    def limited(maps, *arguments):
        if maps.shape[-1] * maps.shape[-2] > 3000:
            raise MemoryError
        assert arguments[0].images[0].shape[:2] == maps.shape[-2:]
        return plain(maps, *arguments)

    monkeypatch.setattr(seed_writer, 'refine_seed_batch', limited)
    build_generator(refine='irn', num_writers=writers).run(images, tmp_path / 'found')
    found, expected = files_of(tmp_path / 'found'), files_of(tmp_path / 'expected')
    assert found.keys() == expected.keys()
    assert all(found[name] == expected[name] for name in found if 'large' not in name)
    mask, before = (
        read_mask(tmp_path / r / '0.00-1.00' / 'large.png') for r in ('found', 'expected')
    )
    assert mask.shape == before.shape and (mask == before).mean() > 0.85


def test_other_errors_and_tiny_images_do_not_go_round_in_circles(tmp_path, monkeypatch):
    images = build_images(tmp_path, 1)
    for error in (RuntimeError('mat1 and mat2 cannot be multiplied'), MemoryError('no memory')):
        monkeypatch.setattr(
            ActivationExtractor, '_batch', lambda *_, e=error: (_ for _ in ()).throw(e)
        )
        with pytest.raises(type(error), match=str(error)):
            build_generator().run(images, tmp_path / 'seeds')


@pytest.fixture
def network(tmp_path):
    """A config and a checkpoint of a tiny segmentor, and four images."""
    tmp_path = tmp_path / 'network'
    ids = ['one', 'two', 'three', 'large']
    write_images(tmp_path / 'images', ids)
    write_images(tmp_path / 'images', ['large'], (96, 128))
    write_split(tmp_path / 'train.txt', ids)
    write_seed_root(tmp_path / 'seeds', ids)
    (tmp_path / 'config.py').write_text(CONFIG.replace('DATA', str(tmp_path)))
    init_default_scope('mmseg')
    model = MODELS.build(Config.fromfile(tmp_path / 'config.py').model)
    torch.save(model.state_dict(), tmp_path / 'net.pth')
    return tmp_path


def pseudo_masks(network, out, *options):
    arguments = [str(network / 'config.py'), str(network / 'net.pth'), '--out', str(network / out)]
    fixed = ['--all-classes', '--device', 'cpu', '--num-workers', '0']
    return make_pseudo_masks.main([*arguments, *fixed, *options])


@pytest.mark.parametrize('options', [[], ['--tta', '--crf', 'deeplab']], ids=['plain', 'tta, crf'])
def test_one_image_too_large_for_a_pseudo_mask(network, monkeypatch, options):
    from mmseg.models import EncoderDecoder

    assert pseudo_masks(network, 'expected', *options) == 0
    plain = EncoderDecoder.predict

    def limited(self, inputs, samples=None):
        if inputs.shape[-1] > 100:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return plain(self, inputs, samples)

    monkeypatch.setattr(EncoderDecoder, 'predict', limited)
    assert pseudo_masks(network, 'found', *options) == 0
    found, expected = tree(network / 'found'), tree(network / 'expected')
    assert found.keys() == expected.keys()
    # The record of a network's mask holds its confidence.
    differing = {name for name in found if found[name] != expected[name]}
    assert differing <= {'large.png', 'records/large.txt'}
    assert read_mask(network / 'found' / 'large.png').shape == (96, 128)


def test_pseudo_masks_name_unreadable_images_before_they_begin(network, capsys):
    (network / 'images' / 'two.jpg').write_bytes(b'')
    assert pseudo_masks(network, 'masks') == 1
    assert 'two.jpg: not a readable image' in capsys.readouterr().err
    assert not list((network / 'masks').rglob('*.png'))


def with_little_disk(run):
    """Let a file grow to a few bytes only, as a full disk or a quota would."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an OSError in place of a signal
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
    try:
        return run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))


@pytest.fixture
def project(tmp_path):
    """Write a classifier's config, its data and a checkpoint."""
    write_data(tmp_path)
    config = build_config(tmp_path)
    config.dump(tmp_path / 'config.py')
    torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), tmp_path / 'model.pth')
    return tmp_path


def seeds(project, *options, workers='1'):
    arguments = [
        str(project / 'config.py'),
        str(project / 'model.pth'),
        '--device',
        'cpu',
        *options,
    ]
    section = [f'seed_generation.num_workers={workers}', 'seed_generation.num_writers=1']
    return make_seeds.run([*arguments, '--cfg-options', *section])


def test_a_full_disk_ends_seed_making_and_it_resumes(project, monkeypatch, capsys):
    write, calls = mask_io.write_atomic, []

    def full(path, content):
        calls.append(path)
        if len(calls) > 6:
            raise OSError(28, 'No space left on device', str(path))
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(mask_io, 'write_atomic', full)
        assert seeds(project) == 1
    assert 'error: [Errno 28] No space left on device' in capsys.readouterr().err
    assert len(files_of(project / 'work' / 'seeds')) == 7  # six masks and the manifest
    assert seeds(project) == 0
    assert seeds(project, '--out', str(project / 'expected')) == 0
    assert tree(project / 'work' / 'seeds') == tree(project / 'expected')


def test_a_limit_on_files_leaves_no_piece_of_one(project):
    """The system's own limit, in a process of its own: nothing half-written stays."""
    root = project / 'seeds'

    def run():
        generator = build_generator()
        images = build_images(project, 3)
        try:
            with_little_disk(lambda: generator.run(images, root))
        except OSError as error:
            return 3 if error.errno == 27 else 4
        return 0

    process = start(run, project / 'log')
    process.join(60)
    assert process.exitcode == 3, (project / 'log').read_text()[-2000:]
    assert [path.name for path in root.rglob('*') if path.is_file()] == ['.lock']
    build_generator().run(build_images(project, 3), root)


@pytest.mark.parametrize('place', ['/proc/seeds', 'file/seeds', 'denied'])
def test_a_folder_that_cannot_be_written(project, network, monkeypatch, capsys, place):
    (project / 'file').write_text('a file where a folder is expected')
    out = place if place.startswith('/') else str(project / place)
    if place == 'denied':

        def denied(*_, **__):
            raise PermissionError(13, 'Permission denied', out)

        monkeypatch.setattr('pathlib.Path.mkdir', denied)
    assert seeds(project, '--out', out) == 1
    assert 'error: [Errno' in capsys.readouterr().err
    folders = [str(network / 'seeds' / name) for name in 'abc']
    arguments = ['--seeds', *folders, '--num-classes', '3', '--out', out]
    assert aggregate_seeds.main([*arguments, '--jobs', '1']) == 1
    assert 'error: [Errno' in capsys.readouterr().err
    assert pseudo_masks(network, out) == 1
    assert 'error: [Errno' in capsys.readouterr().err


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_crashed_reader_ends_seed_making(project):
    """A reading process that the system kills, for want of memory say."""
    read = SeedImageDataset.read

    def run():
        SeedImageDataset.read = lambda self, path: die() if 'c.png' in path else read(self, path)
        return seeds(project)

    process = start(run, project / 'log')
    process.join(60)
    assert process.exitcode == 1, (project / 'log').read_text()[-2000:]
    wait_for_group(process.pid)
    assert 'DataLoader worker' in (project / 'log').read_text()
    assert seeds(project) == 0


def test_a_crashed_checker_ends_seed_making(project, monkeypatch, capsys):
    """A process that reads the data set beforehand."""
    monkeypatch.setattr('mmseg_wsss.checks.images.check_item', die)
    monkeypatch.setattr('mmseg_wsss.utils.parallel.available_cpus', lambda: 2)
    monkeypatch.setattr('mmseg_wsss.generation.sharing.available_cpus', lambda: 2)
    for number in range(20):
        Image.new('RGB', (8, 8)).save(project / 'images' / f'{number}.png')
    names = [path.stem for path in (project / 'images').glob('*.png')]
    (project / 'train.txt').write_text('\n'.join(names))
    (project / 'tags.json').write_text(
        '{' + ', '.join(f'"{name}": ["red"]' for name in names) + '}'
    )
    assert seeds(project) == 1
    assert 'error: A process in the process pool was terminated' in capsys.readouterr().err


def test_interruption_from_the_keyboard(project):
    """Ctrl-C as a terminal sends it, to every process: status 130, no traceback, nobody left."""
    read = SeedImageDataset.read

    def slow(self, path):
        time.sleep(0.2)
        return read(self, path)

    def run():
        SeedImageDataset.read = slow
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return seeds(project)

    process = start(run, project / 'log')
    deadline = time.monotonic() + 60
    while not list((project / 'work').rglob('aggregated/*.png')):
        assert process.is_alive() and time.monotonic() < deadline, (project / 'log').read_text()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    process.join(30)
    assert process.exitcode == 130, (project / 'log').read_text()[-2000:]
    wait_for_group(process.pid)
    text = (project / 'log').read_text()
    assert 'interrupted; the same command resumes' in text and 'Traceback' not in text
    assert len(list((project / 'work').rglob('aggregated/*.png'))) < 4
    finish(partial(seeds, project), project / 'log')


@pytest.mark.parametrize('name', ['num_workers', 'num_writers'])
def test_more_workers_than_images(tmp_path, name):
    images = build_images(tmp_path, 1)
    build_generator().run(images, tmp_path / 'expected')
    build_generator(**{name: 5}).run(images, tmp_path / 'found')
    assert files_of(tmp_path / 'found') == files_of(tmp_path / 'expected')
    assert isinstance(build_generator(), SeedGenerator)
    assert SeedStore(tmp_path / 'found').manifest_path.is_file()


def test_progress_tells_rate_and_time_left_in_a_log_file(monkeypatch, capsys):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(progress.time, 'monotonic', lambda: float(next(clock)))
    bar = Progress(3600, 'images')
    for _ in range(9):
        bar.step(10)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == 'images: 3,600'
    assert [line.strip() for line in lines[1:]] == [
        f'images: {done}/3,600, 1.00/s, {left} left'
        for done, left in ((30, '0:59:30'), (60, '0:59:00'), (90, '0:58:30'))
    ]
    monkeypatch.undo()
    done = Progress(2, 'masks', log=lines.append)
    done.step()
    done.step()
    assert lines[-1].startswith('masks: 2/2, ') and lines[-1].endswith('/s, 0:00:00 left')
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True, raising=False)
    bar = Progress(1, 'images')
    bar.step()
    assert '1/1' in capsys.readouterr().err
