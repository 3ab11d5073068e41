"""What codes carry beside the label survives every transform of mmseg that touches masks.

The oracle: labels and flags, transformed one by one as plain uint8 maps with the same randomness.
"""

import importlib.util
import random

import mmcv.transforms
import mmseg.datasets.transforms
import numpy as np
import pytest
import torch
from mmcv.transforms import CenterCrop, Pad, RandomChoiceResize, RandomResize
from mmseg.datasets.transforms import RandomCrop
from mmseg.models import SegDataPreProcessor
from mmseg.registry import TRANSFORMS

from mmseg_wsss.datasets.transforms import SeedGenerateEdge, SeedRandomCrop, SeedRandomRotFlip
from mmseg_wsss.seeds import (
    decode_losing_votes,
    decode_seed_disagreement,
    decode_seed_label,
    encode_losing_votes,
    encode_seed_disagreement,
    encode_seed_label,
)

HEIGHT, WIDTH = 60, 80

# Every transform of mmseg that changes masks, and mmcv's that mmseg's pipelines use.
CHANGES_MASKS = {
    'Resize': [dict(scale=(50, 70)), dict(scale=(120, 90), keep_ratio=True)],
    'ResizeToMultiple': [dict(size_divisor=32)],
    'ResizeShortestEdge': [dict(scale=40, max_size=100)],
    'SegRescale': [dict(scale_factor=0.5), dict(scale_factor=2)],
    'RandomCrop': [dict(crop_size=(32, 48)), dict(crop_size=(100, 40))],
    'SeedRandomCrop': [dict(crop_size=(32, 48)), dict(crop_size=(100, 40))],
    'RandomFlip': [dict(prob=1.0), dict(prob=1.0, direction='vertical')],
    'RandomRotate': [dict(prob=1.0, degree=30), dict(prob=1.0, degree=30, auto_bound=True)],
    'RandomCutOut': [dict(prob=1.0, n_holes=5, cutout_shape=(9, 9), seg_fill_in=255)],
    'RandomMosaic': [dict(prob=1.0, img_scale=(64, 64))],
    'RandomResize': [dict(type='RandomResize', scale=(96, 64), ratio_range=(0.5, 2.0))],
    'RandomChoiceResize': [dict(scales=[(40, 30), (90, 70)])],
    'Pad': [dict(size=(100, 120)), dict(size_divisor=32)],
    'CenterCrop': [dict(crop_size=(30, 40)), dict(crop_size=(100, 90), auto_pad=True)],
    'SeedRandomRotFlip': [
        dict(rotate_prob=1.0, flip_prob=0.0, degree=40),
        dict(rotate_prob=0.0, flip_prob=1.0),
    ],
}
OF_MMCV = {'RandomResize': RandomResize, 'RandomChoiceResize': RandomChoiceResize, 'Pad': Pad,
           'CenterCrop': CenterCrop}  # fmt: skip
KEEPS_MASKS = {
    'PhotoMetricDistortion': [{}],
    'CLAHE': [{}],
    'RGB2Gray': [{}],
    'AdjustGamma': [{}],
    'Rerange': [{}],
    'RandomCutOut': [dict(prob=1.0, n_holes=2, cutout_shape=(9, 9))],
    'ConcatCDInput': [{}],
    'RandomDepthMix': [dict(prob=1.0)],
    'GenerateEdge': [{}],
    'SeedGenerateEdge': [{}],
}
# Not with this project's label maps, each for its reason.
OTHERS = {
    'LoadAnnotations': 'loads a plain mask instead',
    'LoadOneDLAnnotations': 'loads a plain mask instead',
    'LoadImageFromNDArray': 'loads an image',
    'LoadSingleRSImageFromFile': 'loads an image',
    'LoadMultipleRSImageFromFile': 'loads an image',
    'LoadDepthAnnotation': 'loads a depth map',
    'LoadBiomedicalImageFromFile': 'of volumes, not photographs',
    'LoadBiomedicalAnnotation': 'of volumes, not photographs',
    'LoadBiomedicalData': 'of volumes, not photographs',
    'BioMedical3DRandomCrop': 'of volumes, not photographs',
    'BioMedical3DRandomFlip': 'of volumes, not photographs',
    'BioMedical3DPad': 'of volumes, not photographs',
    'BioMedicalGaussianNoise': 'of volumes, not photographs',
    'BioMedicalGaussianBlur': 'of volumes, not photographs',
    'BioMedicalRandomGamma': 'of volumes, not photographs',
    'RandomRotFlip': 'mixes labels, see test_random_rot_flip_of_mmseg_mixes_labels',
    'Albu': 'needs albumentations, see test_albu',
    'PackSegInputs': 'see test_packing_and_padding_of_batches',
}


