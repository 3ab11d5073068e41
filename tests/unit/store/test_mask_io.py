"""Mask files: what is written is read, and whatever is no whole mask is refused."""

import io
import os
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmseg_wsss.store import decode_mask, encode_mask, read_mask, write_mask

PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
MASK = np.array([[0, 1, 2, 255], [2, 2, 1, 0], [255, 0, 0, 1]], np.uint8)
MASKS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))


def png(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, 'PNG', **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))


def raw_png(rows: bytes, width=4, height=3, depth=8, color=0, interlace=0) -> bytes:
    """Build a PNG file chunk by chunk, with right checksums whatever it says."""
    header = struct.pack('>IIBBBBB', width, height, depth, color, 0, 0, interlace)
    chunks = [chunk(b'IHDR', header), chunk(b'IDAT', rows), chunk(b'IEND', b'')]
    return b'\x89PNG\r\n\x1a\n' + b''.join(chunks)


@settings(max_examples=100, deadline=None)
@given(MASKS, st.sampled_from([None, PALETTE]))
def test_round_trip_and_other_readers(mask, palette):
    content = encode_mask(mask, palette)
    np.testing.assert_array_equal(decode_mask(content, 'm.png'), mask)
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == ('L' if palette is None else 'P')
        np.testing.assert_array_equal(np.array(image), mask)
    if palette is None:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(decoded, mask)


def test_mmseg_loads_what_is_written(tmp_path):
    path = tmp_path / 'a.png'
    write_mask(path, MASK, PALETTE)
    results = dict(seg_map_path=str(path), reduce_zero_label=False, seg_fields=[])
    np.testing.assert_array_equal(LoadAnnotations().transform(results)['gt_seg_map'], MASK)


@pytest.mark.parametrize('mode', ['L', 'P'])
@pytest.mark.parametrize('options', [{}, {'optimize': True}, {'compress_level': 1}])
def test_masks_of_other_writers(mode, options):
    mask = np.random.default_rng(0).integers(0, 256, (37, 53), np.uint8)
    mask[10:30, 5:40] = 7
    image = Image.fromarray(mask)
    if mode == 'P':
        image.putpalette(bytes(range(256)) * 3)
    np.testing.assert_array_equal(decode_mask(png(image, **options), 'm.png'), mask)


@pytest.mark.parametrize('bits', [1, 2, 4])
def test_palettes_of_fewer_bits(bits):
    mask = np.random.default_rng(bits).integers(0, 2**bits, (5, 7), np.uint8)
    image = Image.fromarray(mask)
    image.putpalette(bytes(range(3 * 2**bits)))
    np.testing.assert_array_equal(decode_mask(png(image, bits=bits), 'm.png'), mask)


@pytest.mark.skipif(not hasattr(cv2, 'IMWRITE_PNG_FILTER'), reason='this OpenCV cannot choose it')
@pytest.mark.parametrize('filter_type', range(5))
def test_every_row_filter_of_the_standard(filter_type):
    mask = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    options = [cv2.IMWRITE_PNG_FILTER, 8 << filter_type]
    content = cv2.imencode('.png', mask, options)[1].tobytes()
    np.testing.assert_array_equal(decode_mask(content, 'm.png'), mask)


def test_interlaced_mask():
    """Adam7 of a 1 x 1 image has one pass, which is the image itself."""
    content = raw_png(zlib.compress(b'\0\7'), width=1, height=1, interlace=1)
    assert decode_mask(content, 'm.png').tolist() == [[7]]


def test_equal_masks_give_equal_bytes_and_flat_ones_are_small():
    assert encode_mask(MASK, PALETTE) == encode_mask(MASK.copy(order='F'), tuple(PALETTE))
    assert len(encode_mask(np.zeros((500, 375), np.uint8), PALETTE)) < 350


def test_palette_covers_every_label_used():
    with Image.open(io.BytesIO(encode_mask(MASK[1:2], PALETTE))) as image:
        assert image.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
        assert len(image.palette.palette) == 9
    with Image.open(io.BytesIO(encode_mask(MASK, PALETTE))) as image:
        assert image.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
        assert image.getpalette()[255 * 3 :] == [224, 224, 192]


def test_decoded_mask_is_writable():
    decode_mask(encode_mask(MASK), 'm.png')[0, 0] = 9


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', r'empty \(0 bytes\)'),
        (b'\x89PN', 'truncated'),
        (b'\xff\xd8\xff\xe0 a photograph', 'not a PNG'),
        (encode_mask(MASK)[:-1], 'truncated'),
        (encode_mask(MASK)[:40], 'truncated'),
        (encode_mask(MASK)[:-12], 'truncated'),
        (png(Image.new('RGB', (4, 3))), '8-bit RGB PNG'),
        (png(Image.new('RGBA', (4, 3))), '8-bit RGBA PNG'),
        (png(Image.new('LA', (4, 3))), '8-bit grey with alpha PNG'),
        (png(Image.new('I;16', (4, 3))), '16-bit grey PNG'),
        (png(Image.new('1', (4, 3))), '1-bit grey PNG'),
        (raw_png(b'', depth=16, color=3), '16-bit palette'),
        (raw_png(b'', color=9), 'colour type 9'),
        (raw_png(b'', width=0), '3 x 0 pixels'),
        (raw_png(b'', width=1 << 30, height=1 << 30), 'too large'),
        (raw_png(b'no zlib stream'), 'damaged'),
        (raw_png(b''), 'damaged'),
        (raw_png(zlib.compress(bytes(14))), 'more or fewer pixels'),
        (raw_png(zlib.compress(bytes(16))), 'more or fewer pixels'),
        (raw_png(zlib.compress(bytes(15))[:-1]), 'more or fewer pixels'),
        (raw_png(zlib.compress(bytes(15))[:-1] + b'x'), 'damaged'),
        (raw_png(zlib.compress(b'\x09' + bytes(14))), 'damaged'),
        (b'\x89PNG\r\n\x1a\n' + chunk(b'IEND', b''), 'no PNG header'),
    ],
)
def test_what_is_no_mask_is_refused(content, message):
    with pytest.raises(ValueError, match=f'^m.png: .*{message}'):
        decode_mask(content, 'm.png')


