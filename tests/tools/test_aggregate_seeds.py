"""Aggregation of anyone's masks by the command, and what it refuses."""

import multiprocessing
import os
import shutil
import signal
import sys
import time

import aggregate_seeds as tool
import numpy as np
import pytest
import verify_seeds
from PIL import Image

from mmseg_wsss.seeds import aggregate_seeds, find_losing_votes
from mmseg_wsss.store import SeedManifest, SeedStore, encode_mask, read_mask, write_mask

NUM_CLASSES = 4
CLASSES = 'background,cat,dog,horse'
NAMES = ('one', 'two', 'three')
IMAGE_IDS = [f'{number:03d}' for number in range(40)] + ['sub/ünïcode 1']


@pytest.fixture
def seeds(tmp_path):
    """Three directories of masks, in the ways that people write them, and their content."""
    rng = np.random.default_rng(0)
    content = {}
    for name in NAMES:
        for image_id in IMAGE_IDS:
            number = IMAGE_IDS.index(image_id)
            mask = rng.integers(0, NUM_CLASSES, (6 + number % 3, 9), np.uint8)
            mask[rng.random(mask.shape) < 0.2] = 255
            path = tmp_path / name / f'{image_id}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            if name == 'one':
                write_mask(path, mask, [[0, 0, 0], [128, 0, 0]])
            else:
                Image.fromarray(mask).save(path)
            content[name, image_id] = mask
    return content


def run(tmp_path, *options, out='out', classes=('--classes', CLASSES), names=NAMES):
    directories = [str(tmp_path / name) for name in names]
    return tool.main(
        ['--seeds', *directories, '--out', str(tmp_path / out), *classes, '--jobs', '1', *options]
    )


def files(root):
    paths = (path for path in root.rglob('*') if path.is_file() and path.name != '.lock')
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize('tie', ['lowest', 'foreground', 'seed_order'])
def test_result_is_the_vote(tmp_path, seeds, tie, capsys):
    order = ('--seed-order', 'three', 'one', 'two') if tie == 'seed_order' else ()
    assert run(tmp_path, '--tie', tie, *order) == 0
    store = SeedStore(tmp_path / 'out')
    for image_id in IMAGE_IDS:
        stack = np.stack([seeds[name, image_id] for name in NAMES])
        rule = dict(tie=tie, seed_order=[2, 0, 1] if order else None)
        label, agreement = aggregate_seeds(stack, NUM_CLASSES, **rule)
        losers = find_losing_votes(stack, NUM_CLASSES, **rule)
        np.testing.assert_array_equal(read_mask(store.mask_path('aggregated', image_id)), label)
        np.testing.assert_array_equal(store.read_agreement(image_id, 3), agreement)
        found = store.read_losing_votes(image_id, NUM_CLASSES, label.shape)
        np.testing.assert_array_equal(found, losers)
    manifest = SeedManifest.load(store.manifest_path)
    assert list(manifest.classes) == CLASSES.split(',')
    assert manifest.seed_names == ['one', 'two', 'three']
    assert manifest.images == sorted(IMAGE_IDS) and manifest.tie == tie
    assert len(files(tmp_path / 'out')) == 3 * len(IMAGE_IDS) + 1
    assert '41 images, 41 aggregated, 0 kept' in capsys.readouterr().out
    assert verify_seeds.main([str(tmp_path / 'out'), '--jobs', '1']) == 0


def test_summary_counts_noisy_pixels(tmp_path, seeds, capsys):
    assert run(tmp_path) == 0
    agreement = np.concatenate(
        [SeedStore(tmp_path / 'out').read_agreement(i, 3).reshape(-1) for i in IMAGE_IDS]
    )
    text = capsys.readouterr().out
    for threshold in (2, 3):
        noisy = ((agreement > 0) & (agreement < threshold)).mean()
        assert f'{threshold:>10} {100 * noisy:>11.2f} %' in text
    assert f'no seed votes at {100 * (agreement == 0).mean():.2f} %' in text


def test_result_does_not_depend_on_the_number_of_jobs(tmp_path, seeds):
    assert run(tmp_path, out='a') == 0
    assert run(tmp_path, '--jobs', '3', out='b') == 0
    assert files(tmp_path / 'a') == files(tmp_path / 'b')


