"""Folders of seeds that someone else made."""

from __future__ import annotations

import pytest

from mmseg_wsss.apis.aggregate_folders import check_seed_folders, find_seed_images


@pytest.fixture
def folders(tmp_path):
    for name, stems in dict(one=('b', 'sub/a'), two=('sub/a', 'b')).items():
        for stem in stems:
            path = tmp_path / name / f'{stem}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return [tmp_path / 'one', tmp_path / 'two']


def test_images_of_all_folders(tmp_path, folders):
    assert find_seed_images(folders) == ['b', 'sub/a']
    split = tmp_path / 'split.txt'
    split.write_text('sub/a\n')
    assert find_seed_images(folders, split) == ['sub/a']


def test_missing_masks_are_listed_by_folder(tmp_path, folders):
    (tmp_path / 'two' / 'c.png').touch()
    with pytest.raises(ValueError, match=r'the 3 images .*\n.*one: 1 missing, first c\n'):
        find_seed_images(folders)


def test_folders_and_root_are_kept_apart(tmp_path, folders):
    check_seed_folders(folders, ['x', 'y'], tmp_path / 'out')
    for root in (tmp_path, tmp_path / 'one' / 'out'):
        with pytest.raises(ValueError, match='inside one another'):
            check_seed_folders(folders, ['x', 'y'], root)
    with pytest.raises(ValueError, match='tell them apart'):
        check_seed_folders(folders, ['x', 'x'], tmp_path / 'out')
    with pytest.raises(FileNotFoundError, match='three: there is no such directory'):
        check_seed_folders([folders[0], tmp_path / 'three'], ['x', 'y'], tmp_path / 'out')
