"""The transform that loads seeds; its labels are tested with the data set."""

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.seed_roots import CLASSES, PALETTE, write_images, write_seed_root, write_split
from mmengine.config import Config
from mmengine.dataset import Compose, ConcatDataset

from mmseg_wsss.registry import DATASETS, TRANSFORMS
from mmseg_wsss.seeds import (
    aggregate_seeds,
    decode_losing_votes,
    decode_seed_disagreement,
    decode_seed_label,
    find_losing_votes,
)
from mmseg_wsss.store import SeedManifest, SeedStore, write_mask


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


CONFIGS = Path(__file__).parents[3] / 'configs'
SEVEN = tuple('abcdefg')  # labels 0 to 6, and as many seeds


@pytest.fixture
def contested(tmp_path):
    """An image of blocks, on which seven seeds vote for up to seven labels."""
    rng = np.random.default_rng(0)
    seeds = rng.choice([0, 0, 0, 1, 2, 3, 4, 5, 6, 255], (7, 8, 10)).astype(np.uint8)
    seeds[:, :2], seeds[:, 2, 0] = 0, range(7)
    seeds = seeds.repeat(9, axis=1).repeat(9, axis=2)
    write_images(tmp_path / 'images', ['one'], seeds.shape[1:])
    write_split(tmp_path / 'train.txt', ['one'])
    manifest = SeedManifest(
        classes=SEVEN,
        palette=[[i, i, i] for i in range(7)],
        seeds=[dict(name=name, dropout=None, scale=None) for name in SEVEN],
        images=['one'],
    )
    store = SeedStore(tmp_path / 'seeds')
    store.open(manifest)
    votes = aggregate_seeds(seeds, 7)
    losers = find_losing_votes(seeds, 7)
    store.write('one', {}, *votes, manifest.palette, losing_votes=losers)
    return tmp_path, seeds, losers


def build_dataset(folder, pipeline, **options):
    return DATASETS.build(
        dict(
            type='SeedDataset',
            data_root=str(folder),
            seed_root=str(folder / 'seeds'),
            ann_file='train.txt',
            data_prefix=dict(img_path='images'),
            pipeline=[dict(type='LoadImageFromFile'), *pipeline],
            **options,
        )
    )


@pytest.mark.parametrize('threshold, noisy', [(4, 'keep'), ('unanimous', 'disagreement')])
def test_losing_votes_are_loaded_exactly(contested, threshold, noisy):
    """All but the fifth, in one float64 map with the codes of the same options."""
    folder, seeds, losers = contested
    assert len(losers) == 5 and (losers[4] != 255).any()
    options = dict(type='LoadSeedAnnotations', agreement_threshold=threshold, noisy=noisy)
    plain = build_dataset(folder, [options])[0]['gt_seg_map']
    found = build_dataset(folder, [dict(options, losing_votes=True)])[0]['gt_seg_map']
    assert plain.dtype == np.uint16 and found.dtype == np.float64
    codes = found.astype(np.int64)
    assert np.array_equal(codes % 65536, plain)
    loaded = decode_losing_votes(codes)
    assert (loaded[4] == 255).all()
    assert np.array_equal(loaded[:4], losers[:4])
    # By a count of the votes: the labels beside the aggregate's, where there are at most four.
    voted = (seeds[:, None] == np.arange(7)[None, :, None, None]).any(axis=0)
    label = decode_seed_label(codes)[0]
    lost = (loaded[:, None] == np.arange(7)[None, :, None, None]).any(axis=0)
    few = voted.sum(axis=0) <= 5
    expected = voted & (np.arange(7)[:, None, None] != label)
    assert few.any() and np.array_equal(lost[:, few], expected[:, few])


def test_pixels_ignored_for_noise_carry_no_losing_votes(contested):
    folder = contested[0]
    options = dict(agreement_threshold=4, noisy='ignore', losing_votes=True)
    found = build_dataset(folder, [dict(type='LoadSeedAnnotations', **options)])[0]['gt_seg_map']
    codes = found.astype(np.int64)
    assert (codes[codes % 65536 == 255] == 255).all() and (codes > 65536).any()


def test_losing_votes_reach_the_sample_through_a_pipeline(contested):
    """The oracle: where each label lost, as a map of ones, through the same transforms."""
    folder, _, losers = contested
    tail = [
        dict(
            type='RandomResize',
            scale=(120, 90),
            ratio_range=(0.5, 2.0),
            resize_type='mmseg.Resize',
            keep_ratio=True,
        ),
        dict(type='SeedRandomCrop', crop_size=(64, 64), cat_max_ratio=0.75),
        dict(type='mmseg.RandomFlip', prob=0.5),
        dict(type='mmseg.PhotoMetricDistortion'),
        dict(type='Pad', size=(80, 80), pad_val=dict(img=0, seg=255)),
        dict(type='mmseg.PackSegInputs'),
    ]
    dataset = build_dataset(
        folder, [dict(type='LoadSeedAnnotations', agreement_threshold=4, losing_votes=True), *tail]
    )
    oracle = Compose([TRANSFORMS.build(step) for step in tail])
    plain = build_dataset(folder, [dict(type='LoadSeedAnnotations', agreement_threshold=None)])[0]
    for seed in range(2):
        random.seed(seed)
        np.random.seed(seed)
        data = dataset[0]['data_samples'].gt_sem_seg.data
        assert data.dtype == torch.int64 and data.shape == (1, 80, 80)
        found = decode_losing_votes(data)[:4, 0]
        for label in range(7):
            # A bit for each of the four places, above the labels, which decide on the crop.
            ones = [(losers[place] == label).astype(np.uint16) << 8 + place for place in range(4)]
            results = dict(plain, gt_seg_map=plain['gt_seg_map'] + sum(ones))
            random.seed(seed)
            np.random.seed(seed)
            moved = oracle(results)['data_samples'].gt_sem_seg.data[0]
            for place in range(4):
                assert torch.equal(moved >> 8 + place & 1 == 1, found[place] == label)
        assert (found[0] != 255).any() and (found[3] != 255).any()
        assert (data[0, 64:] == 255).all() and (data[0, :, 64:] == 255).all()