def test_valid_outputs_are_kept_and_others_made_anew(tmp_path, seeds, capsys):
    assert run(tmp_path) == 0
    before = files(tmp_path / 'out')
    store = SeedStore(tmp_path / 'out')
    store.mask_path('aggregated', '000').write_bytes(b'')
    store.mask_path('agreement', '001').unlink()
    path = store.mask_path('aggregated', '002')
    path.write_bytes(path.read_bytes()[:-20])
    kept = store.mask_path('aggregated', '003').stat().st_mtime_ns
    capsys.readouterr()
    assert run(tmp_path) == 0
    assert '3 aggregated, 38 kept' in capsys.readouterr().out
    assert files(tmp_path / 'out') == before
    assert store.mask_path('aggregated', '003').stat().st_mtime_ns == kept


def test_losing_votes_are_added_to_a_root_of_an_earlier_version(tmp_path, seeds, capsys):
    assert run(tmp_path) == 0
    before = files(tmp_path / 'out')
    shutil.rmtree(tmp_path / 'out' / 'losing_votes')
    assert run(tmp_path) == 0
    assert files(tmp_path / 'out') == before
    capsys.readouterr()
    assert run(tmp_path) == 0
    assert '0 aggregated, 41 kept' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('roots', 'expected'),
    [(['I', 'I+S', None], 'I+S'), (['I', 'I', 'I'], 'I'), (['I', 'I', None], None)],
)
def test_what_the_seeds_were_made_from(tmp_path, seeds, capsys, roots, expected):
    """Read of the roots that the folders are of; one that is unknown may be anything."""
    for name, supervision in zip(NAMES, roots, strict=True):
        (tmp_path / f'root of {name}').mkdir()
        (tmp_path / name).rename(tmp_path / f'root of {name}' / name)
        if supervision is not None:
            SeedManifest(
                classes=CLASSES.split(','),
                palette=[[0, 0, 0]] * NUM_CLASSES,
                seeds=[dict(name=name, dropout=None, scale=None)],
                images=IMAGE_IDS,
                parameters=dict(supervision=supervision),
            ).save(tmp_path / f'root of {name}' / 'manifest.json')
    names = [f'root of {name}/{name}' for name in NAMES]
    assert run(tmp_path, names=names) == 0
    path = tmp_path / 'out' / 'manifest.json'
    made = path.read_bytes()
    manifest = SeedManifest.load(path)
    assert manifest.parameters.get('supervision') == expected
    # A root of an earlier version did not say; what it voted stays.
    manifest.parameters.pop('supervision', None)
    manifest.save(path)
    capsys.readouterr()
    assert run(tmp_path, names=names) == 0
    assert '0 aggregated, 41 kept' in capsys.readouterr().out
    assert path.read_bytes() == made


def test_a_seed_changed_meanwhile_is_aggregated_anew(tmp_path, seeds, capsys):
    assert run(tmp_path) == 0
    time.sleep(0.02)
    for name in ('one', 'two'):
        write_mask(tmp_path / name / '005.png', seeds[name, '005'] * 0)
    capsys.readouterr()
    assert run(tmp_path) == 0
    assert '1 aggregated, 40 kept' in capsys.readouterr().out
    assert (read_mask(tmp_path / 'out' / 'aggregated' / '005.png') == 0).all()


def test_a_seed_replaced_by_an_older_one_is_aggregated_anew(tmp_path, seeds, capsys):
    write_mask(tmp_path / 'older.png', seeds['one', '005'] * 0)
    assert run(tmp_path) == 0
    os.utime(tmp_path / 'older.png', ns=(0, 0))
    for name in ('one', 'two'):
        shutil.copy2(tmp_path / 'older.png', tmp_path / name / '005.png')
    capsys.readouterr()
    assert run(tmp_path) == 0
    assert '1 aggregated, 40 kept' in capsys.readouterr().out
    assert (read_mask(tmp_path / 'out' / 'aggregated' / '005.png') == 0).all()


