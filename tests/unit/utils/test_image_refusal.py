"""What is refused and with which words, what a copy makes of it, against the arrays written."""

import re

import cv2
import numpy as np
import pytest
from helpers.tiff import write_tiff
from PIL import Image, UnidentifiedImageError

from mmseg_wsss.checks.images import check_image
from mmseg_wsss.generation.images import SeedImage, plan_batches
from mmseg_wsss.store import Fingerprint, ImageRecord, MaskFolder
from mmseg_wsss.utils import image_refusal
from mmseg_wsss.utils.image import check_readable, check_readable_once, read_image
from mmseg_wsss.utils.image_copy import load_values, read_shifted
from mmseg_wsss.utils.image_info import describe_image

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
BAND = RNG.integers(0, 200, (20, 30, 1), dtype=np.uint8)
TWELVE = RNG.integers(1, 4095, (20, 30, 3)).astype(np.uint16)
TWELVE[0, 0], TWELVE[0, 1] = 0, 4095


def tiff(array, **options):
    return lambda path: write_tiff(path, array, **options)


def pillow(array, **options):
    return lambda path: Image.fromarray(array).save(path, **options)


def turned(path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn to the right
    Image.fromarray(TWELVE[..., 0]).save(path, exif=exif)


def turned_webp(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(path, lossless=True, exif=exif)


def test_an_image_that_this_opencv_does_not_turn_is_refused(tmp_path, monkeypatch):
    """OpenCV 4.11 ignores the EXIF orientation of a WebP; here any version is taken for it."""
    path = str(tmp_path / 'a.webp')
    turned_webp(path)
    monkeypatch.setattr(image_refusal, '_turns', lambda file_format: file_format != 'WEBP')
    for read in (check_readable, check_image, read_image):
        with pytest.raises(ValueError, match=rf'{path}: EXIF turns .* WEBP: save it upright'):
            read(path)
    Image.fromarray(RGB).save(path, lossless=True)
    check_readable(path)
    assert np.array_equal(read_image(path), RGB)


def test_a_turned_webp_is_turned_or_refused(tmp_path):
    path = str(tmp_path / 'a.webp')
    turned_webp(path)
    try:
        image = read_image(path)
    except ValueError as error:
        assert 'EXIF turns or mirrors it' in str(error)
    else:
        assert np.array_equal(image, np.rot90(RGB, -1))


GREY = TWELVE[..., :1].repeat(3, axis=2)
# Of each file how it is written, what a refusal says, and what its values are.
CONVERTIBLE = {
    'grey 16.png': (pillow(TWELVE[..., 0]), '16-bit grey, values 0 to 4,095', GREY),
    'grey 16.tif': (pillow(TWELVE[..., 0]), '16-bit grey, values 0 to 4,095', GREY),
    'turned 16.png': (turned, '16-bit grey, values 0 to 4,095', np.rot90(GREY, -1)),
    'rgb 16.tif': (tiff(TWELVE), '16-bit RGB, values 0 to 4,095', TWELVE),
    'rgb 16.png': (
        lambda path: cv2.imwrite(str(path), TWELVE[..., ::-1]),
        '16-bit RGB, values 0 to 4,095',
        TWELVE,
    ),
    'rgb and infrared 16.tif': (
        tiff(np.dstack([TWELVE, TWELVE[..., 0] + 9000]), extra=[0]),
        r'16-bit RGB \(4 bands\), values 0 to 4,095',
        TWELVE,
    ),
    'rgb and alpha 16.tif': (
        tiff(np.dstack([TWELVE, TWELVE[..., 0]]), extra=[2]),
        r'16-bit RGBA \(4 bands\), values 0 to 4,095',
        TWELVE,
    ),
    'signed 16.tif': (
        tiff(TWELVE[..., 0].astype(np.int16), photometric=1),
        '16-bit signed grey, values 0 to 4,095',
        GREY,
    ),
    'grey 32.tif': (
        tiff(TWELVE[..., 0].astype(np.uint32), photometric=1),
        '32-bit grey, values 0 to 4,095',
        GREY,
    ),
    'signed 32.tif': (
        tiff(TWELVE[..., 0].astype(np.int32), photometric=1),
        '32-bit signed grey, values 0 to 4,095',
        GREY,
    ),
    'infrared as alpha.tif': (tiff(np.dstack([RGB, BAND]), extra=[2]), 'fourth band', RGB),
    'planar alpha.tif': (tiff(np.dstack([RGB, BAND]), extra=[2], planar=True), 'fourth band', RGB),
    'cut out.tif': (
        pillow(np.dstack([RGB, np.where(BAND < 100, 0, 255).astype(np.uint8)])),
        'fourth band',
        RGB,
    ),
}
FRACTIONS = (TWELVE / 4095).astype(np.float32)
HOPELESS = {
    'float.tif': (
        tiff(FRACTIONS[..., 0], photometric=1),
        'not a readable image: 32-bit float grey, values 0 to 1;',
    ),
    'float rgb.tif': (tiff(FRACTIONS), 'not a readable image: 32-bit float RGB, values 0 to 1;'),
    'double.tif': (
        tiff(FRACTIONS[..., 0].astype(float), photometric=1),
        '64-bit float grey, values 0 to 1;',
    ),
    'nan.tif': (
        tiff(np.full((4, 4), np.nan, np.float32), photometric=1),
        '32-bit float grey, values nan to nan;',
    ),
    'complex.tif': (tiff(FRACTIONS[..., 0].astype(np.complex64), photometric=1), '64-bit complex'),
    'negative.tif': (
        tiff(TWELVE[..., 0].astype(np.int16) - 100, photometric=1),
        '16-bit signed grey, values -100 to 3,995; expected 8 bits, 0 to 255: convert',
    ),
    'signed 8.tif': (tiff(RGB[..., 0].view(np.int8), photometric=1), '8-bit signed grey, values -'),
    'two bands.tif': (tiff(RGB[..., :2], photometric=1, extra=[0]), '8-bit, 2 bands; expected one'),
    'three grey bands.tif': (tiff(RGB, photometric=1, extra=[0, 0]), '8-bit, 3 bands; expected'),
    'five bands.tif': (
        tiff(np.dstack([RGB, BAND, BAND]), extra=[0, 0]),
        'not a readable image: 8-bit, 5 bands; expected',
    ),
    'eight bands 16.tif': (
        tiff(TWELVE.repeat(3, axis=2)[..., :8], photometric=1, extra=[0] * 7),
        '16-bit, 8 bands; expected',
    ),
    'planar 16.tif': (tiff(TWELVE, planar=True), r'16-bit RGB with bands one after the other'),
    'white is 0.tif': (tiff(TWELVE[..., 0], photometric=0), '16-bit grey with white as 0'),
    'cmyk 16.tif': (tiff(np.dstack([TWELVE, TWELVE[..., 0]]), photometric=5), 'TIFF CMYK 16-bit'),
}


@pytest.mark.parametrize('name', [*CONVERTIBLE, *HOPELESS])
def test_what_cannot_be_read_as_it_is_is_refused_by_all(tmp_path, name):
    path = tmp_path / name
    write, message, *_ = {**CONVERTIBLE, **HOPELESS}[name]
    write(path)
    for reader in (read_image, check_readable, check_readable_once):
        with pytest.raises(ValueError, match=f'{re.escape(name)}: .*{message}'):
            reader(str(path))


@pytest.mark.parametrize('name', CONVERTIBLE)
def test_a_copy_has_the_values_as_they_are(tmp_path, name):
    path = tmp_path / name
    write, _, expected = CONVERTIBLE[name]
    write(path)
    info, values = load_values(str(path))
    assert np.array_equal(values, expected)
    assert info.is_deep == (expected.max() > 255)
    shifted = read_shifted(str(path), 4)
    assert shifted.dtype == np.uint8
    assert np.array_equal(shifted, expected // 16 if info.is_deep else expected)
    # A number of bits that is too small for some values.
    assert np.array_equal(
        read_shifted(str(path), 2),
        [[[min(v // 4, 255) for v in p] for p in row] for row in expected.tolist()]
        if info.is_deep
        else expected,
    )


@pytest.mark.parametrize('name', HOPELESS)
def test_what_has_no_place_in_eight_bits_is_refused_for_copies_too(tmp_path, name):
    path = tmp_path / name
    write, message = HOPELESS[name]
    write(path)
    with pytest.raises(ValueError, match=f'{re.escape(name)}: .*{message}'):
        load_values(str(path))


def test_alpha_of_255_everywhere_changes_nothing_and_is_read(tmp_path):
    opaque = np.dstack([RGB, np.full((20, 30), 255, np.uint8)])
    write_tiff(tmp_path / 'a.tif', opaque, extra=[2])
    assert np.array_equal(read_image(str(tmp_path / 'a.tif')), RGB)
    assert describe_image(str(tmp_path / 'a.tif')).extra == 1


def test_pages_are_counted_without_smaller_copies(tmp_path):
    path = str(tmp_path / 'a.tif')
    for pages, count in (((0,), 1), ((0, 0, 0), 3), ((0, 1, 1), 1), ((1,), 1)):
        write_tiff(tmp_path / 'a.tif', RGB, pages=pages)
        assert describe_image(path).pages == count


def test_a_circle_of_pages_ends(tmp_path):
    path = tmp_path / 'a.tif'
    write_tiff(path, RGB, pages=(0, 0))
    content = bytearray(path.read_bytes())
    second = content.rindex(b'\xfe\x00') - 2  # the first tag of the second page
    first = int.from_bytes(content[4:8], 'little')
    number = int.from_bytes(content[second : second + 2], 'little')
    content[second + 2 + 12 * number : second + 6 + 12 * number] = first.to_bytes(4, 'little')
    path.write_bytes(content)
    assert describe_image(str(path)).pages == 2


def test_a_damaged_header_is_called_broken(tmp_path):
    path = tmp_path / 'a.tif'
    write_tiff(path, RGB)
    content = bytearray(path.read_bytes())
    tag = content.rindex((262).to_bytes(2, 'little') + (3).to_bytes(2, 'little'))
    content[tag + 2] = 2  # letters instead of a number
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.tif: broken image \(tag 262 is '):
        read_image(str(path))


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'tif', 'webp', 'gif', 'bmp'])
def test_damaged_files_are_refused_or_read_but_stop_nothing(tmp_path, suffix):
    """Cut and overwritten at random, as a fuzzer does."""
    path = tmp_path / f'a.{suffix}'
    Image.fromarray(RGB).save(path)
    whole = path.read_bytes()
    random = np.random.default_rng(7)
    for _ in range(60):
        content = bytearray(whole)
        for place in random.integers(0, min(300, len(content)), 3):
            content[-place if suffix == 'tif' else place] = random.integers(256)
        path.write_bytes(content[: random.integers(1, 2 * len(content))])
        for reader in (read_image, check_readable, load_values, check_image):
            try:
                reader(str(path))
            except ValueError as error:
                assert str(error).startswith(f'{path}: ')


def test_a_file_is_looked_at_once(tmp_path, monkeypatch):
    path = tmp_path / 'a.png'
    Image.fromarray(RGB).save(path)
    check_readable_once(str(path))
    path.write_bytes(b'')
    check_readable_once(str(path))
    check_readable_once('s3://bucket/a.png')  # left to the loader
    with pytest.raises(ValueError, match='not a readable image'):
        check_readable(str(path))


def test_what_pillow_does_not_open_is_read_and_batched(tmp_path):
    """A TIFF of grey with alpha whose white is 0."""
    path = str(tmp_path / 'a.tif')
    write_tiff(tmp_path / 'a.tif', RGB[..., :2], photometric=0, extra=[2])
    with pytest.raises(UnidentifiedImageError):
        Image.open(path)
    assert np.array_equal(read_image(path), 255 - RGB[..., :1].repeat(3, axis=2))
    assert plan_batches([SeedImage('a', path, ()), SeedImage('b', path, ())], 2) == [[0, 1]]
    folder = MaskFolder(tmp_path / 'masks', {})
    record = ImageRecord(None, Fingerprint.of_file(path))
    folder.write('a', RGB[..., 0] // 128, [[0, 0, 0], [9, 0, 0]], record)
    assert folder.has('a', path, 2, (0, 1), None)
