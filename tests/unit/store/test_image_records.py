"""What the masks of an image were made of: fingerprints, records, and how a root follows them."""

import hashlib
import json
import os

import numpy as np
import pytest

from mmseg_wsss.store import (
    Fingerprint,
    ImageRecord,
    ImageRecords,
    MaskFolder,
    SeedManifest,
    SeedStore,
)

CONTENT = b'photograph' * 200_000  # more than one block of reading
RECORD = ImageRecord(('cat', 'dog'), Fingerprint.of_content(CONTENT))


def manifest(images, **changes) -> SeedManifest:
    values = dict(
        classes=['background', 'cat'],
        palette=[[0, 0, 0], [9, 0, 0]],
        seeds=[dict(name='a', dropout=0.1, scale=1.0)],
    )
    return SeedManifest(**{**values, 'images': images, **changes})


def write(store: SeedStore, image_id: str, record: ImageRecord | None = RECORD) -> None:
    mask = np.ones((2, 3), np.uint8)
    store.write(image_id, dict(a=mask), mask, mask, [[0, 0, 0], [9, 0, 0]], record)


def files(root) -> set[str]:
    paths = (path for path in root.rglob('*') if path.is_file() and path.name != '.lock')
    return {path.relative_to(root).as_posix() for path in paths}


def test_fingerprint_of_a_file_and_of_its_content(tmp_path):
    path = tmp_path / 'a.jpg'
    path.write_bytes(CONTENT)
    found = Fingerprint.of_file(path)
    assert found == Fingerprint.of_content(CONTENT)
    assert (found.num_bytes, found.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert found.is_of(path)
    path.write_bytes(b'P' + CONTENT[1:])  # as many bytes
    assert not found.is_of(path) and found.is_of(path, whole=False)
    path.write_bytes(CONTENT[1:])
    assert not found.is_of(path) and not found.is_of(path, whole=False)
    with pytest.raises(FileNotFoundError):
        found.is_of(tmp_path / 'b.jpg')


@pytest.mark.parametrize('tags', [('cat', 'dog'), (), None, ('traffic light', 'Kätzchen')])
def test_a_record_on_disk(tmp_path, tags):
    record = ImageRecord(tags, RECORD.photograph)
    records = ImageRecords(tmp_path)
    records.write('sub/x', record)
    assert files(tmp_path) == {'records/sub/x.txt'}
    assert records.read('sub/x') == record
    assert list(records.image_ids()) == ['sub/x']
    values = json.loads((tmp_path / 'records/sub/x.txt').read_text(encoding='utf-8'))
    assert values['tags'] == (None if tags is None else list(tags))
    records.remove('sub/x')
    records.remove('sub/x')
    assert records.read('sub/x') is None


def test_an_id_of_the_longest_name_has_a_record(tmp_path):
    records = ImageRecords(tmp_path)
    records.write('x' * 251, RECORD)
    assert records.read('x' * 251) == RECORD


@pytest.mark.parametrize('image_id', ['../x', '/x', '', 'a/../../x'])
def test_no_record_leaves_the_folder(tmp_path, image_id):
    for call in (ImageRecords(tmp_path).read, ImageRecords(tmp_path).remove):
        with pytest.raises(ValueError, match='image id'):
            call(image_id)


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'{',
        b'[]',
        b'3',
        b'\xff\xfe',
        b'{"bytes": 1, "sha256": "a"}',
        b'{"bytes": true, "sha256": "a", "tags": []}',
        b'{"bytes": 1, "sha256": null, "tags": []}',
        b'{"bytes": 1, "sha256": "a", "tags": "cat"}',
        b'{"bytes": 1, "sha256": "a", "tags": [3]}',
    ],
)
def test_a_damaged_record_is_none(tmp_path, content):
    records = ImageRecords(tmp_path)
    records.write('x', RECORD)
    records.path('x').write_bytes(content)
    assert records.read('x') is None


def test_what_changed_is_said(tmp_path):
    path = tmp_path / 'x.jpg'
    path.write_bytes(CONTENT)
    records = ImageRecords(tmp_path)
    assert 'have no record' in records.change('x', path, ['cat', 'dog'])
    records.write('x', RECORD)
    assert records.change('x', path, ['dog', 'cat']) is None  # in any order
    for tags, said in ((['dog'], '"dog"'), ([], '""'), (None, '"any"')):
        change = records.change('x', path, tags)
        assert change == f'were made with the tags "cat, dog", the image has {said} now'
    path.write_bytes(CONTENT[::-1])
    assert records.change('x', path, ['cat', 'dog']).startswith('were made of another photograph')
    path.unlink()
    assert 'cannot be read any more' in records.change('x', path, ['cat', 'dog'])