def test_losing_votes_through_a_mosaic(contested):
    """Images are mixed, also with one on which all seeds agree."""
    folder, seeds, _ = contested
    write_images(folder / 'images', ['two'], seeds.shape[1:])
    write_split(folder / 'train.txt', ['one', 'two'])
    store = SeedStore(folder / 'seeds')
    flat = np.ones(seeds.shape[1:], np.uint8)
    palette = [[i, i, i] for i in range(7)]
    store.write('two', {}, flat, flat * 7, palette, losing_votes=flat[None] * 255)
    dataset = build_dataset(folder, [dict(type='LoadSeedAnnotations', losing_votes=True)])
    mixed = DATASETS.build(
        dict(
            type='mmseg.MultiImageMixDataset',
            dataset=ConcatDataset([dataset]),
            pipeline=[
                dict(type='RandomMosaic', prob=1.0, img_scale=(72, 90)),
                dict(type='PackSegInputs'),
            ],
        )
    )
    one = dataset[0]['gt_seg_map'].astype(np.int64)
    for _ in range(5):
        codes = mixed[1]['data_samples'].gt_sem_seg.data[0]
        assert set(codes.unique().tolist()) <= {*np.unique(one).tolist(), 1, 255}
        if (codes > 65536).any():
            break
    else:
        pytest.fail('no mosaic had a pixel of the first image')


def test_the_base_config_asks_for_them_and_for_nothing_else():
    plain, asking = (
        Config.fromfile(CONFIGS / f'_base_/datasets/voc_animals_seeds{end}.py').to_dict()
        for end in ('', '_losing_votes')
    )
    assert asking['train_dataloader']['dataset']['pipeline'][1].pop('losing_votes') is True
    assert asking['train_pipeline'][1].pop('losing_votes') is True
    assert asking == plain


def test_a_root_without_losing_votes_is_refused_before_the_first_batch(contested):
    folder = contested[0]
    loading = dict(type='LoadSeedAnnotations', losing_votes=True)
    (folder / 'seeds' / 'losing_votes' / 'one.png').unlink()
    build_dataset(folder, [dict(type='LoadSeedAnnotations')])
    with pytest.raises(FileNotFoundError, match=r'(?s)1 of the 1 images .*one.*make_seeds\.py'):
        build_dataset(folder, [loading])
    manifest = SeedManifest.load(folder / 'seeds' / 'manifest.json')
    manifest.parameters['directories'] = ['x']
    manifest.save(folder / 'seeds' / 'manifest.json')
    with pytest.raises(FileNotFoundError, match=r'aggregate_seeds\.py'):
        build_dataset(folder, [loading])


def test_a_single_seed_has_no_losing_votes(contested):
    folder, seeds, _ = contested
    write_mask(folder / 'seeds' / 'a' / 'one.png', seeds[0])
    loading = dict(type='LoadSeedAnnotations', agreement_threshold=None, losing_votes=True)
    with pytest.raises(ValueError, match="seed='a' is a single seed"):
        build_dataset(folder, [loading], seed='a')
    # Where the data set does not know of the transform, as inside of a wrapper.
    results = build_dataset(folder, [], seed='a')[0]
    with pytest.raises(ValueError, match='gives no losing votes'):
        TRANSFORMS.build(loading)(results)


def test_losing_votes_of_another_image_or_class_list_are_refused(contested):
    folder = contested[0]
    dataset = build_dataset(folder, [dict(type='LoadSeedAnnotations', losing_votes=True)])
    path = folder / 'seeds' / 'losing_votes' / 'one.png'
    write_mask(path, np.zeros((73, 90), np.uint8))
    with pytest.raises(ValueError, match=r'one\.png: 73 x 90 .*1 to 5 masks of 72 x 90'):
        dataset[0]
    write_mask(path, np.full((72, 90), 7, np.uint8))
    with pytest.raises(ValueError, match='label 7, expected 0 to 6'):
        dataset[0]


def test_all_losing_votes_are_on_noisy_pixels_where_clean_means_unanimous():
    with pytest.raises(ValueError, match="noisy='ignore' drops every pixel"):
        TRANSFORMS.build(dict(type='LoadSeedAnnotations', noisy='ignore', losing_votes=True))
