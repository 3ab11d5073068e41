"""One limit of pixels for every reader, raised by a variable that processes inherit."""

import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from helpers.seed_roots import write_images, write_seed_root, write_split
from PIL import Image

from mmseg_wsss.checks.images import DataItem, check_image, check_items
from mmseg_wsss.datasets import FolderSeedDataset
from mmseg_wsss.generation.images import SeedImage, plan_batches
from mmseg_wsss.store import read_mask, write_mask
from mmseg_wsss.utils.image import check_readable, read_image
from mmseg_wsss.utils.pixel_limit import MAX_PIXELS, VARIABLE, max_pixels, open_image

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
READERS = {
    'read_image': read_image,
    'check_image': check_image,
    'check_readable': check_readable,
    'read_mask': read_mask,
}


@pytest.fixture(params=['png', 'jpg', 'tif', 'webp'])
def image(tmp_path, request):
    path = tmp_path / f'a.{request.param}'
    Image.fromarray(PIXELS).save(path)
    return str(path)


@pytest.mark.parametrize('reader', ['read_image', 'check_image', 'check_readable'])
def test_every_reader_has_the_limit(image, reader, monkeypatch):
    monkeypatch.setenv(VARIABLE, '600')
    READERS[reader](image)
    monkeypatch.setenv(VARIABLE, '599')
    with pytest.raises(ValueError, match=rf'a\.\w+: too large .*20 x 30.*{VARIABLE}=600\.'):
        READERS[reader](image)


def test_masks_have_it_too(tmp_path, monkeypatch):
    write_mask(tmp_path / 'm.png', PIXELS[..., 0])
    Image.fromarray(PIXELS[..., 0]).save(tmp_path / 'filtered.png')  # decoded by Pillow
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    monkeypatch.setenv(VARIABLE, '600')
    for name in ('m.png', 'filtered.png'):
        assert np.array_equal(read_mask(tmp_path / name), PIXELS[..., 0])
    monkeypatch.setenv(VARIABLE, '599')
    for name in ('m.png', 'filtered.png'):
        with pytest.raises(ValueError, match=rf'{name}: too large .*{VARIABLE}=600\.'):
            read_mask(tmp_path / name)


def test_the_limit_holds_in_processes(tmp_path, monkeypatch):
    paths = [tmp_path / f'{number}.png' for number in range(32)]
    for path in paths:
        Image.fromarray(PIXELS).save(path)
    monkeypatch.setenv(VARIABLE, '599')
    report = check_items('images', [DataItem(path.stem, str(path)) for path in paths], workers=2)
    assert len(report.problems) == 32 and all('too large' in text for text in report.problems)
    monkeypatch.setenv(VARIABLE, '600')
    assert not check_items('images', [DataItem('a', str(paths[0]))], workers=1).problems


def test_pillow_s_own_limit_neither_refuses_nor_warns(image, monkeypatch, recwarn):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    assert read_image(image).shape == check_image(image) + (3,) == (20, 30, 3)
    assert plan_batches([SeedImage('a', image, ())], 2) == [[0]]
    assert Image.MAX_IMAGE_PIXELS == 100 and not recwarn.list


def test_a_header_that_asks_for_more_is_refused_before_anything_is_decoded(tmp_path):
    path = tmp_path / 'big.png'
    Image.fromarray(PIXELS).save(path)
    content = path.read_bytes()
    header = b'IHDR' + struct.pack('>II', 14_500, 12_500) + content[24:29]
    path.write_bytes(content[:12] + header + struct.pack('>I', zlib.crc32(header)) + content[33:])
    for reader in READERS.values():
        with pytest.raises(ValueError, match=r'big\.png: too large \(181 megapixels.*allowed 134'):
            reader(str(path))


@pytest.mark.parametrize('text', ['0', '-5', '2e8', '1.5', 'many', '٣'])
def test_a_variable_that_is_no_number_is_named(text, monkeypatch):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ValueError, match=f'{VARIABLE}=.*expected a whole number'):
        max_pixels()


def test_without_the_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert max_pixels() == MAX_PIXELS
    monkeypatch.setenv(VARIABLE, ' ')
    assert max_pixels() == MAX_PIXELS
    monkeypatch.setenv(VARIABLE, ' 200000000 ')
    assert max_pixels() == 200_000_000


def opencv_limit(**variables) -> str:
    code = 'import mmseg_wsss, os; print(os.environ.get("OPENCV_IO_MAX_IMAGE_PIXELS"))'
    environment = {**os.environ, **variables}
    run = subprocess.run(
        [sys.executable, '-c', code], env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_opencv_s_limit_is_raised_with_ours():
    assert opencv_limit(**{VARIABLE: str(1 << 31)}) == str(1 << 31)
    assert opencv_limit(**{VARIABLE: '200000000'}) == 'None'  # below its own
    assert opencv_limit(**{VARIABLE: '2e8'}) == 'None'  # refused where it is used
    given = {VARIABLE: str(1 << 31), 'OPENCV_IO_MAX_IMAGE_PIXELS': '77'}
    assert opencv_limit(**given) == '77'


def test_opencv_s_limit_is_named(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / 'a.png')
    code = f'from mmseg_wsss.utils import read_image; read_image({str(tmp_path / "a.png")!r})'
    environment = {**os.environ, 'OPENCV_IO_MAX_IMAGE_PIXELS': '599'}
    run = subprocess.run(
        [sys.executable, '-c', code], env=environment, capture_output=True, text=True
    )
    last = run.stderr.strip().splitlines()[-1]
    assert 'a.png: not a readable image (more than the 599 pixels that OpenCV reads' in last


def test_a_training_stops_at_too_large_an_image(tmp_path, monkeypatch):
    write_images(tmp_path, ['a'])
    write_seed_root(tmp_path / 'seeds', ['a'])
    write_split(tmp_path / 'train.txt', ['a'])
    dataset = FolderSeedDataset(
        seed_root=str(tmp_path / 'seeds'),
        ann_file=str(tmp_path / 'train.txt'),
        data_prefix=dict(img_path=str(tmp_path)),
        pipeline=[dict(type='LoadImageFromFile')],
    )
    monkeypatch.setenv(VARIABLE, '767')
    with pytest.raises(ValueError, match=r'a\.jpg: too large'):
        dataset[0]
    monkeypatch.setenv(VARIABLE, '768')
    assert dataset[0]['img'].shape == (24, 32, 3)


def test_open_image_gives_pillow_s_limit_back(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    Image.fromarray(PIXELS).save(tmp_path / 'a.png')
    with open_image(tmp_path / 'a.png'):
        with open_image(tmp_path / 'a.png') as image:
            assert image.size == (30, 20)
        assert Image.MAX_IMAGE_PIXELS is None
        with pytest.raises(FileNotFoundError), open_image(tmp_path / 'none.png'):
            pass
        assert Image.MAX_IMAGE_PIXELS is None
    assert before == Image.MAX_IMAGE_PIXELS