def test_masks_without_a_record_take_the_old_one_away(tmp_path):
    store = SeedStore(tmp_path)
    write(store, 'x')
    assert store.records.read('x') == RECORD
    write(store, 'x', None)
    assert store.records.read('x') is None


def test_no_seed_is_called_as_the_folder_of_the_records(tmp_path):
    with pytest.raises(ValueError, match="seed 'records'"):
        manifest(['x'], seeds=[dict(name='records', dropout=None, scale=None)])


@pytest.mark.parametrize('overwrite', [False, True])
def test_the_list_of_images_follows_the_manifest(tmp_path, overwrite):
    store = SeedStore(tmp_path)
    assert store.open(manifest(['x', 'sub/y'])) == []
    for image_id in ('x', 'sub/y'):
        write(store, image_id)
    new = manifest(['z', 'x'])
    assert store.open(new, overwrite) == ['sub/y']
    folders = ('a', 'aggregated', 'agreement')
    expected = {'manifest.json', 'records/x.txt', *(f'{name}/x.png' for name in folders)}
    assert files(tmp_path) == expected
    assert SeedManifest.load(store.manifest_path) == new


def test_more_than_half_of_the_images_go_only_if_told_to(tmp_path):
    store = SeedStore(tmp_path)
    store.open(manifest(['x', 'y', 'z']))
    for image_id in 'xyz':
        write(store, image_id)
    before = files(tmp_path)
    with pytest.raises(ValueError, match=r'2 of its 3 images would be dropped \(first y, z\)'):
        store.open(manifest(['x', 'new 1', 'new 2']))
    assert files(tmp_path) == before
    assert SeedManifest.load(store.manifest_path) == manifest(['x', 'y', 'z'])
    assert store.open(manifest(['x', 'new 1', 'new 2']), overwrite=True) == ['y', 'z']
    assert 'a/x.png' in files(tmp_path) and 'a/y.png' not in files(tmp_path)


def test_where_the_data_lie_is_no_setting_and_all_else_is(tmp_path):
    def with_config(**config) -> SeedManifest:
        digest = hashlib.sha256(json.dumps(config).encode()).hexdigest()
        return manifest(['x'], parameters=dict(config=config), config_sha256=digest)

    store = SeedStore(tmp_path)
    store.open(with_config(model=dict(depth=50), dataset=dict(tags_file='tags.csv')))
    write(store, 'x')
    before = files(tmp_path)
    moved = with_config(model=dict(depth=50), dataset=dict(tags_file='corrected.csv'))
    store.open(moved)
    assert files(tmp_path) == before
    assert SeedManifest.load(store.manifest_path) == moved
    with pytest.raises(ValueError, match='parameters.config.model.depth: 18 here, 50 there'):
        store.open(with_config(model=dict(depth=18), dataset=dict(tags_file='tags.csv')))
    with pytest.raises(ValueError, match='parameters.config: only there'):
        store.open(manifest(['x']))


def test_overwriting_other_settings_takes_the_records_along(tmp_path):
    store = SeedStore(tmp_path / 'seeds')
    store.open(manifest(['x']))
    write(store, 'x')
    store.open(manifest(['x'], tie='foreground'), overwrite=True)
    assert files(tmp_path / 'seeds') == {'manifest.json'}
    folder = MaskFolder(tmp_path / 'masks', dict(crf=None))
    folder.open()
    folder.write('x', np.zeros((2, 3), np.uint8), [[0, 0, 0]], RECORD)
    MaskFolder(tmp_path / 'masks', dict(crf='irn')).open(overwrite=True)
    assert files(tmp_path / 'masks') == {'pseudo_masks.json'}


def test_a_disk_that_is_full_leaves_no_record_of_other_masks(tmp_path, monkeypatch):
    store = SeedStore(tmp_path)
    write(store, 'x')

    def full(*_):
        raise OSError('no space left')

    monkeypatch.setattr('mmseg_wsss.store.masks.write_atomic', full)
    with pytest.raises(OSError, match='no space'):
        write(store, 'x')
    assert store.records.read('x') is None
    assert os.path.exists(store.mask_path('a', 'x'))
