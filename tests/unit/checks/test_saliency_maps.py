"""The check of a classifier's saliency maps before it trains."""

import os

import numpy as np
import pytest
from helpers.seed_roots import CLASSES, write_images, write_split
from mmengine.config import Config
from PIL import Image

from mmseg_wsss.checks.configs import check_config
from mmseg_wsss.checks.images import check_image
from mmseg_wsss.checks.saliency import image_size
from mmseg_wsss.store import Fingerprint, ImageRecord, ImageRecords, write_saliency

IDS = ['one', 'two', 'three']
SLOPE = np.tile(np.arange(32, dtype=np.uint8), (24, 1))


@pytest.fixture
def data(tmp_path):
    write_images(tmp_path / 'images', IDS)
    write_split(tmp_path / 'train.txt', IDS)
    (tmp_path / 'tags.csv').write_text('image_id,tags\none,dog\ntwo,dog cat\nthree,\n')
    for image_id in IDS:
        write_saliency(tmp_path / f'maps/{image_id}.png', SLOPE)
    return tmp_path


def check(data):
    dataset = dict(
        type='TagsDataset',
        data_root=str(data),
        tags_file='tags.csv',
        ann_file='train.txt',
        data_prefix=dict(img_path='images', saliency_path='maps'),
        metainfo=dict(classes=CLASSES),
    )
    (report,) = check_config(Config(dict(train_dataloader=dict(dataset=dataset))), 1)
    return report


def test_good_maps_are_counted(data):
    report = check(data)
    assert not report.problems and ('saliency maps', '3') in report.rows


def small(path):
    write_saliency(path, np.zeros((3, 4), np.uint8))
    return '3 x 4 pixels (height x width), its image 24 x 32'


def coloured(path):
    Image.new('RGB', (32, 24)).save(path)
    return 'a PNG of mode RGB, expected 8-bit grey'


def broken(path):
    path.write_bytes(path.read_bytes()[:60])
    return 'not a readable saliency map'


def gone(path):
    os.unlink(path)
    return '1 of the 3 images have no saliency map'


@pytest.mark.parametrize('harm', [small, coloured, broken, gone])
def test_bad_maps_are_named(data, harm):
    message = harm(data / 'maps/two.png')
    (problem,) = check(data).problems
    assert 'two' in problem and message in problem


def test_mostly_flat_maps(data):
    write_saliency(data / 'maps/one.png', np.zeros((24, 32), np.uint8))
    assert not check(data).problems
    write_saliency(data / 'maps/two.png', np.full((24, 32), 255, np.uint8))
    (problem,) = check(data).problems
    assert '2 of 3 saliency maps have one value everywhere, e.g. one, two' in problem


def test_maps_of_photographs_that_were_replaced(data):
    records = ImageRecords(data / 'maps')
    for image_id in IDS[:2]:  # the third map is of another origin
        content = Fingerprint.of_file(data / f'images/{image_id}.jpg')
        records.write(image_id, ImageRecord(None, content))
    assert not check(data).problems
    for image_id in IDS[1:]:
        Image.new('RGB', (32, 24), 'red').save(data / f'images/{image_id}.jpg')
    (problem,) = check(data).problems
    assert 'maps/two.png' in problem and 'were made of another photograph' in problem


def test_size_of_an_image_that_is_turned(tmp_path):
    image = Image.new('RGB', (32, 24))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / 'turned.jpg', exif=exif)
    image.save(tmp_path / 'plain.png')
    for name, size in (('turned.jpg', (32, 24)), ('plain.png', (24, 32))):
        assert image_size(str(tmp_path / name)) == check_image(str(tmp_path / name)) == size