def test_added_and_removed_images(tmp_path, seeds, capsys):
    assert run(tmp_path) == 0
    expected = files(tmp_path / 'out')
    kept = (tmp_path / 'out' / 'aggregated' / '003.png').stat().st_mtime_ns
    for folder in {name for name, _ in seeds}:
        (tmp_path / folder / '005.png').rename(tmp_path / folder / 'new.png')
    capsys.readouterr()
    assert run(tmp_path) == 0
    assert '1 aggregated, 40 kept, 1 dropped' in capsys.readouterr().out
    assert (tmp_path / 'out' / 'aggregated' / '003.png').stat().st_mtime_ns == kept
    found = files(tmp_path / 'out')
    folders = ('aggregated', 'agreement', 'losing_votes')
    assert set(expected) - set(found) == {f'{folder}/005.png' for folder in folders}
    for folder in folders:
        assert found[f'{folder}/new.png'] == expected[f'{folder}/005.png']
    (tmp_path / 'split.txt').write_text('000\n')
    assert run(tmp_path, '--split', str(tmp_path / 'split.txt')) == 1
    assert 'masks of 40 of its 41 images would be dropped' in capsys.readouterr().err
    assert files(tmp_path / 'out') == found


def test_split_and_other_ways_to_name_things(tmp_path, seeds):
    (tmp_path / 'split.txt').write_text('007\nsub/ünïcode 1\n', encoding='utf-8')
    (tmp_path / 'classes.txt').write_text('background\ncat\ntraffic light\nhorse\n\n')
    assert run(
        tmp_path, '--split', str(tmp_path / 'split.txt'), '--names', 'a', 'b', 'c',
        classes=('--classes', str(tmp_path / 'classes.txt')),
    ) == 0  # fmt: skip
    manifest = SeedManifest.load(tmp_path / 'out' / 'manifest.json')
    assert manifest.images == ['007', 'sub/ünïcode 1'] and manifest.seed_names == ['a', 'b', 'c']
    assert manifest.classes[2] == 'traffic light'
    assert run(tmp_path, classes=('--num-classes', '4'), out='b') == 0
    assert run(tmp_path, classes=('--classes', 'voc12'), out='c', names=('one',)) == 0
    assert len(SeedManifest.load(tmp_path / 'c' / 'manifest.json').classes) == 21


def fails(capsys, *expected):
    text = capsys.readouterr().err
    for part in expected:
        assert part in text
    assert 'Traceback' not in text
    return True


def test_missing_masks_are_found_before_anything_is_written(tmp_path, seeds, capsys):
    (tmp_path / 'two' / '003.png').unlink()
    (tmp_path / 'three' / 'extra.png').write_bytes(b'')
    assert run(tmp_path) == 1
    assert fails(capsys, 'two: 2 missing, first 003, extra', 'one: 1 missing', 'with --split')
    assert not (tmp_path / 'out').exists()


def test_hidden_files_are_no_seeds(tmp_path, seeds):
    (tmp_path / 'two' / '._003.png').write_bytes(b'no mask')
    (tmp_path / 'one' / '.ipynb_checkpoints').mkdir()
    (tmp_path / 'one' / '.ipynb_checkpoints' / '003.png').write_bytes(b'no mask')
    assert run(tmp_path) == 0


@pytest.mark.parametrize(
    'damage, expected',
    [
        (lambda path: path.write_bytes(b''), '003.png: the file is empty'),
        (lambda path: path.write_bytes(path.read_bytes()[:60]), '003.png: the file is truncated'),
        (lambda path: Image.new('RGB', (9, 6)).save(path), '003.png: 8-bit RGB PNG'),
        (lambda path: Image.new('I;16', (9, 6)).save(path), '003.png: 16-bit grey PNG'),
        (lambda path: Image.new('L', (9, 7)).save(path), '003.png: 7 x 9'),
        (lambda path: Image.new('L', (9, 6), 4).save(path), '003.png: label 4, expected 0 to 3'),
    ],
)
def test_wrong_seeds_are_named_and_the_rest_is_done(tmp_path, seeds, capsys, damage, expected):
    path = tmp_path / 'two' / '003.png'
    original = path.read_bytes()
    damage(path)
    assert run(tmp_path) == 1
    assert fails(capsys, f'two/{expected}', '1 images could not be aggregated')
    assert not (tmp_path / 'out' / 'aggregated' / '003.png').exists()
    assert len(list((tmp_path / 'out').rglob('*.png'))) == 3 * (len(IMAGE_IDS) - 1)
    path.write_bytes(original)
    assert run(tmp_path) == 0
    assert '1 aggregated, 40 kept' in capsys.readouterr().out


@pytest.mark.parametrize('jobs', ['1', '2'])
def test_it_stops_if_everything_is_wrong(tmp_path, seeds, capsys, jobs):
    assert run(tmp_path, '--jobs', jobs, classes=('--num-classes', '2')) == 1
    assert fails(capsys, '21 images could not be aggregated. Stopped there.', 'label 3, expected')


