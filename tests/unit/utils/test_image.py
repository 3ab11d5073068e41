"""Images are read as mmseg reads them."""

import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from mmseg_wsss.utils import read_image


@pytest.mark.parametrize('mode', ['RGB', 'L', 'RGBA', 'P', 'CMYK', 'EXIF'])
def test_equal_to_the_loader_of_mmseg(tmp_path, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    path = str(tmp_path / ('a.jpg' if mode in ('CMYK', 'EXIF') else 'a.png'))
    if mode == 'EXIF':
        exif = Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        image.save(path, exif=exif)
    else:
        image.convert(mode).save(path)
    ours = read_image(path)
    theirs = LoadImageFromFile()(dict(img_path=path))['img']
    assert ours.dtype == np.uint8
    assert ours.shape == ((8, 5, 3) if mode == 'EXIF' else (5, 8, 3))
    assert np.array_equal(ours, theirs[..., ::-1])


def test_the_order_of_the_channels_is_rgb(tmp_path):
    path = str(tmp_path / 'red.png')
    assert cv2.imwrite(path, np.full((2, 2, 3), (0, 0, 255), np.uint8))
    assert read_image(path)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize('content', [b'', b'not an image'])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    path = tmp_path / 'broken.jpg'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf'broken\.jpg: not a readable image \({len(content)}'):
        read_image(str(path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.jpg'):
        read_image(str(tmp_path / 'nowhere.jpg'))