def build(name, options):
    if name in OF_MMCV:
        return OF_MMCV[name](**{key: value for key, value in options.items() if key != 'type'})
    return TRANSFORMS.build(dict(type=name, **options))


def example(seed=0):
    """Make a label map of blocks, with every kind of pixel, and its noisy flags."""
    rng = np.random.default_rng(seed)
    label = np.kron(rng.integers(0, 21, (12, 16), np.uint8), np.ones((5, 5), np.uint8))
    label[rng.random(label.shape) < 0.1] = 255
    noisy = rng.random(label.shape) < 0.4
    return label, noisy


def graded_example(seed=0):
    """Make the label map of :func:`example` with a disagreement of 0 to 5 seeds."""
    label, noisy = example(seed)
    return label, np.random.default_rng(50 + seed).integers(1, 6, label.shape, np.uint8) * noisy


def lost_example(seed=0):
    """Make one to four labels, any of 255, that lost at the noisy pixels of :func:`example`."""
    label, noisy = example(seed)
    rng = np.random.default_rng(70 + seed)
    losers = rng.integers(0, 255, (4, *label.shape), np.uint8)
    number = rng.integers(1, 5, label.shape) * (noisy & (label != 255))
    losers[np.arange(4)[:, None, None] >= number] = 255
    # As LoadSeedAnnotations makes it.
    codes = encode_losing_votes(encode_seed_label(label, noisy), losers).astype(np.float64)
    return codes, losers


def results_of(seg_map, seed=0):
    rng = np.random.default_rng(100 + seed)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return dict(
        img=image, img2=image.copy(), gt_seg_map=seg_map.copy(), seg_fields=['gt_seg_map'],
        img_shape=(HEIGHT, WIDTH), ori_shape=(HEIGHT, WIDTH), scale_factor=(1.0, 1.0),
        gt_depth_map=np.zeros((HEIGHT, WIDTH), np.float32),
    )  # fmt: skip


def transformed(name, options, kind, seed, dtype=None):
    """Run one transform on one of the maps of the same images."""
    maps = []
    for number in range(4):
        label, noisy = example(number)
        _, disagreement = graded_example(number)
        of_kind = dict(
            code=encode_seed_label(label, noisy),
            label=label,
            noisy=noisy.astype(np.uint8),
            graded=encode_seed_disagreement(label, disagreement),
            disagreement=disagreement,
        )
        codes, losers = lost_example(number)
        of_kind.update({f'loser {index}': one for index, one in enumerate(losers)}, lost=codes)
        maps.append(of_kind[kind].astype(dtype or of_kind[kind].dtype))
    results = results_of(maps[0])
    if name == 'RandomMosaic':
        results['mix_results'] = [results_of(maps[i], i) for i in (1, 2, 3)]
    random.seed(seed)
    np.random.seed(seed)
    return build(name, options).transform(results)


CASES = [(name, options) for name, many in CHANGES_MASKS.items() for options in many]


@pytest.mark.parametrize('name, options', CASES, ids=[f'{n}-{i}' for i, (n, _) in enumerate(CASES)])
def test_labels_and_flags_survive(name, options):
    changed = False
    for seed in range(5):
        found = transformed(name, options, 'code', seed)
        label = transformed(name, options, 'label', seed)['gt_seg_map']
        noisy = transformed(name, options, 'noisy', seed)['gt_seg_map']
        code = found['gt_seg_map']
        if name != 'SegRescale':  # which is for maps alone
            assert code.shape == found['img'].shape[:2]
        assert code.dtype.kind in 'iu' and code.dtype.itemsize >= 2
        # Flags are padded with 255 too; there the label is 255, which is never noisy.
        expected = encode_seed_label(label.astype(np.uint8), (noisy == 1) & (label != 255))
        np.testing.assert_array_equal(code, expected)
        original = encode_seed_label(*example())
        changed |= code.shape != original.shape or (code != original).any()
    assert changed, 'the transform did nothing, so nothing was tested'


@pytest.mark.parametrize('name, options', CASES, ids=[f'{n}-{i}' for i, (n, _) in enumerate(CASES)])
def test_labels_and_disagreement_survive(name, options):
    for seed in range(3):
        code = transformed(name, options, 'graded', seed)['gt_seg_map']
        label = transformed(name, options, 'label', seed)['gt_seg_map']
        disagreement = transformed(name, options, 'disagreement', seed)['gt_seg_map']
        assert code.dtype.kind in 'iu' and code.dtype.itemsize >= 2
        expected = encode_seed_disagreement(label.astype(np.uint8), disagreement.astype(np.uint8))
        np.testing.assert_array_equal(code, expected)
        assert len(np.unique(decode_seed_disagreement(code)[1])) == 6


