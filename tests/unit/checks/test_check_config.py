"""The check of a config's data sets: ground truth, the tags beside it, and tags to learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmseg_wsss.checks.configs import check_config, label_table
from mmseg_wsss.store import encode_mask, write_mask

IDS = ('camA/v', 'camB/v', 'w', 'x')


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four images with masks that show label 1, tagged with the one class."""
    init_default_scope('mmseg')
    for name in IDS:
        path = tmp_path / 'images' / f'{name}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (20, 16)).save(path)
    write_masks(tmp_path, 1)
    (tmp_path / 'val.txt').write_text('\n'.join(IDS))
    write_tags(tmp_path, 'animal')
    return tmp_path


def write_masks(root: Path, *labels: int) -> None:
    mask = np.zeros((16, 20), np.uint8)
    mask[2, 2 : 2 + len(labels)] = labels
    for name in IDS:
        write_mask(root / 'masks' / f'{name}.png', mask)


def write_tags(root: Path, *tags: str) -> None:
    rows = ''.join(f'{name},{" ".join(tags)}\n' for name in IDS)
    (root / 'tags.csv').write_text('image_id,tags\n' + rows)


def check(root: Path, kind: str = 'BaseSegDataset', classes=('background', 'animal'), **options):
    dataset = dict(
        type=kind,
        data_root=str(root),
        ann_file='val.txt',
        metainfo=dict(classes=classes),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        **options,
    )
    return check_config(Config(dict(val_dataloader=dict(dataset=dataset))), workers=1)[0]


def check_tags(root: Path, section: str):
    dataset = dict(
        type='TagsDataset',
        data_root=str(root),
        ann_file='val.txt',
        tags_file='tags.csv',
        metainfo=dict(classes=('background', 'animal')),
        data_prefix=dict(img_path='images'),
    )
    return check_config(Config({section: dict(dataset=dataset)}), workers=1)[0]


def test_masks_and_tags_that_agree(data):
    report = check(data)
    assert not report.problems and not report.remarks
    assert ('masks by class', 'background 4, animal 4') in report.rows


def test_masks_of_0_and_255_contradict_the_tags_beside_them(data):
    write_masks(data, 255)
    (problem,) = check(data).problems
    assert problem.startswith('4 images are tagged animal') and '(label 1; camA/v, ' in problem
    (data / 'tags.csv').unlink()
    (problem,) = check(data).problems
    assert 'show background (label 0) and nothing else' in problem


def test_tags_of_an_image_of_another_folder_are_not_taken(data):
    """camA/v and camB/v have no entry; v, another image, is tagged otherwise."""
    (data / 'tags.csv').write_text('image_id,tags\nv,\nw,animal\nx,animal\n')
    assert not check(data).remarks


def test_a_tags_file_of_other_classes_is_remarked(data):
    write_tags(data, 'zebra')
    report = check(data)
    assert not report.problems
    (remark,) = report.remarks
    assert remark.startswith('the tags were not compared with the masks: ')
    assert "tags.csv:2: tag 'zebra' is not a class" in remark


def test_a_choice_of_the_classes_of_a_larger_data_set(data):
    """PASCAL VOC's label 8, cat, is label 1 of the choice; 20, tvmonitor, is none of it."""
    write_masks(data, 8, 20, 255)
    write_tags(data, 'cat', 'tvmonitor')
    report = check(data, 'PascalVOCDataset', ('background', 'cat'))
    assert not report.problems and not report.remarks
    write_masks(data, 12)
    (problem,) = check(data, 'PascalVOCDataset', ('background', 'cat')).problems
    assert problem.startswith('4 images are tagged cat')


def test_a_data_set_that_is_not_there_is_named(tmp_path):
    """mmseg asserts that the folders of its own data sets exist, and says nothing more."""
    init_default_scope('mmseg')
    (problem,) = check(tmp_path / 'VOC', 'PascalVOCDataset', ('background', 'cat')).problems
    assert problem.startswith('PascalVOCDataset refuses its data, which have to be there first: ')
    assert f"data_root '{tmp_path}/VOC', data_prefix " in problem and "'val.txt'" in problem
    (problem,) = check(tmp_path / 'mine').problems
    assert 'mine/val.txt' in problem


def test_reduced_zero_labels_have_no_background_to_compare(data):
    report = check(data, classes=('sky', 'animal'), reduce_zero_label=True)
    assert not report.problems and not any(name == 'masks by class' for name, _ in report.rows)


def test_label_table():
    table = label_table({0: 0, 1: -1, 2: 1})
    assert table[:4] == (0, 255, 1, 3) and table[255] == 255 and len(table) == 256
    assert label_table(None) == tuple(range(256))


@pytest.mark.parametrize(
    'section, text',
    [
        ('train_dataloader', 'every training image is tagged animal: this teaches a classifier'),
        ('val_dataloader', 'every validation image is tagged animal: its average precision'),
    ],
)
def test_a_class_that_every_image_has(data, section, text):
    report = check_tags(data, section)
    assert not report.problems
    assert [remark[: len(text)] for remark in report.remarks] == [text]
    (data / 'tags.csv').write_text('image_id,tags\ncamA/v,animal\ncamB/v,animal\nw,\nx,animal\n')
    assert not any('every' in remark for remark in check_tags(data, section).remarks)


def check_seeds(root: Path, *pipeline: dict):
    dataset = dict(
        type='SeedDataset',
        data_root=str(root),
        seed_root=str(root / 'seeds'),
        ann_file='train.txt',
        data_prefix=dict(img_path='images'),
        pipeline=[dict(type='LoadImageFromFile'), *pipeline],
    )
    return check_config(Config(dict(train_dataloader=dict(dataset=dataset))), workers=1)[0]


def test_losing_votes_are_checked_where_the_pipeline_reads_them(tmp_path):
    init_default_scope('mmseg')
    write_images(tmp_path / 'images', ['one', 'two'])
    write_split(tmp_path / 'train.txt', ['one', 'two'])
    write_seed_root(tmp_path / 'seeds', ['one', 'two'], losing_votes=True)
    plain = dict(type='LoadSeedAnnotations')
    asking = dict(type='LoadSeedAnnotations', losing_votes=True)
    report = check_seeds(tmp_path, asking)
    assert not report.problems and ('losing votes', '2') in report.rows
    folder = tmp_path / 'seeds' / 'losing_votes'
    (folder / 'one.png').write_bytes((folder / 'one.png').read_bytes()[:-5])
    (folder / 'two.png').write_bytes(encode_mask(np.zeros((24, 31), np.uint8)))
    first, second = check_seeds(tmp_path, asking).problems
    assert 'one.png: the file is truncated' in first
    assert 'two.png: 24 x 31' in second and '1 to 5 masks of 24 x 32' in second
    assert not check_seeds(tmp_path, plain).problems
    # A root of an earlier version.
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert not check_seeds(tmp_path, plain).problems
    (problem,) = check_seeds(tmp_path, asking).problems
    assert '2 of the 2 images' in problem and 'tools/make_seeds.py' in problem