def test_every_single_damaged_byte_is_noticed():
    content = encode_mask(MASK, PALETTE)
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        with pytest.raises(ValueError, match=r'^m\.png: '):
            decode_mask(bytes(damaged), 'm.png')


def test_every_truncation_is_noticed():
    content = encode_mask(MASK, PALETTE)
    for length in range(len(content)):
        with pytest.raises(ValueError, match=r'^m\.png: '):
            decode_mask(content[:length], 'm.png')


def test_a_small_file_cannot_ask_for_much_memory():
    bomb = raw_png(zlib.compress(bytes(50_000_000), 9), width=4, height=3)
    with pytest.raises(ValueError, match='more or fewer pixels'):
        decode_mask(bomb, 'm.png')


PIECES = [
    encode_mask(MASK, PALETTE), png(Image.new('L', (9, 9), 3)), png(Image.new('P', (9, 9)), bits=2),
]  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_fuzzed_files_give_a_mask_or_a_value_error(data):
    content = bytearray(data.draw(st.sampled_from(PIECES)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 8)))
        content[start:end] = data.draw(st.binary(max_size=8))
    if data.draw(st.booleans()):
        content = mend_checksums(bytes(content))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            mask = decode_mask(bytes(content), 'm.png')
    except ValueError as error:
        assert str(error).startswith('m.png: ')
    else:
        assert mask.dtype == np.uint8 and mask.ndim == 2


def mend_checksums(content: bytes) -> bytes:
    """Give every chunk its right checksum, so that the fuzz gets past them."""
    mended, position = content[:8], 8
    while position + 12 <= len(content):
        (length,) = struct.unpack_from('>I', content, position)
        if position + 12 + length > len(content):
            break
        kind = content[position + 4 : position + 8]
        mended += chunk(kind, content[position + 8 : position + 8 + length])
        position += 12 + length
    return mended + content[position:]


def test_expected_size_and_labels():
    content = encode_mask(MASK)
    np.testing.assert_array_equal(decode_mask(content, 'm', (3, 4), 3), MASK)
    with pytest.raises(ValueError, match=r'm: 3 x 4 \(height x width\), expected 4 x 3'):
        decode_mask(content, 'm', (4, 3))
    with pytest.raises(ValueError, match='m: label 2, expected 0 to 1 or 255'):
        decode_mask(content, 'm', num_classes=2)
    with pytest.raises(ValueError, match='m: label 255, expected 0 to 2;'):
        decode_mask(content, 'm', num_classes=3, ignore_index=None)


def test_a_wrong_size_is_noticed_before_pixels_are_decoded():
    with pytest.raises(ValueError, match='expected 3 x 4'):
        decode_mask(raw_png(zlib.compress(bytes(30)), width=9, height=3), 'm', (3, 4))


@pytest.mark.parametrize(
    'mask, palette, error',
    [
        (MASK.astype(np.int64), None, TypeError),
        (MASK.tolist(), None, TypeError),
        (MASK[None], None, ValueError),
        (MASK[:0], None, ValueError),
        (MASK, [], ValueError),
        (MASK, [[0, 0]], ValueError),
        (MASK, [[0, 0, 256]], ValueError),
        (MASK, [[0, 0, 0]] * 257, ValueError),
    ],
)
def test_what_cannot_be_written(mask, palette, error, tmp_path):
    with pytest.raises(error, match='mask|palette'):
        write_mask(tmp_path / 'a.png', mask, palette)
    assert not any(tmp_path.iterdir())


def test_files(tmp_path):
    path = tmp_path / 'sub folder' / 'ünïcode 図.png'
    size = write_mask(path, MASK, PALETTE)
    assert size == path.stat().st_size
    np.testing.assert_array_equal(read_mask(path), MASK)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with pytest.raises(FileNotFoundError, match='missing.png: there is no such mask'):
        read_mask(tmp_path / 'missing.png')


def test_a_failed_write_leaves_the_old_mask(tmp_path, monkeypatch):
    path = tmp_path / 'a.png'
    write_mask(path, MASK)

    def full_disk(_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full_disk)
    with pytest.raises(OSError, match='No space left'):
        write_mask(path, MASK * 0)
    np.testing.assert_array_equal(read_mask(path), MASK)
    assert [file.name for file in tmp_path.iterdir()] == ['a.png']
