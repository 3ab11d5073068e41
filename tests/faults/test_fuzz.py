"""Ten thousand damaged files and more: content, or a ValueError that names the file."""

import io
import json
import random

import numpy as np
import pytest
from helpers.seed_roots import CLASSES, PALETTE

from mmseg_wsss.datasets import read_split, read_tags
from mmseg_wsss.store import (
    Fingerprint,
    ImageRecord,
    ImageRecords,
    SeedManifest,
    decode_mask,
    encode_mask,
)

INPUTS = 2000  # of each of the slower readers; five times as many of the faster ones


def mutate(content: bytes, others: list[bytes], draw: random.Random) -> bytes:
    """Damage a file as disks, transfers and editors do, and as somebody might on purpose."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(8)
        if kind == 0:
            data[at : at + 1] = bytes([draw.randrange(256)])
        elif kind == 1:
            del data[at : at + draw.choice((1, 2, 8, 64))]
        elif kind == 2:
            data[at:at] = bytes(draw.randrange(256) for _ in range(draw.choice((1, 4, 32))))
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            piece = data[at : at + draw.randrange(40)]
            data[at:at] = piece * draw.choice((1, 2, 50))
        elif kind == 5 and at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 6:
            other = draw.choice(others)
            start = draw.randrange(len(other) + 1)
            data[at : at + 20] = other[start : start + draw.randrange(60)]
        else:
            token = draw.choice(
                (b'\x00', b'\xff\xfe', b'"', b',', b';', b'{', b'../', b'\r', b'9' * 40)
            )
            data[at:at] = token
    return bytes(data)


def mask_files() -> list[bytes]:
    mask = np.random.default_rng(0).integers(0, 3, (5, 7), np.uint8)
    return [
        encode_mask(mask),
        encode_mask(mask, PALETTE),
        encode_mask(np.full((40, 30), 255, np.uint8)),
    ]


def manifest_files() -> list[bytes]:
    seeds = [
        dict(name='0.05-1.00', dropout=0.05, scale=1.0),
        dict(name='b', dropout=None, scale=None),
    ]
    plain = SeedManifest(CLASSES, PALETTE, seeds, ['a', 'sub/b', 'ü'], parameters=dict(x=[1, 2.5]))
    ordered = SeedManifest(
        CLASSES, PALETTE, seeds, [], tie='seed_order', seed_order=['b', '0.05-1.00']
    )
    return [plain.to_bytes(), ordered.to_bytes()]


def tag_files() -> dict[str, list[bytes]]:
    array = io.BytesIO()
    vectors = {'2007_000032': np.array([1, 0], np.float32), '9': np.array([0, 1], np.uint8)}
    np.save(array, vectors, allow_pickle=True)
    return {
        '.csv': [b'image_id,tags\na,cat dog\nb,\n"c,d",cat\n', b'image_id,dog,cat\na,0,1\nb,1,1\n'],
        '.json': [json.dumps({'a': ['cat'], 'b': [], 'c': ['dog', 'cat']}).encode()],
        '.npy': [array.getvalue()],
    }


def split_files() -> list[bytes]:
    return [
        b'2007_000032\n2007_000039\n',
        b'/JPEGImages/a.jpg /SegmentationClassAug/a.png\r\nb c\n',
    ]


def survive(files, read, seed, inputs=INPUTS):
    """Read damaged files; count those that were read and those that were refused."""
    draw = random.Random(seed)
    counts = [0, 0]
    for number in range(inputs):
        content = mutate(files[number % len(files)], files, draw)
        try:
            read(content)
            counts[0] += 1
        except ValueError as error:
            assert 'damaged.file' in str(error), (content, error)
            counts[1] += 1
        except Exception as error:
            raise AssertionError(f'{content!r} raised {type(error).__name__}') from error
    # Both ends of the road are taken: the damage is neither all harmless nor all gross.
    assert counts[1] > inputs / 20, counts
    return counts


def test_masks():
    # Checksums notice nearly all; what is read is a mask all the same.
    def read(content):
        mask = decode_mask(content, 'damaged.file', num_classes=3)
        assert mask.dtype == np.uint8 and mask.ndim == 2 and set(np.unique(mask)) <= {0, 1, 2, 255}

    counts = survive(mask_files(), read, 0, 5 * INPUTS)
    assert counts[0] > 20, counts


def test_manifests():
    def read(content):
        manifest = SeedManifest.from_bytes(content, 'damaged.file')
        assert SeedManifest.from_bytes(manifest.to_bytes(), 'again') == manifest

    assert survive(manifest_files(), read, 1, 5 * INPUTS)[0] > 20


def test_records(tmp_path):
    records = ImageRecords(tmp_path)
    records.write('x', ImageRecord(('cat', 'traffic light'), Fingerprint.of_content(b'')))
    whole = [records.path('x').read_bytes()]

    def read(content):
        records.path('x').write_bytes(content)
        record = records.read('x')
        if record is None:
            raise ValueError('damaged.file')
        records.write('x', record)
        assert records.read('x') == record

    assert survive(whole, read, 4, INPUTS // 2)[0] > 20


@pytest.mark.parametrize('suffix', ['.csv', '.json', '.npy'])
def test_tags(tmp_path, suffix):
    path = tmp_path / f'damaged.file{suffix}'

    def read(content):
        path.write_bytes(content)
        tags = read_tags(path, CLASSES)
        assert tags and all(set(labels) <= {1, 2} for labels in tags.values())

    assert survive(tag_files()[suffix], read, 2, INPUTS // 2)[0] > 20


def test_splits(tmp_path):
    path = tmp_path / 'damaged.file'

    def read(content):
        path.write_bytes(content)
        ids = read_split(path)
        assert ids and len(set(ids)) == len(ids)

    assert survive(split_files(), read, seed=3)[0] > 20
