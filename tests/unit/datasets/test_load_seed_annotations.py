"""The transform that loads seeds; its labels are tested with the data set."""

import cv2
import numpy as np
import pytest
from helpers.seed_roots import CLASSES, PALETTE, write_images, write_seed_root, write_split

from mmseg_wsss.registry import DATASETS, TRANSFORMS
from mmseg_wsss.seeds import decode_seed_disagreement, decode_seed_label


@pytest.fixture
def results(tmp_path):
    write_images(tmp_path / 'images', ['one'])
    write_split(tmp_path / 'train.txt', ['one'])
    seeds = write_seed_root(tmp_path / 'seeds', ['one'])['one']
    dataset = DATASETS.build(
        dict(
            type='FolderSeedDataset',
            data_root=str(tmp_path),
            seed_root=str(tmp_path / 'seeds'),
            ann_file='train.txt',
            data_prefix=dict(img_path='images'),
            metainfo=dict(classes=CLASSES, palette=PALETTE),
            pipeline=[dict(type='LoadImageFromFile')],
        )
    )
    return dict(dataset[0], seeds=seeds)


def load(results, **options):
    return TRANSFORMS.build(dict(type='LoadSeedAnnotations', **options))(dict(results))


def test_without_a_threshold_labels_are_plain_uint8(results):
    label = load(results, agreement_threshold=None)['gt_seg_map']
    assert label.dtype == np.uint8
    assert set(np.unique(label)) <= {0, 1, 2, 255}


def test_noisy_pixels_can_be_ignored(results):
    kept = load(results, agreement_threshold=3)['gt_seg_map']
    label, noisy = decode_seed_label(kept)
    ignored = load(results, agreement_threshold=3, noisy='ignore')['gt_seg_map']
    assert ignored.dtype == np.uint8
    assert noisy.any()
    assert np.array_equal(ignored, np.where(noisy, 255, label))


def test_disagreement_counts_the_seeds_that_voted_otherwise(results):
    found = load(results, noisy='disagreement')['gt_seg_map']
    label, disagreement = decode_seed_disagreement(found)
    assert np.array_equal(label, load(results, agreement_threshold=None)['gt_seg_map'])
    expected = (results['seeds'] != label).sum(0) * (label != 255)
    assert np.array_equal(disagreement, expected)
    assert set(np.unique(expected)) == {0, 1, 2}


@pytest.mark.parametrize('threshold', [3, None])
def test_disagreement_needs_no_threshold(threshold):
    with pytest.raises(ValueError, match="noisy='disagreement' grades pixels without a threshold"):
        TRANSFORMS.build(
            dict(type='LoadSeedAnnotations', agreement_threshold=threshold, noisy='disagreement')
        )


def test_a_label_without_a_vote_is_refused(results):
    assert cv2.imwrite(results['agreement_path'], np.zeros((24, 32), np.uint8))
    with pytest.raises(ValueError, match=r'agreement.one\.png: no vote where'):
        load(results, noisy='disagreement')


def test_the_label_map_is_listed_for_the_transforms_that_follow(results):
    assert load(results)['seg_fields'] == ['gt_seg_map']


@pytest.mark.parametrize('threshold', [0, -1, 'all'])
def test_a_threshold_that_is_none_is_refused(threshold):
    with pytest.raises(ValueError, match='agreement_threshold='):
        TRANSFORMS.build(dict(type='LoadSeedAnnotations', agreement_threshold=threshold))


def test_another_treatment_of_noisy_pixels_is_refused():
    with pytest.raises(ValueError, match="expected 'keep', 'ignore' or 'disagreement'"):
        TRANSFORMS.build(dict(type='LoadSeedAnnotations', noisy='drop'))


def test_a_threshold_above_the_number_of_seeds_is_refused(results):
    with pytest.raises(ValueError, match='agreement of 3 seeds; expected 1 to 3'):
        load(results, agreement_threshold=6)


def test_a_single_seed_has_no_agreement(results):
    del results['agreement_path']
    with pytest.raises(ValueError, match='a single seed has no agreement'):
        load(results, agreement_threshold=3)


def test_a_mask_of_another_size_than_its_image_is_refused(results):
    results['img'] = results['img'][:-1]
    with pytest.raises(ValueError, match=r'aggregated.one\.png: 24 x 32 .*expected 23 x 32'):
        load(results)


def test_a_mask_with_a_label_beyond_the_classes_is_refused(results):
    results['num_classes'] = 2
    with pytest.raises(ValueError, match='label 2, expected 0 to 1'):
        load(results)


def test_an_agreement_beyond_the_number_of_seeds_is_refused(results):
    wrong = np.full((24, 32), 255, np.uint8)
    assert cv2.imwrite(results['agreement_path'], wrong)
    with pytest.raises(ValueError, match='expected 0 to 3;'):
        load(results)


def test_a_half_written_mask_is_refused(results):
    path = results['seg_map_path']
    content = open(path, 'rb').read()
    with open(path, 'wb') as file:
        file.write(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r'aggregated.one\.png: the file is truncated'):
        load(results)
