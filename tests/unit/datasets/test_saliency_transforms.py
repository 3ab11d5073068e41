"""Saliency maps beside images: listed, loaded, and moved along with the pixels."""

import os

import numpy as np
import pytest
from helpers.seed_roots import CLASSES, write_images, write_split
from mmcv.transforms import Compose
from mmengine.config import Config
from PIL import Image

from mmseg_wsss.datasets.tags_dataset import without_saliency
from mmseg_wsss.registry import DATASETS, TRANSFORMS
from mmseg_wsss.store import write_saliency

IDS = ['one', 'two', 'sub/three']
PREFIX = dict(img_path='images', saliency_path='maps')


@pytest.fixture
def data(tmp_path):
    (tmp_path / 'images/sub').mkdir(parents=True)
    write_images(tmp_path / 'images', IDS)
    write_split(tmp_path / 'train.txt', IDS)
    (tmp_path / 'tags.csv').write_text('image_id,tags\none,dog\ntwo,dog cat\nsub/three,\n')
    for image_id in IDS:
        with Image.open(tmp_path / f'images/{image_id}.jpg') as image:
            red = np.array(image)[..., 0]
        write_saliency(tmp_path / f'maps/{image_id}.png', red)
    return tmp_path


def build(path, **options):
    config = dict(
        type='TagsDataset',
        data_root=str(path),
        tags_file='tags.csv',
        ann_file='train.txt',
        data_prefix=PREFIX,
        metainfo=dict(classes=CLASSES),
        pipeline=[],
    )
    return DATASETS.build({**config, **options})


def eps_pipeline(root):
    config = Config.fromfile(root / 'configs/cls/eps_mobilenetv2_voc_animals.py')
    return config.train_dataloader.dataset.pipeline


def test_a_batch_of_the_configs_pipeline(data, root):
    dataset = build(data, pipeline=eps_pipeline(root))
    assert [dataset.get_data_info(i)['saliency_path'] for i in range(3)] == [
        str(data / f'maps/{image_id}.png') for image_id in IDS
    ]
    sample = dataset[1]
    assert sample['inputs'].shape == (3, 192, 192)
    assert sample['data_samples'].gt_label.tolist() == [0, 1]
    saliency = sample['data_samples'].gt_saliency
    assert saliency.shape == (192, 192) and saliency.dtype == np.uint8
    assert saliency.flags.c_contiguous


@pytest.mark.parametrize('seed', range(6))
def test_image_and_map_stay_aligned(data, root, seed):
    # The map is the red channel, so it stays the red channel; colours are jittered behind.
    steps = eps_pipeline(root)
    dataset = build(data, pipeline=steps[:3])
    np.random.seed(seed)
    moved = dataset[seed % 3]
    assert moved['img'].shape == (192, 192, 3)
    assert np.array_equal(moved['img'][..., 2], moved['gt_saliency'])
    assert not np.array_equal(moved['img'][..., 1], moved['gt_saliency'])
    np.random.seed(seed)
    jittered = build(data, pipeline=steps[:4])[seed % 3]
    assert np.array_equal(jittered['gt_saliency'], moved['gt_saliency'])
    assert not np.array_equal(jittered['img'], moved['img'])


MOVES = {
    'flip': (dict(type='mmpretrain.RandomFlip', prob=1.0), (24, 32)),
    'crop': (dict(type='mmpretrain.RandomCrop', crop_size=16), (16, 16)),
    'padded': (dict(type='mmpretrain.RandomCrop', crop_size=40, pad_if_needed=True), (40, 40)),
    'resize': (dict(type='mmpretrain.Resize', scale=(50, 20)), (20, 50)),
    'edge': (dict(type='mmpretrain.ResizeEdge', scale=12), (12, 16)),
    'rotate': (dict(type='mmpretrain.Rotate', angle=30.0, prob=1.0, pad_val=0), (24, 32)),
}


@pytest.mark.parametrize('name', MOVES)
def test_transforms_that_move_pixels(data, name):
    step, size = MOVES[name]
    image = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    results = dict(img=image, gt_saliency=image[..., 0], img_shape=(24, 32), ori_shape=(24, 32))
    moved = TRANSFORMS.build(dict(type='TransformWithSaliency', transforms=[step]))(results)
    assert moved['img'].shape == (*size, 3) and moved['gt_saliency'].shape == size
    assert moved['img_shape'][:2] == size and len(moved['img_shape']) in (2, 3)
    assert np.array_equal(moved['img'][..., 0], moved['gt_saliency'])
    assert moved['img'].flags.c_contiguous and moved['gt_saliency'].flags.c_contiguous
    assert not np.array_equal(moved['gt_saliency'], image[..., 0])
    if name == 'flip':
        assert np.array_equal(moved['img'], image[:, ::-1]) and moved['flip']


def test_a_transform_of_colours_is_refused():
    step = dict(type='mmpretrain.ColorJitter', brightness=0.5)
    wrapper = TRANSFORMS.build(dict(type='TransformWithSaliency', transforms=[step]))
    pixels = np.zeros((4, 5, 3), np.uint8)
    with pytest.raises(ValueError, match='change colours belong behind TransformWithSaliency'):
        wrapper(dict(img=pixels, gt_saliency=pixels[..., 0]))


def test_a_transform_may_drop_an_image():
    class Drop:
        def __call__(self, results):
            return None

    wrapper = TRANSFORMS.build(dict(type='TransformWithSaliency', transforms=[Drop()]))
    pixels = np.zeros((4, 5, 3), np.uint8)
    assert wrapper(dict(img=pixels, gt_saliency=pixels[..., 0])) is None


def load(dataset, index):
    return Compose([dict(type='mmpretrain.LoadImageFromFile'), dict(type='LoadSaliency')])(
        dataset.get_data_info(index)
    )


def test_maps_that_do_not_load(data):
    dataset = build(data)
    write_saliency(data / 'maps/one.png', np.zeros((5, 6), np.uint8))
    with pytest.raises(ValueError, match=r'one\.png: .* 5 x 6 pixels .* its image 24 x 32'):
        load(dataset, 0)
    Image.new('RGB', (32, 24)).save(data / 'maps/two.png')
    with pytest.raises(ValueError, match=r'two\.png: a PNG of mode RGB, expected 8-bit grey'):
        load(dataset, 1)
    os.unlink(data / 'maps/sub/three.png')
    with pytest.raises(FileNotFoundError, match=r'three\.png: the saliency map is missing'):
        load(dataset, 2)
    plain = build(data, data_prefix=dict(img_path='images'))
    assert 'saliency_path' not in plain.get_data_info(0)
    with pytest.raises(ValueError, match=r'one\.jpg: .*data_prefix\.saliency_path'):
        load(plain, 0)


def test_missing_maps_are_named_before_the_training(data):
    os.unlink(data / 'maps/two.png')
    message = r'maps: 1 of the 3 images have no saliency map .*, first two.*make_saliency'
    with pytest.raises(FileNotFoundError, match=message):
        build(data)
    with pytest.raises(FileNotFoundError, match='nowhere: there is no such folder of saliency'):
        build(data, data_prefix=dict(img_path='images', saliency_path='nowhere'))


def test_the_tags_can_be_listed_without_maps(data):
    config = dict(data_root='root', data_prefix=PREFIX)
    assert without_saliency(config)['data_prefix'] == dict(img_path='images')
    assert config['data_prefix'] is PREFIX and 'saliency_path' in PREFIX
    assert without_saliency(dict(data_prefix='images')) == dict(data_prefix='images')
