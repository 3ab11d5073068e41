"""The seed root: layout, resuming, refusing, and many processes at once."""

import multiprocessing
import os
import random
import signal
import time

import numpy as np
import pytest

from mmseg_wsss.store import SeedManifest, SeedStore, read_mask, write_mask

PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
SEEDS = [dict(name='a', dropout=0.1, scale=1.0), dict(name='b', dropout=0.2, scale=1.0)]


def manifest(**changes) -> SeedManifest:
    values = dict(classes=['background', 'cat', 'dog'], palette=PALETTE, seeds=SEEDS)
    return SeedManifest(**{**values, 'images': ['x', 'sub/y'], **changes})


def masks(height=4, width=5):
    rng = np.random.default_rng(0)
    seeds = {name: rng.integers(0, 3, (height, width), np.uint8) for name in 'ab'}
    return seeds, seeds['a'], rng.integers(0, 3, (height, width), np.uint8)


def files(root) -> dict[str, bytes]:
    paths = (path for path in root.rglob('*') if path.is_file() and path.name != '.lock')
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def complete(store, image_id, **changes):
    arguments = dict(seed_names=['a', 'b'], num_seeds=2, num_classes=3)
    return store.is_complete(image_id, **{**arguments, **changes})


def test_layout_and_reading(tmp_path):
    store = SeedStore(tmp_path / 'new' / 'root')
    store.open(manifest())
    seeds, label, agreement = masks()
    written = store.write('sub/y', seeds, label, agreement, PALETTE)
    found = files(store.root)
    assert set(found) == {
        'manifest.json', 'a/sub/y.png', 'b/sub/y.png', 'aggregated/sub/y.png',
        'agreement/sub/y.png',
    }  # fmt: skip
    assert written == sum(len(found[name]) for name in found if name != 'manifest.json')
    np.testing.assert_array_equal(store.read_seeds('sub/y', ['b', 'a'])[0], seeds['b'])
    assert store.read_seeds('sub/y', ['a', 'b'], (4, 5), 3).shape == (2, 4, 5)
    np.testing.assert_array_equal(store.read_agreement('sub/y', 2), agreement)
    np.testing.assert_array_equal(read_mask(store.mask_path('aggregated', 'sub/y')), label)


def test_complete_means_whole_valid_and_equal_in_size(tmp_path):
    store = SeedStore(tmp_path)
    assert not complete(store, 'x')
    seeds, label, agreement = masks()
    store.write('x', seeds, label, agreement, PALETTE)
    assert complete(store, 'x') and complete(store, 'x', shape=(4, 5))
    assert not complete(store, 'x', shape=(5, 4))
    assert not complete(store, 'x', num_classes=2)
    assert not complete(store, 'x', num_seeds=1)
    for name in ('a', 'aggregated', 'agreement'):
        path = store.mask_path(name, 'x')
        content = path.read_bytes()
        path.write_bytes(content[:-5])
        assert not complete(store, 'x')
        write_mask(path, np.zeros((4, 4), np.uint8))
        assert not complete(store, 'x')
        path.write_bytes(content)
        assert complete(store, 'x')


def test_the_aggregate_alone(tmp_path):
    store = SeedStore(tmp_path)
    _, label, agreement = masks()
    store.write('x', {}, label, agreement, PALETTE)
    assert set(files(tmp_path)) == {'aggregated/x.png', 'agreement/x.png'}
    assert complete(store, 'x', seed_names=[]) and not complete(store, 'x')


def test_seeds_of_different_sizes_are_refused(tmp_path):
    store = SeedStore(tmp_path)
    seeds, label, agreement = masks()
    with pytest.raises(ValueError, match='x: a has shape'):
        store.write('x', {'a': seeds['a'][:2]}, label, agreement, PALETTE)
    assert not files(tmp_path)
    write_mask(store.mask_path('a', 'x'), seeds['a'])
    write_mask(store.mask_path('b', 'x'), seeds['b'][:2])
    with pytest.raises(ValueError, match='b/x.png: 2 x 5 .* expected 4 x 5'):
        store.read_seeds('x', ['a', 'b'])
    with pytest.raises(FileNotFoundError, match='c/x.png'):
        store.read_seeds('x', ['a', 'c'])


