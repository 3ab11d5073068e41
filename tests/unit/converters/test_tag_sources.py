"""Tags from where people have them: which source it is, and which photograph is meant."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from dataset_converters import folder as tool
from helpers.tag_files import coco, write_files, write_json
from PIL import Image

from mmseg_wsss.converters.folder import convert_folder
from mmseg_wsss.converters.folder_inputs import find_split
from mmseg_wsss.converters.tag_sources import Photographs, read_image_tags, recognise

# --- Which photograph is meant -----------------------------------------------------------------


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('a.jpg', ['cam1/a']),
        ('a', ['cam1/a']),
        ('a.png', ['cam1/a']),  # converted since
        ('cam1/a.jpg', ['cam1/a']),
        ('images/cam1/a.jpg', ['cam1/a']),
        ('C:\\data\\cam1\\a.jpg', ['cam1/a']),
        ('..\\cam1\\a.jpg', ['cam1/a']),
        ('/home/me/photos/cam1/a.jpg', ['cam1/a']),
        ('cam2/a.jpg', []),
        ('b.jpg', ['cam1/b', 'cam2/b']),
        ('cam2/b.jpg', ['cam2/b']),
        ('x/b.jpg', []),
        ('b v1.2.jpg', ['b v1.2']),
        ('b v1.2', ['b v1.2']),
        ('b%20v1.2.jpg', ['b v1.2']),
        ('http://host/data/upload/7/1f2e3d4c-b%20v1.2.jpg', ['b v1.2']),
        ('/data/local-files/?d=cam1/a.jpg', ['cam1/a']),
        ('100%25.jpg', ['100%25']),  # that is its name
        ('2007_000032.jpg', ['voc/2007_000032']),
        ('Fru\u0308hling.jpg', ['Fr\u00fchling']),  # as a Mac spells it
        ('000000000009.jpg', ['COCO_train2014_000000000009']),
        ('', []),
        ('..', []),
    ],
)
def test_photographs_by_name(name, expected):
    ids = ['cam1/a', 'cam1/b', 'cam2/b', 'b v1.2', '100%25', 'voc/2007_000032']
    ids += ['Fr\u00fchling', 'COCO_train2014_000000000009']
    images = Photographs({image_id: f'photos/{image_id}.jpg' for image_id in ids}, 'photos')
    assert images.fitting(name) == expected


def test_the_image_with_the_most_folders_is_meant():
    images = Photographs({one: f'photos/{one}.jpg' for one in ('1', 'train/1')}, 'photos')
    assert images.fitting('data/train/1.jpg') == ['train/1']
    assert images.fitting('val/1.jpg') == ['1']


def test_a_path_from_the_file_on_comes_first(tmp_path):
    # Roboflow puts one file beside the images of each part, with bare names.
    paths = write_files(tmp_path, 'train/1.jpg', 'valid/1.jpg')
    write_json(tmp_path / 'train/_annotations.coco.json', coco({'1.jpg': ['cat']}, 'cat', 'dog'))
    write_json(tmp_path / 'valid/_annotations.coco.json', coco({'1.jpg': ['dog']}, 'cat', 'dog'))
    found = read_image_tags(tmp_path, paths, tmp_path)
    assert found.tags == {'train/1': ('cat',), 'valid/1': ('dog',)}
    assert found.problems == [] and found.remarks == []


def test_names_that_may_be_several_images(tmp_path):
    paths = write_files(tmp_path / 'photos', 'cam1/b.jpg', 'cam2/b.jpg', 'c.jpg')
    file = write_json(tmp_path / 'a.json', coco({'b.jpg': ['cat'], 'c.jpg': []}, 'cat'))
    found = read_image_tags(file, paths, tmp_path / 'photos')
    assert len(found.problems) == 1
    for part in (str(file), 'image 0', "'b.jpg'", 'cam1/b, cam2/b'):
        assert part in found.problems[0]


def test_of_two_names_the_one_in_the_folder_of_the_photographs_is_meant(tmp_path):
    paths = write_files(tmp_path / 'images/train', '1.jpg')
    names = {'val/1.jpg': ['dog'], 'train/1.jpg': ['cat']}
    file = write_json(tmp_path / 'a.json', coco(names, 'cat', 'dog'))
    found = read_image_tags(file, paths, tmp_path / 'images/train')
    assert found.tags == {'1': ('cat',)}
    assert len(found.remarks) == 1 and '1 of 2 images' in found.remarks[0]
    assert 'val/1.jpg' in found.remarks[0]


def test_images_of_two_folders_that_were_merged(tmp_path):
    paths = write_files(tmp_path / 'photos', '1.jpg')
    file = write_json(
        tmp_path / 'a.json', coco({'cam1/1.jpg': ['cat'], 'cam2/1.jpg': ['dog']}, 'cat', 'dog')
    )
    found = read_image_tags(file, paths, tmp_path / 'photos')
    assert len(found.problems) == 1
    assert 'image 1: image 1 has another entry' in found.problems[0]


def test_links(tmp_path):
    paths = write_files(tmp_path / 'disk/photos', 'cat/1.jpg', 'dog/2.jpg')
    (tmp_path / 'link').symlink_to(tmp_path / 'disk')
    (tmp_path / 'disk/photos/dog/1.jpg').symlink_to(tmp_path / 'disk/photos/cat/1.jpg')
    paths['dog/1'] = str(tmp_path / 'disk/photos/dog/1.jpg')
    found = read_image_tags(tmp_path / 'link/photos', paths, tmp_path / 'disk/photos')
    assert found.tags == {'cat/1': ('cat', 'dog'), 'dog/2': ('dog',)}


def test_other_folders_are_remarked(tmp_path):
    paths = write_files(tmp_path / 'photos', 'new/1.jpg')
    file = write_json(tmp_path / 'a.json', coco({'old/1.jpg': ['cat']}, 'cat'))
    found = read_image_tags(file, paths, tmp_path / 'photos')
    assert found.tags == {'new/1': ('cat',)}
    assert len(found.remarks) == 1 and 'old/1.jpg is new/1' in found.remarks[0]


def test_no_image_is_found(tmp_path):
    paths = write_files(tmp_path / 'photos', '1.jpg')
    file = write_json(tmp_path / 'a.json', coco({'2.jpg': ['cat']}, 'cat'))
    with pytest.raises(ValueError, match='none of the 1 images .*2.jpg.* is in .*photos.*1.jpg'):
        read_image_tags(file, paths, tmp_path / 'photos')


# --- Classes -----------------------------------------------------------------------------------


def read_classes(tmp_path: Path, classes: list[str] | None, *names: str):
    paths = write_files(tmp_path / 'photos', '1.jpg', '2.jpg')
    images = {'1.jpg': list(names), '2.jpg': []}
    file = write_json(tmp_path / 'a.json', coco(images, *names))
    return read_image_tags(file, paths, tmp_path / 'photos', classes)


def test_classes_are_those_of_the_source_in_its_order(tmp_path):
    found = read_classes(tmp_path, None, 'dog', 'cat', 'Background')
    assert found.classes == ['dog', 'cat']
    assert found.tags == {'1': ('dog', 'cat'), '2': ()}
    assert found.remarks == ['Background: no tag, such objects are ignored.']


def test_objects_of_other_classes_are_ignored_and_counted(tmp_path):
    found = read_classes(tmp_path, ['cat', 'dog'], 'dog', 'cow', 'cat')
    assert found.classes == ['cat', 'dog'] and found.tags['1'] == ('cat', 'dog')
    assert len(found.remarks) == 1 and '(cow (1 images))' in found.remarks[0]


@pytest.mark.parametrize(
    ('classes', 'message'),
    [
        (None, "'cat' and 'Cat' differ only in case"),
        (['cats'], "no class 'cats' .*cat, Cat; did you mean 'cat'"),
    ],
)
def test_spellings_of_classes(tmp_path, classes, message):
    with pytest.raises(ValueError, match=message):
        read_classes(tmp_path, classes, 'cat', 'Cat')


# --- Which source it is --------------------------------------------------------------------------

FIFTYONE = dict(classes=['cat'], labels={'1': 0})
LABELME = dict(version='5.5.0', flags={}, shapes=[], imagePath='1.jpg', imageData=None)
SAMPLES = dict(samples=[dict(filepath='data/1.jpg', ground_truth=None)])


@pytest.mark.parametrize(
    ('name', 'content', 'expected'),
    [
        ('tags.csv', 'image_id,tags\n1,cat\n', 'table'),
        ('table.csv', '\ufefffile_name,label\n1.jpg,cat\n', 'imagefolder'),
        ('cls_labels.npy', '', 'table'),
        ('tags.json', '{"1": ["cat"]}', 'table'),
        ('labels.json', json.dumps(FIFTYONE), 'fiftyone'),
        ('samples.json', json.dumps(SAMPLES), 'fiftyone'),
        ('x.json', json.dumps(coco({}, 'cat')), 'coco'),
        ('captions.json', '{"images": [], "annotations": []}', 'coco'),
        ('1.json', json.dumps(LABELME), 'labelme'),
        ('1.xml', '<annotation/>', 'voc'),
        ('Annotations/1.xml', '<annotation><object><name>cat</name></object></annotation>', 'voc'),
        ('cat/cvat.xml', '<annotations/>', 'folders'),
        ('data.yaml', 'names: [cat]', 'yolo'),
        ('classes.txt', 'cat', 'yolo'),
        ('metadata.jsonl', '{}', 'imagefolder'),
        ('metadata.parquet', '', 'imagefolder'),
        ('data/metadata.csv', 'file_name,label\n1.jpg,cat\n', 'imagefolder'),
        ('cat/1.jpg', '', 'folders'),
        ('labels/train/1.txt', '0 .5 .5 .1 .1\n', 'yolo'),
        ('obj_train_data/1.txt', '0 .5 .5 .1 .1\n', 'yolo'),
        ('cat/notes.txt', 'taken in 2020\n', 'folders'),
    ],
)
def test_a_source_is_recognised(tmp_path, name, content, expected):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding='utf-8')
    assert recognise(path if path.parent == tmp_path else tmp_path) == expected


def test_several_kinds_in_a_folder_are_named(tmp_path):
    write_json(tmp_path / 'a.json', coco({}, 'cat'))
    (tmp_path / 'metadata.csv').write_text('file_name,label\n')
    with pytest.raises(ValueError, match=r'metadata.csv\) and COCO .*a.json\); .*--tags-from'):
        recognise(tmp_path)


@pytest.mark.parametrize('tags_from', ['CSV', 'coco:x', ''])
def test_an_unknown_kind(tmp_path, tags_from):
    with pytest.raises(ValueError, match='expected auto, table, folders, coco, labelme, voc, yolo'):
        read_image_tags(tmp_path, {}, tmp_path, tags_from=tags_from)


def test_several_files_are_of_coco(tmp_path):
    paths = write_files(tmp_path, '1.jpg')
    one = write_json(tmp_path / 'one.json', coco({'1.jpg': ['cat']}, 'cat'))
    other = write_json(tmp_path / '1.json', LABELME)
    with pytest.raises(ValueError, match='of the kinds coco, labelme; expected one kind'):
        read_image_tags([one, other], paths, tmp_path)
    with pytest.raises(ValueError, match='several files are read of COCO annotations alone'):
        read_image_tags([other, other], paths, tmp_path)
    with pytest.raises(FileNotFoundError, match=r'two.json: there is no such'):
        read_image_tags([one, tmp_path / 'two.json'], paths, tmp_path)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / 'a.json').write_text('{"images": [')
    with pytest.raises(ValueError, match=r'a.json: no JSON file'):
        recognise(tmp_path)


# --- The data set that is made of it -----------------------------------------------------------


def write_photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(sum(map(ord, str(path)))).integers(0, 255, (8, 9, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def test_prepare_reads_two_annotation_files(tmp_path, capsys):
    for name in ('train2017/1', 'train2017/2', 'val2017/3', 'test2017/4'):
        write_photo(tmp_path / f'{name}.jpg')
    annotations = tmp_path / 'annotations'
    one = write_json(annotations / 'instances_train2017.json', coco({'1.jpg': ['x;y']}, 'x;y', 'z'))
    two = coco({'3.jpg': ['x;y', 'z'], '4.jpg': [], '9.jpg': []}, 'x;y', 'z')
    two = write_json(annotations / 'instances_val2017.json', two)
    out = tmp_path / 'out'
    assert tool.main([*map(str, ('prepare', tmp_path, one, two, out)), '--workers', '1']) == 0
    assert (out / 'train.txt').read_text().split() == ['train2017/1']
    assert (out / 'val.txt').read_text().split() == ['val2017/3']
    # A class that holds a separator can be told from two in a list alone.
    assert (out / 'tags.csv').read_text().splitlines() == [
        'image_id,tags',
        'train2017/1,"[""x;y""]"',
        'val2017/3,"[""x;y"", ""z""]"',
    ]
    assert json.loads((out / 'dataset.json').read_text())['classes'] == ['background', 'x;y', 'z']
    text = capsys.readouterr().out
    assert 'COCO annotations (instances_train2017.json, instances_val2017.json); boxes' in text
    assert '1 images to train, 1 to validate, 1 of test in no list' in text
    assert '1 images have no tags entry and are in no list (train2017/2)' in text
    assert '1 of 4 images that are named there are not in' in text and '(9.jpg)' in text
    # The data set's own table says the same.
    again = tmp_path / 'again'
    assert tool.main([*map(str, ('prepare', tmp_path, out / 'tags.csv', again)), '--classes',
                      'x;y', 'z', '--workers', '1']) == 0  # fmt: skip
    assert (again / 'tags.csv').read_bytes() == (out / 'tags.csv').read_bytes()
    assert not (again / 'val.txt').exists()  # a table says nothing of a split


def test_a_list_comes_before_the_folders_of_a_split(tmp_path):
    for name in ('train/cat/1', 'train/dog/2', 'val/cat/3'):
        write_photo(tmp_path / 'photos' / f'{name}.jpg')
    (tmp_path / 'val.txt').write_text('train/dog/2\n')
    report = convert_folder(
        str(tmp_path / 'photos'),
        str(tmp_path / 'photos'),
        str(tmp_path / 'out'),
        val_list=str(tmp_path / 'val.txt'),
        workers=1,
    )
    assert report.problems == []
    assert (tmp_path / 'out/train.txt').read_text().split() == ['train/cat/1', 'val/cat/3']
    assert (tmp_path / 'out/val.txt').read_text().split() == ['train/dog/2']


def test_images_of_a_split_need_masks_if_there_are_any(tmp_path):
    for name in ('train/cat/1', 'train/dog/2', 'val/cat/3', 'val/dog/4'):
        write_photo(tmp_path / 'photos' / f'{name}.jpg')
    for name in ('train/cat/1', 'val/cat/3'):
        path = tmp_path / 'masks' / f'{name}.png'
        path.parent.mkdir(parents=True)
        Image.fromarray(np.eye(8, 9, dtype=np.uint8)).save(path)
    photos = str(tmp_path / 'photos')
    report = convert_folder(
        photos, photos, str(tmp_path / 'out'), masks=str(tmp_path / 'masks'), workers=1
    )
    assert report.problems == ['the folder of val: image val/dog/4 has no mask.']
    assert any('1 masks of images that are not in the folder of val' in one
               for one in report.remarks)  # fmt: skip


@pytest.mark.parametrize(
    ('image_ids', 'expected'),
    [
        ('train/1 val/2', dict(train=['train/1'], val=['val/2'])),
        ('Training/1 validation/2', dict(train=['Training/1'], val=['validation/2'])),
        ('train/1 test/2', dict(train=['train/1'], val=['test/2'])),
        ('train/1 valid/2 test/3', dict(train=['train/1'], val=['valid/2'], test=['test/3'])),
        ('a/train/1 a/dev/2', dict(train=['a/train/1'], val=['a/dev/2'])),
        ('train/images/1 valid/images/2', dict(train=['train/images/1'], val=['valid/images/2'])),
        ('train/1 train/2', {}),
        ('val/1 test/2', {}),
        ('train/1 val/2 other/3', {}),
        ('train/1 2', {}),
        ('a/train b/val', {}),
        ('1 2', {}),
        ('', {}),
    ],
)
def test_find_split(image_ids, expected):
    assert find_split(image_ids.split()) == expected
