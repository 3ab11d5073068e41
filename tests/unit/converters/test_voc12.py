"""The VOC converter on miniature downloads in the official formats."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from dataset_converters import voc12 as tool
from PIL import Image

from mmseg_wsss.converters.voc12 import CLASSES, convert_voc12
from mmseg_wsss.converters.voc_sources import MaskFolder, read_sbd_mask, read_xml_tags

SHAPE = (12, 16)
CAT, DOG, PERSON = CLASSES.index('cat'), CLASSES.index('dog'), CLASSES.index('person')
# VOC's train and val, and what SBD adds; one SBD mask belongs to a val image, one to a train image.
TRAIN, VAL, SBD = ['2007_000032'], ['2007_000033'], ['2007_000032', '2007_000033', '2008_000002']


def write_image(path: Path, shape: tuple[int, int] = SHAPE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    Image.fromarray(pixels).save(path, quality=90)


def write_xml(path: Path, *objects: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    items = ''
    for name in objects:
        name, _, difficult = name.partition('!')
        part = '<part><name>head</name></part>' if name == 'person' else ''
        mark = f'<difficult>{int(bool(difficult))}</difficult>'
        items += f'<object><name>{name}</name>{part}{mark}</object>'
    path.write_text(f'<annotation><filename>{path.stem}.jpg</filename>{items}</annotation>')


def label_map(*labels: int) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    for index, label in enumerate(labels):
        mask[2 * index : 2 * index + 2, 3:9] = label
    return mask


def write_png(path: Path, mask: np.ndarray, mode: str = 'P') -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask, 'L')
    if mode == 'P':
        image = Image.fromarray(mask, 'P')
        image.putpalette([value for index in range(256) for value in (index, 0, 0)])
    image.save(path)


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """A VOC2012 folder as unpacked, three images, no SBD yet."""
    root = tmp_path / 'VOCdevkit' / 'VOC2012'
    sets = root / 'ImageSets' / 'Segmentation'
    sets.mkdir(parents=True)
    (sets / 'train.txt').write_text('\n'.join(TRAIN) + '\n')
    (sets / 'val.txt').write_text('\n'.join(VAL) + '\n')
    for image_id in {*TRAIN, *VAL, *SBD}:
        write_image(root / 'JPEGImages' / f'{image_id}.jpg')
    write_xml(root / 'Annotations' / '2007_000032.xml', 'cat', 'person', 'dog!difficult')
    write_xml(root / 'Annotations' / '2007_000033.xml', 'dog', 'dog')
    write_xml(root / 'Annotations' / '2008_000002.xml', 'person')
    write_png(root / 'SegmentationClass' / '2007_000032.png', label_map(CAT, PERSON, 255))
    write_png(root / 'SegmentationClass' / '2007_000033.png', label_map(DOG))
    return root


@pytest.fixture
def sbd_png(tmp_path: Path) -> Path:
    for image_id, labels in zip(SBD, [(DOG,), (DOG,), (PERSON,)], strict=True):
        write_png(tmp_path / 'sbd' / f'{image_id}.png', label_map(*labels), mode='L')
    return tmp_path / 'sbd'


def load_labels(root: Path) -> dict[str, list[int]]:
    stored = np.load(root / 'cls_labels.npy', allow_pickle=True).item()
    assert all(vector.dtype == np.float32 and vector.shape == (20,) for vector in stored.values())
    return {name: (np.flatnonzero(vector) + 1).tolist() for name, vector in stored.items()}


def read_png(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def files_below(root: Path) -> dict[Path, tuple[int, bytes]]:
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in root.rglob('*')
        if path.is_file()
    }


def test_complete_layout(download, sbd_png):
    report = convert_voc12(str(download), sbd=str(sbd_png), workers=1)
    assert report.problems == [] and report.exit_status == 0
    sets = download / 'ImageSets' / 'Segmentation'
    # train and SBD without val, sorted.
    assert (sets / 'trainaug.txt').read_text().split() == ['2007_000032', '2008_000002']
    # Difficult objects count, parts of bodies do not; val has tags too.
    assert load_labels(download) == {
        '2007_000032': [CAT, DOG, PERSON],
        '2007_000033': [DOG],
        '2008_000002': [PERSON],
    }
    assert (download / 'tags.csv').read_text().splitlines() == [
        'image_id,tags',
        '2007_000032,cat dog person',
        '2008_000002,person',
        '2007_000033,dog',
    ]
    aug = download / 'SegmentationClassAug'
    # The official mask wins where both exist; void stays; val masks stay out.
    np.testing.assert_array_equal(read_png(aug / '2007_000032.png'), label_map(CAT, PERSON, 255))
    np.testing.assert_array_equal(read_png(aug / '2008_000002.png'), label_map(PERSON))
    assert sorted(os.listdir(aug)) == ['2007_000032.png', '2008_000002.png']
    with Image.open(aug / '2008_000002.png') as image:
        assert image.mode == 'P' and image.getpalette()[45:48] == [192, 128, 128]
    text = report.text()
    assert 'trainaug images' in text and '2 (official 10,582)' in text and text.endswith('complete')


def test_hidden_files_among_the_masks_are_no_masks(download, sbd_png):
    for folder in (sbd_png, download / 'SegmentationClassAug'):
        folder.mkdir(exist_ok=True)
        (folder / '._2008_000002.png').write_bytes(b'no mask')
    assert convert_voc12(str(download), sbd=str(sbd_png), workers=1).problems == []


def test_second_run_keeps_masks_and_mends_a_broken_one(download, sbd_png):
    convert_voc12(str(download), sbd=str(sbd_png), workers=1)
    before = files_below(download / 'SegmentationClassAug')
    convert_voc12(str(download), sbd=str(sbd_png), workers=1)
    assert files_below(download / 'SegmentationClassAug') == before
    target = download / 'SegmentationClassAug' / '2008_000002.png'
    target.write_bytes(target.read_bytes()[:40])
    report = convert_voc12(str(download), sbd=str(sbd_png), workers=1)
    assert ('masks kept / written', '2 / 1') in report.rows
    np.testing.assert_array_equal(read_png(target), label_map(PERSON))


def test_tags_from_masks_and_without_difficult(download, sbd_png):
    convert_voc12(str(download), sbd=str(sbd_png), tags_from='mask', workers=1)
    assert load_labels(download)['2007_000032'] == [CAT, PERSON]
    convert_voc12(str(download), sbd=str(sbd_png), count_difficult=False, workers=1)
    assert load_labels(download)['2007_000032'] == [CAT, PERSON]
    with pytest.raises(ValueError, match='tags_from'):
        convert_voc12(str(download), sbd=str(sbd_png), tags_from='json')


def test_masks_already_in_place_are_used_as_they_are(download, sbd_png):
    os.rename(sbd_png, download / 'SegmentationClassAug')
    before = files_below(download / 'SegmentationClassAug')
    report = convert_voc12(str(download), workers=1)
    assert report.exit_status == 0
    assert files_below(download / 'SegmentationClassAug') == before


def test_list_alone_needs_no_masks(download, tmp_path):
    with pytest.raises(FileNotFoundError, match='SegmentationClassAug'):
        convert_voc12(str(download))
    (tmp_path / 'aug.txt').write_text('2008_000002\n2007_000032\n')
    report = convert_voc12(str(download), trainaug_list=str(tmp_path / 'aug.txt'), workers=1)
    assert report.exit_status == 0
    written = (download / 'ImageSets' / 'Segmentation' / 'trainaug.txt').read_text().split()
    assert written == ['2008_000002', '2007_000032']
    assert not (download / 'SegmentationClassAug').exists()
    report = convert_voc12(
        str(download), trainaug_list=str(tmp_path / 'aug.txt'), tags_from='mask', workers=1
    )
    assert report.problems == ['2008_000002: no mask to take the tags from.']


def test_mat_files_of_the_benchmark(download, tmp_path):
    scipy_io = pytest.importorskip('scipy.io')
    folder = tmp_path / 'benchmark_RELEASE' / 'dataset' / 'cls'
    folder.mkdir(parents=True)
    for image_id in SBD:
        content = {'GTcls': {'Segmentation': label_map(PERSON), 'Boundaries': 0}}
        scipy_io.savemat(folder / f'{image_id}.mat', content)
    assert convert_voc12(str(download), sbd=str(tmp_path), workers=1).exit_status == 0
    aug = download / 'SegmentationClassAug'
    np.testing.assert_array_equal(read_png(aug / '2008_000002.png'), label_map(PERSON))

    scipy_io.savemat(folder / '2008_000002.mat', {'GTinst': 1})
    with pytest.raises(ValueError, match='no GTcls'):
        read_sbd_mask(str(folder / '2008_000002.mat'), SHAPE, 21)
    (folder / '2008_000002.mat').write_bytes(b'MATLAB 5.0 MAT-file')
    with pytest.raises(ValueError, match='2008_000002.mat: not readable'):
        read_sbd_mask(str(folder / '2008_000002.mat'), SHAPE, 21)
    with pytest.raises(ValueError, match=r'the mask is \(12, 16\), its image \(12, 17\)'):
        read_sbd_mask(str(folder / '2007_000032.mat'), (12, 17), 21)
    with pytest.raises(ValueError, match='label 15 is not below 8'):
        read_sbd_mask(str(folder / '2007_000032.mat'), SHAPE, 8)
    with pytest.raises(FileNotFoundError, match='nothing.mat'):
        read_sbd_mask(str(folder / 'nothing.mat'), SHAPE, 21)


def test_mask_folder_names_what_it_expected(tmp_path):
    (tmp_path / 'cls').mkdir()
    with pytest.raises(FileNotFoundError, match='no SBD masks'):
        MaskFolder.find(str(tmp_path))


BREAKAGES = {
    'truncated image': (
        lambda root: truncate(root / 'JPEGImages' / '2008_000002.jpg'),
        r'2008_000002\.jpg: broken image \(.*truncated',
    ),
    'empty image': (
        lambda root: (root / 'JPEGImages' / '2008_000002.jpg').write_bytes(b''),
        r'2008_000002\.jpg: not a readable image \(0 bytes\)',
    ),
    'missing image': (
        lambda root: (root / 'JPEGImages' / '2008_000002.jpg').unlink(),
        r'2008_000002\.jpg: no such image',
    ),
    'image of another size': (
        lambda root: write_image(root / 'JPEGImages' / '2008_000002.jpg', (16, 12)),
        r'2008_000002\.png: 12 x 16 .* expected 16 x 12',
    ),
    'missing XML': (
        lambda root: (root / 'Annotations' / '2008_000002.xml').unlink(),
        r'2008_000002\.xml: no such annotation',
    ),
    'broken XML': (
        lambda root: (root / 'Annotations' / '2008_000002.xml').write_text('<annotation>'),
        r'2008_000002\.xml: not readable as XML',
    ),
    'unknown class': (
        lambda root: write_xml(root / 'Annotations' / '2008_000002.xml', 'unicorn'),
        r"2008_000002\.xml: object 'unicorn' is none of the 20 classes",
    ),
    'missing official mask': (
        lambda root: (root / 'SegmentationClass' / '2007_000033.png').unlink(),
        r'2007_000033\.png: there is no such mask',
    ),
    'label out of range': (
        lambda root: write_png(root / 'SegmentationClass' / '2007_000033.png', label_map(21)),
        r'2007_000033\.png: label 21',
    ),
    'train in val': (
        lambda root: (root / 'ImageSets/Segmentation/val.txt').write_text(f'{TRAIN[0]}\n'),
        r'1 images are in train and in val',
    ),
}


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize('name', BREAKAGES)
def test_broken_input_is_named_and_nothing_declares_the_data_ready(download, sbd_png, name):
    breakage, message = BREAKAGES[name]
    breakage(download)
    report = convert_voc12(str(download), sbd=str(sbd_png), workers=1)
    assert report.exit_status == 1
    assert len(report.problems) == 1
    assert re.search(message, report.problems[0]), report.problems[0]
    assert 'NOT COMPLETE: 1 problems' in report.text()
    assert not (download / 'cls_labels.npy').exists()
    assert not (download / 'tags.csv').exists()
    assert not (download / 'ImageSets' / 'Segmentation' / 'trainaug.txt').exists()
    if 'image' in name:  # no mask beside an image that is not sound
        assert not (download / 'SegmentationClassAug' / '2008_000002.png').exists()


def test_all_problems_are_collected_across_processes(download, sbd_png):
    extra = [f'2009_{number:06d}' for number in range(20)]
    for image_id in extra:
        write_png(sbd_png / f'{image_id}.png', label_map(CAT))
        write_xml(download / 'Annotations' / f'{image_id}.xml', 'cat')
        if image_id not in extra[3:6]:
            write_image(download / 'JPEGImages' / f'{image_id}.jpg')
    report = convert_voc12(str(download), sbd=str(sbd_png), workers=2)
    assert [extra_id for extra_id in extra if any(extra_id in p for p in report.problems)] == extra[
        3:6
    ]
    assert report.text(max_problems=1).count('problem: ') == 1
    assert '... and 2 more problems' in report.text(max_problems=1)


@pytest.mark.parametrize(
    ('text', 'message'),
    [('2007_000033\n2007_000033\n', r'val\.txt:2: duplicate image id'), ('\n', 'list is empty')],
)
def test_malformed_list(download, sbd_png, text, message):
    (download / 'ImageSets' / 'Segmentation' / 'val.txt').write_text(text)
    with pytest.raises(ValueError, match=message):
        convert_voc12(str(download), sbd=str(sbd_png), workers=1)


def test_trainaug_list_may_not_reach_into_val(download, sbd_png, tmp_path):
    (tmp_path / 'aug.txt').write_text('2007_000032\n2007_000033\n')
    report = convert_voc12(
        str(download), sbd=str(sbd_png), trainaug_list=str(tmp_path / 'aug.txt'), workers=1
    )
    assert len(report.problems) == 1 and '1 of its images belong to val' in report.problems[0]


def test_xml_reader(tmp_path):
    path = tmp_path / 'a.xml'
    write_xml(path, 'person', 'cat!difficult', 'person')
    assert read_xml_tags(str(path), CLASSES) == (CAT, PERSON)
    assert read_xml_tags(str(path), CLASSES, count_difficult=False) == (PERSON,)
    write_xml(path)
    assert read_xml_tags(str(path), CLASSES) == ()


def test_command_line(download, sbd_png, capsys):
    arguments = [str(download), '--sbd', str(sbd_png), '--workers', '1']
    assert tool.main([*arguments, '--ignore-difficult']) == 0
    assert capsys.readouterr().out.rstrip().endswith('complete')
    assert load_labels(download)['2007_000032'] == [CAT, PERSON]
    truncate(download / 'JPEGImages' / '2008_000002.jpg')
    assert tool.main(arguments) == 1
    assert '2008_000002.jpg' in capsys.readouterr().out
    assert tool.main([str(download / 'nowhere')]) == 2
    assert 'train.txt: there is no such split list' in capsys.readouterr().err
