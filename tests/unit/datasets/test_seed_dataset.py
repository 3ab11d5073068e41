"""Segmentation data sets over a seed root."""

import numpy as np
import pytest
from helpers.seed_roots import CLASSES, PALETTE, write_images, write_seed_root, write_split
from mmseg.datasets import PascalVOCDataset

from mmseg_wsss.datasets import COCO_CLASSES, COCO14Dataset, COCOSeedDataset, VOCSeedDataset
from mmseg_wsss.registry import DATASETS
from mmseg_wsss.seeds import decode_seed_label
from mmseg_wsss.store import Fingerprint, ImageRecord, ImageRecords

IDS = ['one', 'two', 'three']


@pytest.fixture
def data(tmp_path):
    write_images(tmp_path / 'images', IDS)
    write_split(tmp_path / 'train.txt', IDS)
    seeds = write_seed_root(tmp_path / 'seeds', IDS)
    return tmp_path, seeds


def build(path, **options):
    config = dict(
        type='FolderSeedDataset',
        data_root=str(path),
        seed_root=str(path / 'seeds'),
        ann_file='train.txt',
        data_prefix=dict(img_path='images'),
        metainfo=dict(classes=CLASSES, palette=PALETTE),
        pipeline=[dict(type='LoadImageFromFile')],
    )
    config.update(options)
    return DATASETS.build(config)


def test_images_and_masks_of_the_split_in_its_order(data):
    path, _ = data
    dataset = build(path)
    assert [dataset.get_data_info(i)['image_id'] for i in range(len(dataset))] == IDS
    info = dataset.get_data_info(1)
    assert info['img_path'] == str(path / 'images' / 'two.jpg')
    assert info['seg_map_path'] == str(path / 'seeds' / 'aggregated' / 'two.png')
    assert info['agreement_path'] == str(path / 'seeds' / 'agreement' / 'two.png')
    assert (info['num_seeds'], info['num_classes']) == (3, 3)


def test_classes_and_palette_come_from_the_manifest_where_none_are_given(data):
    dataset = build(data[0], metainfo=None)
    assert dataset.metainfo['classes'] == CLASSES
    assert dataset.metainfo['palette'] == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]


def test_a_single_seed_is_loaded_as_plain_labels(data):
    path, seeds = data
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadSeedAnnotations', agreement_threshold=None),
    ]
    dataset = build(path, seed='b', pipeline=pipeline)
    for index, image_id in enumerate(IDS):
        assert np.array_equal(dataset[index]['gt_seg_map'], seeds[image_id][1])
    assert 'agreement_path' not in dataset.get_data_info(0)


@pytest.mark.parametrize('threshold', [1, 2, 3, 'unanimous'])
def test_noisy_pixels_are_those_fewer_seeds_agree_on(data, threshold):
    path, seeds = data
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadSeedAnnotations', agreement_threshold=threshold),
    ]
    dataset = build(path, pipeline=pipeline)
    count = 3 if threshold == 'unanimous' else threshold
    for index, image_id in enumerate(IDS):
        label, noisy = decode_seed_label(dataset[index]['gt_seg_map'])
        # The plain definition, pixel by pixel.
        for row, column in np.ndindex(label.shape):
            votes = [int(v) for v in seeds[image_id][:, row, column] if v != 255]
            if not votes:
                assert label[row, column] == 255
                assert not noisy[row, column]
                continue
            most = max(votes.count(v) for v in votes)
            assert label[row, column] == min(v for v in votes if votes.count(v) == most)
            assert noisy[row, column] == (most < count)


def test_reduce_zero_label_is_refused(data):
    with pytest.raises(ValueError, match='reduce_zero_label=True would drop label 0'):
        build(data[0], reduce_zero_label=True)


@pytest.mark.parametrize(
    'classes, message',
    [
        (('background', 'dog', 'cat'), r"1: 'dog' here, 'cat' there"),
        (CLASSES[:2], r'made for 3 classes, this data set has 2'),
    ],
)
def test_another_class_list_than_the_seeds_is_refused(data, classes, message):
    with pytest.raises(ValueError, match=message):
        build(data[0], metainfo=dict(classes=classes, palette=PALETTE[: len(classes)]))