@pytest.mark.parametrize('name, options', CASES, ids=[f'{n}-{i}' for i, (n, _) in enumerate(CASES)])
def test_losing_votes_survive(name, options):
    for seed in range(2):
        found = transformed(name, options, 'lost', seed)['gt_seg_map']
        assert found.dtype == np.float64
        found = found.astype(np.int64)  # as PackSegInputs does
        code = transformed(name, options, 'code', seed)['gt_seg_map']
        if 'Rot' not in name:
            np.testing.assert_array_equal(found % 65536, code)
        # OpenCV rotates float64 by another routine, which rounds some positions otherwise.
        assert (found % 65536 != code).mean() < 0.005
        single = [
            transformed(name, options, kind, seed, np.float64)['gt_seg_map']
            for kind in ('code', *(f'loser {index}' for index in range(4)))
        ]
        np.testing.assert_array_equal(found % 65536, single[0])
        np.testing.assert_array_equal(decode_losing_votes(found)[:4], single[1:])
        assert (single[4] != 255).any()


@pytest.mark.parametrize('name', KEEPS_MASKS)
def test_other_transforms_leave_the_map_as_it_is(name):
    for options in KEEPS_MASKS[name]:
        results = transformed(name, options, 'code', 0)
        np.testing.assert_array_equal(results['gt_seg_map'], encode_seed_label(*example()))
        results = transformed(name, options, 'graded', 0)
        np.testing.assert_array_equal(
            results['gt_seg_map'], encode_seed_disagreement(*graded_example())
        )
        results = transformed(name, options, 'lost', 0)
        np.testing.assert_array_equal(results['gt_seg_map'], lost_example()[0])


def test_every_transform_of_mmseg_is_accounted_for():
    known = {*CHANGES_MASKS, *KEEPS_MASKS, *OTHERS}
    unknown = set(mmseg.datasets.transforms.__all__) - known
    assert not unknown, f'new transforms in mmseg, test them here: {sorted(unknown)}'


def test_every_transform_of_mmcv_that_reads_masks_is_accounted_for():
    """By what mmcv's own documentation lists as modified."""
    modifies = {
        name for name in mmcv.transforms.__all__
        if 'gt_seg_map' in (getattr(mmcv.transforms, name).__doc__ or '')
    }  # fmt: skip
    loaders = {'LoadAnnotations'}
    assert modifies - loaders <= set(CHANGES_MASKS), modifies


def test_crop_by_class_share_keeps_codes():
    """A crop with cat_max_ratio counts clean and noisy pixels of a class apart; codes survive."""
    codes = set(np.unique(encode_seed_label(*example())))
    for seed in range(5):
        options = dict(crop_size=(32, 48), cat_max_ratio=0.75)
        code = transformed('RandomCrop', options, 'code', seed)['gt_seg_map']
        assert code.shape == (32, 48) and set(np.unique(code)) <= codes


def blocks(seed):
    """Make a label map with much background and its flags."""
    rng = np.random.default_rng(seed)
    label = np.kron(rng.choice([0, 3, 9, 255], (6, 8), p=[0.7, 0.1, 0.1, 0.1]), np.ones((10, 10)))
    return label.astype(np.uint8), rng.random(label.shape) < rng.choice([0, 0.2, 0.6])


def box_of(crop, seg_map, seed):
    np.random.seed(seed)
    return crop.crop_bbox(results_of(seg_map))


@pytest.mark.parametrize('ratio', [0.5, 0.75, 0.9, 1.0])
@pytest.mark.parametrize('size', [(20, 30), 25, (90, 40)])
def test_seed_random_crop_is_that_of_mmseg_on_plain_labels(ratio, size):
    """Where a crop lies must not depend on the flags."""
    ours = SeedRandomCrop(size, cat_max_ratio=ratio)
    theirs, without_ratio = RandomCrop(size, cat_max_ratio=ratio), RandomCrop(size)
    redrawn = False
    for seed in range(30):
        label, noisy = blocks(seed)
        disagreement = noisy * np.uint8(3)
        expected = box_of(theirs, label, seed)
        redrawn |= expected != box_of(without_ratio, label, seed)
        for codes in (
            label,
            encode_seed_label(label, noisy),
            encode_seed_disagreement(label, disagreement),
            encode_losing_votes(encode_seed_label(label, noisy), label[None]).astype(np.float64),
        ):
            assert box_of(ours, codes, seed) == expected
    assert redrawn == (ratio < 1)