@pytest.mark.parametrize(
    'name, image_id', [('..', 'x'), ('a/b', 'x'), ('', 'x'), ('a', '../x'), ('a', '/x'), ('a', '')]
)
def test_no_path_leaves_the_root(tmp_path, name, image_id):
    with pytest.raises(ValueError):
        SeedStore(tmp_path).mask_path(name, image_id)


def test_the_same_manifest_resumes_and_another_is_refused(tmp_path):
    store = SeedStore(tmp_path)
    store.open(manifest())
    store.write('x', *masks(), PALETTE)
    before = files(tmp_path)
    store.open(manifest())
    store.open(manifest(), overwrite=True)
    assert files(tmp_path) == before
    with pytest.raises(ValueError, match=r'(?s)parameters.t: only here.*new root, or --overwrite'):
        store.open(manifest(parameters=dict(t=1)))
    assert files(tmp_path) == before


def test_overwrite_deletes_the_masks_of_the_other_manifest_only(tmp_path):
    store = SeedStore(tmp_path)
    store.open(manifest())
    store.write('x', *masks(), PALETTE)
    (tmp_path / 'notes').mkdir()
    (tmp_path / 'notes' / 'mine.txt').write_text('kept')
    new = manifest(seeds=[dict(name='c', dropout=0.1, scale=1.0)])
    store.open(new, overwrite=True)
    assert files(tmp_path) == {'manifest.json': new.to_bytes(), 'notes/mine.txt': b'kept'}


def test_masks_without_manifest_and_damaged_manifests_are_refused(tmp_path):
    store = SeedStore(tmp_path)
    store.write('x', *masks(), PALETTE)
    with pytest.raises(ValueError, match='masks but no manifest'):
        store.open(manifest())
    (tmp_path / 'manifest.json').write_text('{')
    with pytest.raises(ValueError, match='manifest is damaged'):
        store.open(manifest())
    store.open(manifest(), overwrite=True)
    assert set(files(tmp_path)) == {'manifest.json'}


def run_in_processes(target, arguments):
    context = multiprocessing.get_context('fork')
    processes = [context.Process(target=target, args=args) for args in arguments]
    for process in processes:
        process.start()
    return processes


def open_and_write(root, image_id):
    store = SeedStore(root)
    store.open(manifest(), overwrite=True)
    store.write(image_id, *masks(), PALETTE)


def test_processes_that_overwrite_at_once_keep_each_other_s_masks(tmp_path):
    SeedStore(tmp_path).open(manifest(parameters=dict(old=True)))
    processes = run_in_processes(open_and_write, [(tmp_path, str(i)) for i in range(6)])
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert SeedManifest.load(tmp_path / 'manifest.json') == manifest()
    assert all(complete(SeedStore(tmp_path), str(i)) for i in range(6))


def write_for_ever(root):
    store = SeedStore(root)
    store.open(manifest())
    image = np.random.default_rng(0).integers(0, 3, (300, 300), np.uint8)
    for number in range(10**9):
        store.write(str(number), {'a': image, 'b': image}, image, image, PALETTE)


def test_killed_at_any_moment(tmp_path):
    random.seed(0)
    for _ in range(5):
        (process,) = run_in_processes(write_for_ever, [(tmp_path,)])
        time.sleep(random.uniform(0.1, 0.3))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        store = SeedStore(tmp_path)
        store.open(manifest())
        found = files(tmp_path)
        assert not [name for name in found if '.tmp-' in name]
        for path in tmp_path.rglob('*.png'):
            read_mask(path, (300, 300), 3)
        # The aggregate is written last: where it is, the image is done.
        for path in (tmp_path / 'aggregated').glob('*.png'):
            assert complete(store, path.stem)