def test_voc_and_coco_refuse_seeds_of_other_classes(data):
    path, _ = data
    for cls in (VOCSeedDataset, COCOSeedDataset):
        with pytest.raises(ValueError, match='the seeds were made for 3 classes'):
            cls(
                seed_root=str(path / 'seeds'),
                data_root=str(path),
                ann_file='train.txt',
                data_prefix=dict(img_path='images'),
            )


def test_voc_and_coco_have_the_classes_of_their_field():
    assert VOCSeedDataset.METAINFO == PascalVOCDataset.METAINFO
    assert len(COCO_CLASSES) == len(set(COCO_CLASSES)) == 81
    # Category ids 1, 18 and 90 of COCO: the first, the one after the first gap, the last.
    assert [COCO_CLASSES[i] for i in (0, 1, 17, 80)] == [
        'background',
        'person',
        'dog',
        'toothbrush',
    ]
    for cls in (COCOSeedDataset, COCO14Dataset):
        assert cls.METAINFO['classes'] == COCO_CLASSES
        assert len(cls.METAINFO['palette']) == 81


def test_a_missing_mask_stops_before_training_and_is_named(data):
    path, _ = data
    (path / 'seeds' / 'agreement' / 'two.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 masks for the 3 images .*agreement.two\.png'):
        build(path)


def test_a_seed_root_without_manifest_is_refused(data):
    path, _ = data
    (path / 'seeds' / 'manifest.json').unlink()
    with pytest.raises(FileNotFoundError, match='there is no manifest'):
        build(path)


def test_an_unknown_seed_is_refused_with_those_there_are(data):
    with pytest.raises(ValueError, match=r"no seed 'z'; there are aggregated, a, b, c"):
        build(data[0], seed='z')


def test_an_empty_split_is_refused(data):
    path, _ = data
    (path / 'train.txt').write_text('\n')
    with pytest.raises(ValueError, match=r'train\.txt: the split list is empty'):
        build(path)


def write_records(path, tags):
    for image_id, names in tags.items():
        ImageRecords(path / 'seeds').write(image_id, ImageRecord(names, Fingerprint(1, 'x')))


PACKED = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadSeedAnnotations', agreement_threshold=3),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmseg.PackSegInputs'),
]


def tags_of(dataset):
    return [dataset[index]['data_samples'].metainfo['tags'] for index in range(len(dataset))]


def test_tags_come_with_the_sample_from_records_or_a_file(data):
    path, _ = data
    write_records(path, dict(one=('dog', 'cat'), two=(), three=('dog',)))
    options = dict(pipeline=PACKED, check_records=False)
    assert tags_of(build(path, tags='records', **options)) == [(1, 2), (), (2,)]
    (path / 'tags.csv').write_text('image_id,tags\nthree,cat\none,dog\ntwo,cat dog\n')
    assert tags_of(build(path, tags='tags.csv', **options)) == [(2,), (1, 2), (1,)]
    # A wrapper of mmengine reads through the data set.
    wrapped = DATASETS.build(
        dict(type='RepeatDataset', times=2, dataset=build(path, tags='records', **options))
    )
    assert wrapped[3]['data_samples'].metainfo['tags'] == (1, 2)
    # Without the option nothing is added, nor without a sample to add it to.
    assert 'tags' not in build(path, **options)[0]['data_samples'].metainfo
    unpacked = build(path, tags='records', check_records=False)
    assert unpacked[0]['tags'] == (1, 2)


@pytest.mark.parametrize(
    ('tags', 'records', 'message'),
    [
        ('records', dict(one=('cat',)), r'seeds: 2 of the 3 images .*two, three.*name a tags file'),
        ('records', dict(one=('cat',), two=None, three=()), '1 of the 3 images .*first two'),
        ('records', dict(one=('cow',), two=(), three=()), "one.txt: tag 'cow' is no foreground"),
        ('records', dict(one=('background',), two=(), three=()), "tag 'background' is no"),
        ('tags.csv', {}, 'tags.csv: 1 of the 3 images .*first three.*Add them to the file'),
    ],
)
def test_images_without_tags_are_named(data, tags, records, message):
    path, _ = data
    write_records(path, records)
    (path / 'tags.csv').write_text('image_id,tags\none,cat\ntwo,dog\n')
    with pytest.raises(ValueError, match=message):
        build(path, tags=tags, check_records=False)


def test_a_tags_file_that_is_not_there(data):
    with pytest.raises(FileNotFoundError, match='nowhere.csv'):
        build(data[0], tags='nowhere.csv')