def test_random_crop_of_mmseg_counts_clean_and_noisy_pixels_apart():
    """Why SeedRandomCrop exists. If this fails, it can go."""
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    codes = encode_seed_label(label, np.indices(label.shape)[1] % 2 == 0)
    crop = RandomCrop((20, 20), cat_max_ratio=0.75)
    assert box_of(crop, label, 0) != box_of(crop, codes, 0)


def test_a_crop_of_ignored_pixels_alone_is_drawn_again():
    label = np.full((HEIGHT, WIDTH), 255, np.uint8)
    expected = box_of(RandomCrop((20, 20), cat_max_ratio=0.75), label, 0)
    crop = SeedRandomCrop((20, 20), cat_max_ratio=0.75)
    assert box_of(crop, label, 0) == expected


def test_random_rot_flip_of_mmseg_mixes_labels():
    """Why SeedRandomRotFlip exists; plain labels suffer as well. If this fails, it can go."""
    options = dict(rotate_prob=1.0, flip_prob=0.0, degree=(30, 30.001))
    two_labels = np.where(np.arange(WIDTH) < 40, 1, 15)[None].repeat(HEIGHT, 0).astype(np.uint8)
    rotated = build('RandomRotFlip', options).transform(results_of(two_labels))['gt_seg_map']
    assert not set(np.unique(rotated)) <= {1, 15, 255}
    rotated = SeedRandomRotFlip(**options).transform(results_of(two_labels))['gt_seg_map']
    assert set(np.unique(rotated)) == {1, 15, 255}


def test_seed_random_rot_flip_names_its_settings():
    assert 'seg_pad_val=255)' in repr(SeedRandomRotFlip())


def test_edges_are_those_of_the_labels():
    label, noisy = example()
    plain = build('GenerateEdge', {}).transform(results_of(label))['gt_edge_map']
    found = SeedGenerateEdge().transform(results_of(encode_seed_label(label, noisy)))
    np.testing.assert_array_equal(found['gt_edge_map'], plain)
    found = SeedGenerateEdge().transform(results_of(encode_seed_disagreement(*graded_example())))
    np.testing.assert_array_equal(found['gt_edge_map'], plain)
    found = SeedGenerateEdge().transform(results_of(lost_example()[0]))
    np.testing.assert_array_equal(found['gt_edge_map'], plain)
    codes = build('GenerateEdge', {}).transform(results_of(encode_seed_label(label, noisy)))
    assert (codes['gt_edge_map'] != plain).any()


@pytest.mark.parametrize(
    'encode, make',
    [
        (encode_seed_label, example),
        (encode_seed_disagreement, graded_example),
        (lambda codes, losers: codes, lost_example),
    ],
)
def test_packing_and_padding_of_batches(encode, make):
    """What a decode head's loss_decode receives: int64 codes, 255 where the batch is padded."""
    codes = [encode(*make()), encode(*make(1))[:40, :50]]
    packed = []
    for code in codes:
        results = results_of(code)
        results['img'] = results['img'][: code.shape[0], : code.shape[1]]
        results['img_shape'] = code.shape
        packed.append(TRANSFORMS.build(dict(type='PackSegInputs')).transform(results))
    preprocess = SegDataPreProcessor(
        mean=[0, 0, 0], std=[1, 1, 1], size=(64, 96), pad_val=0, seg_pad_val=255
    )
    batch = preprocess(
        dict(
            inputs=[sample['inputs'] for sample in packed],
            data_samples=[sample['data_samples'] for sample in packed],
        ),
        training=True,
    )
    for sample, code in zip(batch['data_samples'], codes, strict=True):
        data = sample.gt_sem_seg.data
        assert data.shape == (1, 64, 96) and data.dtype == torch.int64
        height, width = code.shape
        assert data[0, :height, :width].tolist() == code.tolist()
        outside = torch.ones(64, 96, dtype=torch.bool)
        outside[:height, :width] = False
        label, noisy = decode_seed_label(data[0][outside])
        assert (label == 255).all() and not noisy.any()


@pytest.mark.skipif(
    importlib.util.find_spec('albumentations') is None, reason='albumentations is optional'
)
def test_albu():
    flip = dict(transforms=[dict(type='HorizontalFlip', p=1.0)])
    found = transformed('Albu', flip, 'code', 0)['gt_seg_map']
    np.testing.assert_array_equal(found, encode_seed_label(*example())[:, ::-1])
    found = transformed('Albu', flip, 'lost', 0)['gt_seg_map']
    np.testing.assert_array_equal(found, lost_example()[0][:, ::-1])