@pytest.mark.parametrize(
    'options, changes, expected',
    [
        ((), dict(names=('one', 'none')), 'none: there is no such directory'),
        ((), dict(names=('one', 'one')), 'tell them apart with --names'),
        (('--names', 'a'), {}, '--names gives 1 names for 3 --seeds'),
        (('--names', 'a', 'b', '../c'), {}, "seed '../c'"),
        ((), dict(out='one/out'), 'inside one another'),
        ((), dict(out='.'), 'inside one another'),
        ((), dict(classes=('--num-classes', '256')), '--num-classes 256'),
        ((), dict(classes=('--classes', 'a,,b')), 'name 2 is empty'),
        ((), dict(classes=('--classes', 'a,a')), 'different class names'),
        ((), dict(classes=('--classes', 'none.txt')), 'none.txt: there is no such class list'),
        (('--split', 'none.txt'), {}, 'none.txt: there is no such split list'),
        (('--jobs', '0'), {}, '--jobs 0'),
        (('--seed-order', 'one'), {}, 'seed_order'),
        (('--tie', 'seed_order', '--seed-order', 'one', 'two', 'four'), {}, 'seed_order'),
    ],
)
def test_wrong_options(tmp_path, seeds, capsys, options, changes, expected):
    assert run(tmp_path, *options, **changes) == 1
    assert fails(capsys, expected)
    assert not list(tmp_path.rglob('aggregated'))


def test_empty_directories(tmp_path, capsys):
    (tmp_path / 'one').mkdir()
    assert run(tmp_path, names=('one',)) == 1
    assert fails(capsys, 'there is no .png file')


def test_another_run_s_root_is_refused_until_overwrite(tmp_path, seeds, capsys):
    assert run(tmp_path) == 0
    before = files(tmp_path / 'out')
    assert run(tmp_path, '--tie', 'foreground') == 1
    assert fails(capsys, "tie: 'foreground' here, 'lowest' there", '--overwrite')
    assert files(tmp_path / 'out') == before
    assert run(tmp_path, '--tie', 'foreground', '--overwrite') == 0
    assert files(tmp_path / 'out') != before


def test_a_full_disk_ends_it_and_it_resumes(tmp_path, seeds, capsys, monkeypatch):
    calls = []

    def full_disk(path, content):
        calls.append(path)
        if len(calls) > 13:
            raise OSError(28, 'No space left on device')
        return original(path, content)

    from mmseg_wsss.store import masks as mask_io

    original = mask_io.write_atomic
    monkeypatch.setattr(mask_io, 'write_atomic', full_disk)
    assert run(tmp_path) == 1
    assert fails(capsys, 'No space left')
    monkeypatch.undo()
    assert run(tmp_path) == 0
    assert '37 aggregated, 4 kept' in capsys.readouterr().out


def run_in_new_session(tmp_path):
    """Run the command as a terminal would: in a process group of its own."""
    os.setsid()
    # Tests that are started in the background inherit an ignored Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(tmp_path / 'stderr', 'w') as sys.stderr:
        status = run(tmp_path, '--jobs', '2')
    os._exit(status)


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGKILL])
def test_an_ended_run_resumes_to_the_same_result(tmp_path, how):
    rng = np.random.default_rng(0)
    for name in NAMES:
        (tmp_path / name).mkdir()
        for number in range(120):
            mask = rng.integers(0, 4, (120, 120), np.uint8)
            (tmp_path / name / f'{number}.png').write_bytes(encode_mask(mask))
    process = multiprocessing.get_context('fork').Process(
        target=run_in_new_session, args=(tmp_path,)
    )
    process.start()
    deadline = time.monotonic() + 60
    while not list((tmp_path / 'out').glob('aggregated/*.png')):
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.01)
    # SIGINT as a terminal sends it, to the whole group; SIGKILL to the parent alone.
    (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)
    process.join()
    assert process.exitcode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert 'Traceback' not in (tmp_path / 'stderr').read_text()
    while group_is_alive(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(list((tmp_path / 'out').glob('aggregated/*.png'))) < 120
    assert run(tmp_path) == 0
    assert run(tmp_path, out='b') == 0
    assert files(tmp_path / 'out') == files(tmp_path / 'b')


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
