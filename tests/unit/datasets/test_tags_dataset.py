"""The classification data set over tags."""

import pytest
from helpers.seed_roots import CLASSES, write_images, write_split

from mmseg_wsss.datasets.tags_dataset import crop_size
from mmseg_wsss.registry import DATASETS


def build(path, **options):
    config = dict(
        type='TagsDataset',
        data_root=str(path),
        tags_file='tags.csv',
        ann_file='train.txt',
        data_prefix=dict(img_path='images'),
        metainfo=dict(classes=CLASSES),
        pipeline=[],
    )
    config.update(options)
    return DATASETS.build(config)


@pytest.fixture
def data(tmp_path):
    ids = ['one', 'two', 'three']
    write_images(tmp_path / 'images', ids)
    write_split(tmp_path / 'train.txt', ids)
    (tmp_path / 'tags.csv').write_text(
        'image_id,tags\none,dog\ntwo,dog cat\nthree,\nunused,cat\n', encoding='utf-8'
    )
    return tmp_path


def test_labels_are_foreground_indices_and_the_background_is_no_class(data):
    dataset = build(data)
    assert [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))] == [[1], [0, 1], []]
    assert dataset.metainfo['classes'] == ('cat', 'dog')
    assert dataset.all_classes == CLASSES


def test_a_batch_of_mmpretrain(data):
    pipeline = [
        dict(type='mmpretrain.LoadImageFromFile'),
        dict(type='mmpretrain.PackInputs'),
    ]
    sample = build(data, pipeline=pipeline)[1]
    assert sample['inputs'].shape == (3, 24, 32)
    assert sample['data_samples'].gt_label.tolist() == [0, 1]


def test_tags_of_other_classes_can_be_named_and_dropped(data):
    (data / 'tags.csv').write_text('image_id,tags\none,chair dog\ntwo,cat\nthree,chair\n')
    dataset = build(data, other_tags=['chair'])
    assert [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))] == [[1], [0], []]


def test_a_tag_that_is_no_class_is_refused(data):
    (data / 'tags.csv').write_text('image_id,tags\none,dgo\ntwo,cat\nthree,\n')
    with pytest.raises(ValueError, match=r"tags\.csv:2: tag 'dgo' is not a class.*'dog'"):
        build(data)


def test_an_image_without_entry_is_refused_and_named(data):
    (data / 'tags.csv').write_text('image_id,tags\none,dog\nthree,\n')
    with pytest.raises(ValueError, match=r'1 of the 3 images .* have no tags entry, first two'):
        build(data)


def test_an_empty_split_is_refused(data):
    (data / 'train.txt').write_text('')
    with pytest.raises(ValueError, match='the split list is empty'):
        build(data)


@pytest.mark.parametrize(
    ('pipeline', 'expected'),
    [
        ([dict(type='mmpretrain.RandomResizedCrop', scale=(96, 128))], (96, 128)),
        ([dict(type='ResizeEdge', scale=64), dict(type='CenterCrop', crop_size=48)], (48, 48)),
        (
            [
                dict(type='W', transforms=[]),
                dict(type='W', transforms=[dict(type='RandomCrop', crop_size=40)]),
            ],
            (40, 40),
        ),
        ([dict(type='PackInputs')], (224, 224)),
    ],
)
def test_size_of_a_pipelines_crops(pipeline, expected):
    assert crop_size(pipeline) == expected
