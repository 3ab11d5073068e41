"""Corrected masks of a seed root: what they replace, and that nothing replaces them."""

import numpy as np
import pytest
from helpers.seed_roots import SEED_NAMES, write_seed_root

from mmseg_wsss.checks.seed_roots import verify_seed_root
from mmseg_wsss.store import Corrections, SeedManifest, SeedStore, encode_mask, read_mask

IDS = ['a', 'sub/b', 'c']
SHAPE = (24, 32)


@pytest.fixture
def root(tmp_path):
    write_seed_root(tmp_path / 'seeds', IDS, SHAPE)
    return tmp_path / 'seeds'


def drawn(label=1):
    mask = np.full(SHAPE, label, np.uint8)
    mask[:5], mask[5:7] = 0, 255
    return mask


def correct(root, *ids):
    Corrections(root).apply({image_id: encode_mask(drawn()) for image_id in ids})


def manifest_of(root):
    return SeedManifest.load(root / 'manifest.json')


def write_seeds(root, image_id, shape=SHAPE):
    mask = np.full(shape, 2, np.uint8)
    masks = dict.fromkeys(SEED_NAMES, mask)
    SeedStore(root).write(image_id, masks, mask, np.full(shape, 3, np.uint8), [[0, 0, 0]] * 3)


def test_a_corrected_mask_is_the_aggregate_and_clean(root):
    correct(root, 'sub/b')
    assert np.array_equal(read_mask(root / 'aggregated' / 'sub' / 'b.png'), drawn())
    agreement = read_mask(root / 'agreement' / 'sub' / 'b.png')
    assert np.array_equal(agreement, np.where(drawn() == 255, 0, 3))
    assert manifest_of(root).corrected == ['sub/b']
    assert verify_seed_root(root)[0] == []
    assert verify_seed_root(root)[1].startswith('3 images')
    assert '1 images corrected by hand' in verify_seed_root(root)[1]


def test_other_images_stay_and_again_changes_nothing(root):
    def files():
        return {path: path.read_bytes() for path in root.rglob('*.*')}

    before = files()
    correct(root, 'c', 'a')
    once = files()
    changed = {path.relative_to(root).as_posix() for path in once if once[path] != before.get(path)}
    assert changed == {
        'manifest.json',
        *(f'{folder}/{one}.png' for one in 'ac' for folder in ('corrected', 'aggregated')),
        *(f'agreement/{one}.png' for one in 'ac'),
    }
    correct(root, 'a', 'c')
    assert files() == once
    assert manifest_of(root).corrected == ['a', 'c']


def test_manifests_without_corrections_are_as_before(root):
    assert 'corrected' not in (root / 'manifest.json').read_text()
    assert manifest_of(root).corrected == []
    assert manifest_of(root).supervision is None
    correct(root, 'a')
    assert manifest_of(root).supervision == '1 of 3 images corrected by hand'
    assert not manifest_of(root).settings().differences(unmarked_settings(root))


def unmarked_settings(root):
    manifest = manifest_of(root)
    manifest.corrected = []
    return manifest.settings()


def test_writing_seeds_anew_keeps_the_correction(root):
    correct(root, 'a')
    write_seeds(root, 'a')
    assert np.array_equal(read_mask(root / 'aggregated' / 'a.png'), drawn())
    assert (read_mask(root / 'b' / 'a.png') == 2).all()  # the seeds are the new ones
    assert Corrections(root).is_applied('a')
    with pytest.raises(ValueError, match=r'corrected mask is 24 x 32 .* 25 x 32.*--discard a'):
        write_seeds(root, 'a', (25, 32))


def test_opening_a_root_again_keeps_the_marks(root):
    correct(root, 'a')
    manifest = manifest_of(root)
    manifest.corrected = []  # as a run makes its own
    assert SeedStore(root).open(manifest) == []
    assert manifest_of(root).corrected == ['a']
    manifest.images = [*IDS, 'new']
    SeedStore(root).open(manifest)
    assert manifest_of(root).corrected == ['a'] and manifest_of(root).images == [*IDS, 'new']


@pytest.mark.parametrize('overwrite', [False, True])
def test_a_root_with_corrections_is_not_overwritten(root, overwrite):
    correct(root, 'a')
    before = {path: path.read_bytes() for path in root.rglob('*.*')}
    manifest = manifest_of(root)
    manifest.parameters = dict(other=1)
    with pytest.raises(ValueError, match=r'parameters.other.*\n1 of its images are corrected'):
        SeedStore(root).open(manifest, overwrite)
    manifest = manifest_of(root)
    manifest.images, manifest.corrected = IDS[1:], []
    with pytest.raises(ValueError, match=r'1 images that are corrected .* dropped \(first a\)'):
        SeedStore(root).open(manifest, overwrite)
    assert {path: path.read_bytes() for path in root.rglob('*.*')} == before


def test_a_stopped_run_is_completed_by_the_same_call(root, monkeypatch):
    calls = []

    def stop(self, image_id):
        calls.append(image_id)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Corrections, '_apply', stop)
        with pytest.raises(KeyboardInterrupt):
            correct(root, 'a', 'c')
    assert calls == ['a']
    problems, _ = verify_seed_root(root)
    assert len(problems) == 2 and all('import it again' in one for one in problems)
    correct(root, 'a', 'c')
    assert verify_seed_root(root)[0] == []


def test_what_verification_finds(root):
    correct(root, 'a')
    (root / 'corrected' / 'c.png').write_bytes(encode_mask(drawn()))
    (root / 'corrected' / 'x.png').write_bytes(encode_mask(drawn()))
    (root / 'aggregated' / 'a.png').write_bytes(encode_mask(drawn(2)))
    found = '\n'.join(verify_seed_root(root)[0])
    assert 'a.png: is not the corrected mask' in found
    assert 'c.png: the manifest does not list the image as corrected' in found
    assert 'x.png: the manifest has no such image' in found
    (root / 'corrected' / 'a.png').write_bytes(b'')
    assert 'corrected/a.png: the file is empty' in '\n'.join(verify_seed_root(root)[0])


def test_marks_are_of_images_of_the_root(root):
    with pytest.raises(ValueError, match='corrected'):
        correct_manifest = manifest_of(root)
        SeedManifest(**{**vars(correct_manifest), 'corrected': ['z']})
