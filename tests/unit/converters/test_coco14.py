"""The COCO converter on miniature downloads in the official format."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from dataset_converters import coco14 as tool
from PIL import Image

from mmseg_wsss.converters.coco14 import convert_coco14
from mmseg_wsss.converters.coco_annotations import CATEGORY_IDS, LABEL_OF_CATEGORY
from mmseg_wsss.datasets.class_names import COCO_CLASSES

HEIGHT, WIDTH = 10, 14


def rectangle(left: int, top: int, right: int, bottom: int) -> list[list[float]]:
    """A polygon on pixel borders: which pixels it covers is known whatever fills polygons."""
    return [[left, top, right, top, right, bottom, left, bottom]]


def annotation(number: int, image_id: int, category: int, segmentation, iscrowd: int = 0) -> dict:
    return dict(
        id=number,
        image_id=image_id,
        category_id=category,
        segmentation=segmentation,
        iscrowd=iscrowd,
        bbox=[0, 0, 1, 1],
        area=1.0,
    )


def image_entry(image_id: int, split: str) -> dict:
    name = f'COCO_{split}2014_{image_id:012d}.jpg'
    return dict(id=image_id, file_name=name, height=HEIGHT, width=WIDTH, license=1)


def write_image(path: Path, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    Image.fromarray(pixels).save(path, quality=90)


def run_lengths_of(mask: np.ndarray) -> list[int]:
    """Column-first run lengths by walking over the pixels one by one."""
    counts, value = [0], 0
    for pixel in mask.T.ravel():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


LABELS_TO_IDS = dict(zip(COCO_CLASSES[1:], CATEGORY_IDS, strict=True))
CROWD = dict(size=[HEIGHT, WIDTH], counts=[0, HEIGHT * WIDTH])


@pytest.fixture
def contents() -> dict[str, dict]:
    """Annotations of train: a picture of overlaps, one of a crowd alone, one of nothing; of val."""
    categories = [dict(id=LABELS_TO_IDS[name], name=name) for name in COCO_CLASSES[1:]]
    blob = np.zeros((HEIGHT, WIDTH), int)
    blob[1:3, 10:13] = blob[5, 12] = 1
    train = [
        annotation(1, 9, 90, rectangle(0, 0, 6, 4)),  # toothbrush, label 80
        annotation(2, 9, 1, rectangle(2, 1, 8, 6)),  # person, on top of it
        annotation(3, 9, 13, dict(size=[HEIGHT, WIDTH], counts=run_lengths_of(blob))),  # stop sign
        annotation(4, 9, 44, CROWD, iscrowd=1),
        annotation(5, 25, 1, CROWD, iscrowd=1),
    ]
    return dict(
        train=dict(
            images=[image_entry(number, 'train') for number in (25, 9, 30)],
            annotations=train,
            categories=categories,
        ),
        val=dict(
            images=[image_entry(42, 'val')],
            annotations=[annotation(6, 42, 18, rectangle(1, 1, 3, 3))],
            categories=categories,
        ),
    )


def write_download(root: Path, contents: dict[str, dict]) -> None:
    (root / 'annotations').mkdir(parents=True, exist_ok=True)
    for split, content in contents.items():
        path = root / 'annotations' / f'instances_{split}2014.json'
        path.write_text(json.dumps(content))
        for entry in content['images']:
            write_image(root / f'{split}2014' / entry['file_name'])


EXPECTED = np.zeros((HEIGHT, WIDTH), np.uint8)
EXPECTED[0:4, 0:6] = 80
EXPECTED[1:6, 2:8] = 1
EXPECTED[1:3, 10:13] = EXPECTED[5, 12] = 12
NAME = 'COCO_train2014_000000000009'


def read_png(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == 'P'
        return np.asarray(image)


def test_category_order():
    assert len(CATEGORY_IDS) == 80 and CATEGORY_IDS[0] == 1 and CATEGORY_IDS[-1] == 90
    # Some that lie behind the gaps of the 91.
    for category, name in [(13, 'stop sign'), (44, 'bottle'), (70, 'toilet'), (90, 'toothbrush')]:
        assert COCO_CLASSES[LABEL_OF_CATEGORY[category]] == name


def test_complete_layout(tmp_path, contents):
    write_download(tmp_path, contents)
    report = convert_coco14(str(tmp_path), workers=1)
    assert report.problems == []
    masks = tmp_path / 'SegmentationClass'
    np.testing.assert_array_equal(read_png(masks / 'train2014' / f'{NAME}.png'), EXPECTED)
    assert sorted(path.name for path in masks.rglob('*.png')) == [
        f'{NAME}.png',
        'COCO_val2014_000000000042.png',
    ]
    assert (tmp_path / 'train.txt').read_text() == f'{NAME}\n'
    assert (tmp_path / 'val.txt').read_text() == 'COCO_val2014_000000000042\n'
    labels = np.load(tmp_path / 'cls_labels.npy', allow_pickle=True).item()
    assert set(labels) == {NAME, 'COCO_val2014_000000000042'}
    assert labels[NAME].dtype == np.float32 and labels[NAME].shape == (80,)
    assert np.flatnonzero(labels[NAME]).tolist() == [0, 11, 79]
    assert (tmp_path / 'tags.csv').read_text().splitlines()[1] == (
        f'{NAME},person;stop sign;toothbrush'
    )
    rows = dict(report.rows)
    assert rows['train: images in the annotations'] == '3'
    assert rows['train: images with tags'] == '1 (official 82,081)'
    assert rows['train: crowd annotations left out'] == '2'


@pytest.mark.parametrize('name', ['000000000009.jpg', '9.jpg'])
def test_other_image_names(tmp_path, contents, name):
    write_download(tmp_path, contents)
    (tmp_path / 'train2014' / f'{NAME}.jpg').rename(tmp_path / 'train2014' / name)
    assert convert_coco14(str(tmp_path), workers=1).exit_status == 0
    stem = name.removesuffix('.jpg')
    assert (tmp_path / 'train.txt').read_text() == f'{stem}\n'
    np.testing.assert_array_equal(
        read_png(tmp_path / 'SegmentationClass' / 'train2014' / f'{stem}.png'), EXPECTED
    )


def test_second_run_keeps_masks_and_mends_stale_ones(tmp_path, contents):
    write_download(tmp_path, contents)
    convert_coco14(str(tmp_path), workers=1)
    masks = sorted((tmp_path / 'SegmentationClass').rglob('*.png'))
    before = [path.stat().st_mtime_ns for path in masks]
    report = convert_coco14(str(tmp_path), workers=1)
    assert [path.stat().st_mtime_ns for path in masks] == before
    assert dict(report.rows)['train: masks kept / written'] == '1 / 0'
    # A mask of the right size with other labels is not taken for finished.
    Image.fromarray(np.ones((HEIGHT, WIDTH), np.uint8)).save(masks[0])
    report = convert_coco14(str(tmp_path), workers=1)
    assert dict(report.rows)['train: masks kept / written'] == '0 / 1'
    np.testing.assert_array_equal(read_png(masks[0]), EXPECTED)


def test_hidden_classes_and_polygons_without_area(tmp_path, contents):
    contents['val']['annotations'] += [
        annotation(7, 42, 20, rectangle(1, 1, 3, 3)),  # sheep, hides the dog
        annotation(8, 42, 5, [[1.0, 1.0, 3.0, 3.0]]),  # airplane of two corners
    ]
    write_download(tmp_path, contents)
    report = convert_coco14(str(tmp_path), workers=1)
    assert report.exit_status == 0
    assert '42,airplane;dog;sheep' in (tmp_path / 'tags.csv').read_text()
    assert dict(report.rows)['val: images with a tag that no pixel shows'] == '1'
    assert any('1 polygons of fewer than three corners' in remark for remark in report.remarks)
    convert_coco14(str(tmp_path), tags_from='mask', workers=1)
    assert '42,sheep\n' in (tmp_path / 'tags.csv').read_text()
    with pytest.raises(ValueError, match='tags_from'):
        convert_coco14(str(tmp_path), tags_from='captions')


def alter(**changes):
    """Change fields of the first annotation of train."""
    return lambda root, contents: contents['train']['annotations'][0].update(changes)


def after(action):
    """Break a file after the download was written."""
    return lambda root, contents: lambda: action(root)


TRAIN_IMAGE = f'train2014/{NAME}.jpg'
BREAKAGES = {
    'truncated image': (
        after(
            lambda root: (root / TRAIN_IMAGE).write_bytes((root / TRAIN_IMAGE).read_bytes()[:-9])
        ),
        r'000000000009\.jpg: broken image \(.*truncated',
    ),
    'missing image': (
        after(lambda root: (root / TRAIN_IMAGE).unlink()),
        r'train2014: no image COCO_train2014_000000000009\.jpg or 000000000009\.jpg or 9\.jpg',
    ),
    'image of another size': (
        after(lambda root: write_image(root / TRAIN_IMAGE, (WIDTH, HEIGHT))),
        r'the image is 14 x 10 .* the annotations say 10 x 14',
    ),
    'category out of range': (
        alter(category_id=91),
        r"annotation 1 of image 9: category id 91 is none of COCO's 80",
    ),
    'category in a gap': (alter(category_id=12), 'category id 12 is none'),
    'duplicate annotation id': (alter(id=2), 'annotation id 2 occurs more than once'),
    'unknown image': (alter(image_id=777), 'annotations 1 belong to image 777, which is not'),
    'polygon of odd length': (
        alter(segmentation=[[1, 2, 3, 4, 5, 6, 7]]),
        'image 9: a polygon is no list of x, y pairs',
    ),
    'polygon with NaN': (
        alter(segmentation=[[1, 2, 3, 4, 5, float('nan')]]),
        'image 9: a polygon has a corner that is not finite',
    ),
    'run lengths of another size': (
        alter(segmentation=dict(size=[WIDTH, HEIGHT], counts=[140])),
        r'image 9: run lengths of size \[14, 10\], expected \[10, 14\]',
    ),
    'run lengths too short': (
        alter(segmentation=dict(size=[HEIGHT, WIDTH], counts=[5, 5])),
        'run lengths of 10 pixels, expected 140',
    ),
    'no segmentation at all': (alter(segmentation=None), 'segmentation is NoneType'),
    'missing field': (
        lambda root, contents: contents['train']['annotations'][0].pop('category_id') and None,
        'expected id, image_id, category_id',
    ),
    'duplicate image id': (
        lambda root, contents: contents['train']['images'].append(image_entry(9, 'train')),
        'image id 9 occurs more than once',
    ),
    'shared file name': (
        lambda root, contents: contents['train']['images'][2].update(file_name=f'{NAME}.jpg'),
        f'several image ids share a file_name .{NAME}.jpg',
    ),
    'image without size': (
        lambda root, contents: contents['train']['images'][2].pop('height') and None,
        'expected id, file_name, height and width',
    ),
    'another class list': (
        lambda root, contents: contents['train'].update(categories=[dict(id=1, name='pedestrian')]),
        "category 1 is 'pedestrian', expected 'person'",
    ),
}


@pytest.mark.parametrize('name', BREAKAGES)
def test_broken_input_is_named_and_nothing_declares_the_data_ready(tmp_path, contents, name):
    breakage, message = BREAKAGES[name]
    later = breakage(tmp_path, contents)
    write_download(tmp_path, contents)
    if later is not None:
        later()
    report = convert_coco14(str(tmp_path), workers=1)
    assert report.exit_status == 1
    assert len(report.problems) == 1, report.problems
    assert re.search(message, report.problems[0]), report.problems[0]
    for file in ('train.txt', 'val.txt', 'cls_labels.npy', 'tags.csv'):
        assert not (tmp_path / file).exists()


def test_image_with_a_wrong_annotation_gets_no_mask(tmp_path, contents):
    contents['train']['annotations'][1]['category_id'] = 200
    write_download(tmp_path, contents)
    convert_coco14(str(tmp_path), workers=1)
    assert not list((tmp_path / 'SegmentationClass').rglob('COCO_train*'))


@pytest.mark.parametrize(
    ('text', 'message'),
    [('{"images": [', 'not readable as JSON'), ('{"images": []}', "no list 'annotations'")],
)
def test_unreadable_annotation_file(tmp_path, contents, text, message):
    write_download(tmp_path, contents)
    (tmp_path / 'annotations' / 'instances_val2014.json').write_text(text)
    with pytest.raises(ValueError, match=message):
        convert_coco14(str(tmp_path), workers=1)


def test_command_line(tmp_path, contents, capsys):
    write_download(tmp_path, contents)
    assert tool.main([str(tmp_path), '--workers', '1']) == 0
    assert capsys.readouterr().out.rstrip().endswith('complete')
    (tmp_path / TRAIN_IMAGE).unlink()
    assert tool.main([str(tmp_path), '--workers', '1']) == 1
    (tmp_path / 'annotations').rename(tmp_path / 'elsewhere')
    assert tool.main([str(tmp_path), '--workers', '1']) == 2
    assert 'instances_train2014.json: no such file' in capsys.readouterr().err
    write_image(tmp_path / TRAIN_IMAGE)
    assert tool.main([str(tmp_path), '--annotations', str(tmp_path / 'elsewhere')]) == 0
