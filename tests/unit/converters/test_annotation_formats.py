"""Masks that go to annotation tools and come back: to the pixel, also by these tools' libraries."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from mmseg_wsss.converters.annotations import FORMATS, ImageToAnnotate, LabelNames
from mmseg_wsss.converters.annotations.brush_rle import decode, encode
from mmseg_wsss.converters.annotations.image_names import ImageNames
from mmseg_wsss.utils.palette import label_palette

FILES = Path(__file__).parent / 'annotation_files'
CLASSES = ['background', 'cat', 'dog']
LABELS = LabelNames(CLASSES, label_palette(3))
# What annotation_files/make_files.py draws, by hand: the dog over the cat.
DRAWN = np.array(
    [
        [2, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 2, 2, 2, 2],
        [0, 0, 0, 0, 0, 2, 2, 2, 2],
        [0, 0, 0, 0, 0, 2, 2, 2, 2],
    ],
    np.uint8,
)


def random_images():
    rng = np.random.default_rng(0)
    shapes = {'train/a.b': (5, 7), 'c d': (1, 1), 'ä': (40, 3)}
    return [
        ImageToAnnotate(
            image_id, f'{image_id}.jpg', rng.choice(np.array([0, 1, 2, 255], np.uint8), shape), 0.25
        )
        for image_id, shape in shapes.items()
    ]


def write(folder, content):
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def submit(folder):
    """Let the predictions of Label Studio's tasks be submitted as they are."""
    path = folder / 'tasks.json'
    tasks = json.loads(path.read_bytes())
    for task in tasks:
        (prediction,) = task['predictions']
        task['annotations'] = [dict(id=1, result=prediction['result'])]
    path.write_text(json.dumps(tasks))


@pytest.mark.parametrize('name', FORMATS)
def test_round_trip_is_exact(tmp_path, name):
    images = random_images()
    write(tmp_path, FORMATS[name].write(images, LABELS))
    if name == 'label-studio':
        assert list(FORMATS[name].read(tmp_path, LABELS)) == []
        submit(tmp_path)
    names = ImageNames([image.image_id for image in images])
    found = {}
    for one in FORMATS[name].read(tmp_path, LABELS):
        found[names.find(one.name, one.source)] = one.mask
        assert one.is_reviewed == (name == 'label-studio')
    assert len(found) == len(images)
    for image in images:
        assert found[image.image_id].dtype == np.uint8
        assert np.array_equal(found[image.image_id], image.mask)


@pytest.mark.parametrize('name', FORMATS)
def test_equal_masks_give_equal_files(name):
    assert FORMATS[name].write(random_images(), LABELS) == FORMATS[name].write(
        random_images(), LABELS
    )


@pytest.mark.parametrize(
    'name,file',
    [
        ('coco', 'pycocotools_run_lengths.json'),
        ('coco', 'datumaro_coco_instances.json'),
        ('cvat', 'datumaro_voc_segmentation.zip'),
        ('label-studio', 'label_studio_sdk_tasks.json'),
    ],
)
def test_files_of_the_tools_own_libraries(name, file):
    (one,) = FORMATS[name].read(FILES / file, LABELS)
    assert np.array_equal(one.mask, DRAWN)
    assert ImageNames(['sub/a', 'sub/b']).find(one.name, file) == 'sub/a'


def test_pycocotools_reads_what_is_written(tmp_path):
    images = random_images()
    write(tmp_path, FORMATS['coco'].write(images, LABELS))
    coco = COCO(str(tmp_path / 'annotations.json'))
    for number, image in enumerate(images, start=1):
        mask = np.zeros_like(image.mask)
        annotations = coco.loadAnns(coco.getAnnIds(number))
        for one in annotations:
            name = coco.loadCats(one['category_id'])[0]['name']
            region = coco.annToMask(one).astype(bool)
            mask[region] = {'cat': 1, 'dog': 2, 'ignore': 255}[name]
            assert one['area'] == region.sum()
        assert np.array_equal(mask, image.mask)


def test_colours_of_the_archive_are_those_of_its_label_map():
    (image,) = random_images()[:1]
    with zipfile.ZipFile(
        io.BytesIO(FORMATS['cvat'].write([image], LABELS)['annotations.zip'])
    ) as z:
        lines = z.read('labelmap.txt').decode().splitlines()
        assert z.read('ImageSets/Segmentation/default.txt') == b'train/a.b\n'
        with Image.open(io.BytesIO(z.read('SegmentationClass/train/a.b.png'))) as png:
            pixels = np.array(png.convert('RGB'))
        with Image.open(io.BytesIO(z.read('SegmentationObject/train/a.b.png'))) as png:
            objects = np.array(png)
    assert lines[1:] == [
        'background:0,0,0::',
        'cat:128,0,0::',
        'dog:0,128,0::',
        'ignore:224,224,192::',
    ]
    colors = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 255: (224, 224, 192)}
    for label, color in colors.items():
        assert np.array_equal((pixels == color).all(-1), image.mask == label)
    # A label of an image is one object.
    pairs = set(zip(image.mask.ravel().tolist(), objects.ravel().tolist(), strict=True))
    assert pairs == {(0, 0), (1, 1), (2, 2), (255, 3)}


def slow_decode(content):
    """The stream of bits, read as text."""
    bits = ''.join(f'{byte:08b}' for byte in content)
    position = 0

    def read(width):
        nonlocal position
        position += width
        return int(bits[position - width : position], 2)

    number, width = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values = []
    while len(values) < number:
        run, size = read(1), read(2)
        length = read(sizes[size]) + 1
        values += [read(width)] * length if run else [read(width) for _ in range(length)]
    return values


@pytest.mark.parametrize('shape', [(1, 1), (3, 5), (200, 400)])
def test_brush_run_lengths(shape):
    rng = np.random.default_rng(1)
    for region in (rng.random(shape) < 0.3, np.ones(shape, bool), np.zeros(shape, bool)):
        encoded = encode(region)
        assert decode(encoded, shape).tolist() == region.tolist()
        if region.size < 100:
            assert slow_decode(encoded) == np.repeat(255 * region.ravel(), 4).tolist()


def test_lists_of_values_in_brush_run_lengths():
    # By hand: 8 values of 8 bits; a list of 8 (0, 2 bits 0, 3 bits 7) of alternating alpha.
    bits = f'{8:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}' + '0' + '00' + '111'
    bits += ''.join(f'{value:08b}' for value in (0, 0, 0, 0, 9, 9, 9, 1))
    bits += '0' * (-len(bits) % 8)
    content = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    assert decode(content, (2, 1)).tolist() == [[False], [True]]
    for end in (3, 9, len(content) - 2):
        with pytest.raises(ValueError, match='end too early'):
            decode(content[:end], (2, 1))
    with pytest.raises(ValueError, match='8 values, expected 12'):
        decode(content, (3, 1))
    for wrong in ([300], 7, None, 'ab'):
        with pytest.raises(ValueError, match='no list of bytes'):
            decode(wrong, (1, 1))


def coco_file(tmp_path, **changes):
    content = json.loads((FILES / 'pycocotools_run_lengths.json').read_bytes())
    annotation = changes.pop('annotation', {})
    content['annotations'][0].update(annotation)
    content.update(changes)
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(content))
    return path


def test_polygons_and_a_drawn_background(tmp_path):
    square = [[2, 1, 5, 1, 5, 3, 2, 3]]
    categories = [dict(id=0, name='background'), dict(id=1, name='dog')]
    everything = [[0, 0, 9, 0, 9, 6, 0, 6]]
    annotations = [
        dict(id=5, image_id=1, category_id=1, segmentation=everything),
        dict(id=6, image_id=1, category_id=0, segmentation=square),
    ]
    path = coco_file(tmp_path, categories=categories, annotations=annotations)
    (one,) = FORMATS['coco'].read(path, LABELS)
    expected = np.full((6, 9), 2)
    expected[1:3, 2:5] = 0
    assert one.mask.tolist() == expected.tolist()


def test_an_image_without_annotation_is_background(tmp_path):
    (one,) = FORMATS['coco'].read(coco_file(tmp_path, annotations=[]), LABELS)
    assert one.mask.shape == (6, 9) and not one.mask.any()


@pytest.mark.parametrize(
    'changes,message',
    [
        (dict(categories=[dict(id=3, name='cow'), dict(id=8, name='dog')]), "no class 'cow'"),
        (dict(categories=[dict(id=8, name='dog')]), 'annotation 1: category 3 is not in the list'),
        (dict(annotation=dict(image_id=4)), 'annotation 1 is of image 4, which is not in the list'),
        (dict(annotation=dict(segmentation=[])), 'annotation 1: has no segmentation'),
        (dict(annotation=dict(segmentation=[[1, 1, 2, 2]])), 'fewer than three corners'),
        (dict(annotation=dict(segmentation=dict(size=[6, 9], counts=[54]))), 'has no pixel'),
        (dict(annotation=dict(segmentation=dict(size=[9, 6], counts=[54]))), r'expected \[6, 9\]'),
        (dict(images=[dict(id=1, file_name='a.jpg', height=6)]), 'width is None, expected int'),
        (dict(images=[dict(id=1, file_name='a.jpg', height=6, width=9)] * 2), 'have the id 1'),
        (dict(images=[dict(id=1, file_name='a', height=0, width=9)]), '0 x 9 pixels'),
        (dict(images=['a.jpg']), 'expected an object'),
        (dict(annotation=dict(segmentation=dict(size=None, counts=[54]))), 'a.jpg, annotation 1'),
        (dict(annotation=dict(segmentation=[['a'] * 6])), 'a.jpg, annotation 1'),
        (dict(images=None), "no file of COCO's annotations"),
        (dict(categories=[dict(id=3, name='cat'), dict(id=3, name='dog')]), "'cat' and 'dog'"),
    ],
)
def test_wrong_coco_files(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message) as error:
        list(FORMATS['coco'].read(coco_file(tmp_path, **changes), LABELS))
    assert str(tmp_path / 'a.json') in str(error.value)


def tasks_file(tmp_path, change):
    tasks = json.loads((FILES / 'label_studio_sdk_tasks.json').read_bytes())
    replaced = change(tasks[0])
    path = tmp_path / 'tasks.json'
    path.write_text(json.dumps(tasks if replaced is None else replaced))
    return path


def result_of(task):
    return task['annotations'][0]['result']


@pytest.mark.parametrize(
    'change,message',
    [
        (lambda task: task['annotations'].append(task['annotations'][0]), 'has 2 annotations'),
        (lambda task: result_of(task)[0]['value'].update(brushlabels=['cow']), "no class 'cow'"),
        (
            lambda task: result_of(task)[0]['value'].update(brushlabels=['cat', 'dog']),
            'expected one',
        ),
        (lambda task: result_of(task)[0]['value'].update(brushlabels=[]), 'has the labels None'),
        (lambda task: result_of(task)[0].update(original_width=8), 'values, expected 192'),
        (lambda task: result_of(task)[0].update(original_width=None), '6 x None pixels'),
        (lambda task: result_of(task)[0].update(image_rotation=90), 'turned by 90 degrees'),
        (
            lambda task: result_of(task)[0].update(value=dict(points=[]), type='polygonlabels'),
            "'polygonlabels', expected a region that was drawn with the brush",
        ),
        (
            lambda task: result_of(task)[0]['value'].update(rle=encode(np.zeros((6, 9), bool))),
            'region r1: has no pixel',
        ),
        (lambda task: result_of(task).clear(), 'nothing is annotated, and the task does not say'),
        (lambda task: task['data'].update(image=1), 'has no image'),
        (lambda task: [dict(image='a.jpg', label=[])], 'choose the export format JSON'),
    ],
)
def test_wrong_tasks(tmp_path, change, message):
    with pytest.raises(ValueError, match=message) as error:
        list(FORMATS['label-studio'].read(tasks_file(tmp_path, change), LABELS))
    assert str(tmp_path / 'tasks.json') in str(error.value)


def test_which_annotation_of_a_task_counts(tmp_path):
    def skip(task):
        task['annotations'][0]['was_cancelled'] = True

    assert list(FORMATS['label-studio'].read(tasks_file(tmp_path, skip), LABELS)) == []

    def mark(task):
        other = dict(id=2, result=result_of(task)[:1], ground_truth=True)
        task['annotations'].append(other)

    (one,) = FORMATS['label-studio'].read(tasks_file(tmp_path, mark), LABELS)
    assert np.unique(one.mask).tolist() == [0, 1]


def test_a_brush_beside_labels(tmp_path):
    """<Brush> and <Labels>: two entries of one id, and a choice that has no place."""

    def change(task):
        for one in list(result_of(task)):
            (name,) = one['value'].pop('brushlabels')
            value = dict(one['value'], labels=[name])
            one['type'] = 'brush'
            result_of(task).append(dict(one, type='labels', from_name='labels', value=value))
        result_of(task).append(dict(id='x', type='choices', value=dict(choices=['good'])))

    (one,) = FORMATS['label-studio'].read(tasks_file(tmp_path, change), LABELS)
    assert np.array_equal(one.mask, DRAWN)


def archive(tmp_path, change):
    """Unpack the archive of datumaro, change it in place, and pack it again."""
    folder = tmp_path / 'files'
    with zipfile.ZipFile(FILES / 'datumaro_voc_segmentation.zip') as file:
        file.extractall(folder)
    change(folder)
    return Path(shutil.make_archive(str(tmp_path / 'a'), 'zip', folder))


def relabel(line):
    return lambda folder: (folder / 'labelmap.txt').write_text(
        'background:0,0,0::\ncat:250,50,83::\n' + line
    )


@pytest.mark.parametrize(
    'change,message',
    [
        (relabel(''), r'13 pixels have the colour \(51, 221, 255\), which is no label'),
        (relabel('cow:51,221,255::\n'), "no class 'cow'"),
        (relabel('dog:250,50,83::\n'), "'cat' and 'dog' have one colour"),
        (relabel('dog:51,221::\n'), "labelmap.txt:3: 'dog:51,221::', expected name:red,green,blue"),
        (lambda folder: (folder / 'labelmap.txt').unlink(), 'has 0 files labelmap.txt'),
        (lambda folder: shutil.rmtree(folder / 'SegmentationClass'), 'has no masks'),
        (
            lambda folder: (folder / 'SegmentationClass/sub/a.png').write_bytes(b'no'),
            'SegmentationClass/sub/a.png: no readable PNG',
        ),
    ],
)
def test_wrong_archives(tmp_path, change, message):
    path = archive(tmp_path, change)
    with pytest.raises(ValueError, match=message) as error:
        list(FORMATS['cvat'].read(path, LABELS))
    assert str(path) in str(error.value)


def test_unpacked_archives_and_coloured_masks(tmp_path):
    """RGB masks, a folder within the archive, labels that no pixel has, no label of black."""

    def change(folder):
        path = folder / 'SegmentationClass' / 'sub' / 'a.png'
        with Image.open(path) as image:
            colored = image.convert('RGB')
        colored.save(path)
        text = '# comment\n\ncat:250,50,83::\ndog:51,221,255::\ncow:1,2,3::\n'
        (folder / 'labelmap.txt').write_text(text)

    path = archive(tmp_path, change)
    (one,) = FORMATS['cvat'].read(path, LABELS)
    assert np.array_equal(one.mask, DRAWN)
    (one,) = FORMATS['cvat'].read(tmp_path / 'files', LABELS)
    assert np.array_equal(one.mask, DRAWN) and one.name == 'sub/a'


def test_a_label_map_without_colours(tmp_path):
    def change(folder):
        with Image.open(folder / 'SegmentationClass/sub/a.png') as image:
            pixels = np.array(image.convert('RGB'))
        numbers = np.select([pixels[..., 0] == 250, pixels[..., 0] == 51], [1, 2])
        painted = Image.fromarray(np.array(label_palette(3), np.uint8)[numbers])
        painted.save(folder / 'SegmentationClass/sub/a.png')
        (folder / 'labelmap.txt').write_text('background:::\ncat:::\ndog:::\n')

    (one,) = FORMATS['cvat'].read(archive(tmp_path, change), LABELS)
    assert np.array_equal(one.mask, DRAWN)


def test_archives_that_cannot_be_told_apart_are_not_written():
    image = random_images()[0]
    with pytest.raises(ValueError, match="'cat' and 'dog' both have the colour"):
        FORMATS['cvat'].write([image], LabelNames(CLASSES, [[0, 0, 0], [9, 9, 9], [9, 9, 9]]))
    with pytest.raises(ValueError, match="class 'a:b'"):
        names = LabelNames(['background', 'a:b', 'dog'], label_palette(3))
        FORMATS['cvat'].write([image], names)


def test_no_archive_and_no_file(tmp_path):
    (tmp_path / 'a.zip').write_bytes(b'PK')
    with pytest.raises(ValueError, match='a.zip: no whole zip archive'):
        list(FORMATS['cvat'].read(tmp_path / 'a.zip', LABELS))
    (tmp_path / 'a.json').write_bytes(b'{')
    for name in ('coco', 'label-studio'):
        with pytest.raises(ValueError, match='a.json: no JSON file'):
            list(FORMATS[name].read(tmp_path / 'a.json', LABELS))
    for name in FORMATS:
        with pytest.raises(FileNotFoundError, match='there is no such'):
            list(FORMATS[name].read(tmp_path / 'none', LABELS))


def test_masks_of_a_folder_with_other_classes(tmp_path):
    """Values are the labels of classes.txt, in whatever order."""
    Image.fromarray(np.array([[0, 1, 2, 255]], np.uint8)).save(tmp_path / 'a.png')
    (one,) = FORMATS['png'].read(tmp_path, LABELS)
    assert one.mask.tolist() == [[0, 1, 2, 255]]
    (tmp_path / 'classes.txt').write_text('dog\nbackground\ncat\n')
    (one,) = FORMATS['png'].read(tmp_path, LABELS)
    assert one.mask.tolist() == [[2, 0, 1, 255]]
    (tmp_path / 'classes.txt').write_text('dog\nbackground\n')
    with pytest.raises(ValueError, match='label 2, expected 0 to 1'):
        list(FORMATS['png'].read(tmp_path, LABELS))
    (tmp_path / 'classes.txt').write_text('background\ncat\ncow\n')
    with pytest.raises(ValueError, match="no class 'cow'"):
        list(FORMATS['png'].read(tmp_path, LABELS))
    (tmp_path / 'a.png').unlink()
    with pytest.raises(ValueError, match='there is no .png file'):
        list(FORMATS['png'].read(tmp_path, LABELS))


def test_a_class_may_be_called_ignore(tmp_path):
    names = LabelNames(['background', 'ignore'], label_palette(2))
    image = ImageToAnnotate('a', 'a.jpg', np.array([[0, 1, 255]], np.uint8))
    for name in ('coco', 'cvat', 'png'):
        folder = write(tmp_path / name, FORMATS[name].write([image], names))
        (one,) = FORMATS[name].read(folder, names)
        assert one.mask.tolist() == [[0, 1, 255]]


@pytest.mark.parametrize(
    'name,expected',
    [
        ('train/0001', 'train/0001'),
        ('0002.jpg', 'train/0002'),
        ('photos/train/0001.JPG', 'train/0001'),
        ('C:\\photos\\val\\0001.png', 'val/0001'),
        ('/data/local-files/?d=photos/val/0001.jpg', 'val/0001'),
        ('/data/local-files/?d=a%20b.c.jpg', 'a b.c'),
        ('https://host/x/0002.jpg?token=1', 'train/0002'),
        ('/data/upload/3/0f1e2d3c-0002.jpg', 'train/0002'),
        ('a b.c', 'a b.c'),
        ('COCO_train2014_000000000009.jpg', 'train2014/000000000009'),
    ],
)
def test_names_of_images(name, expected):
    ids = ['train/0001', 'train/0002', 'val/0001', 'a b.c', 'train2014/000000000009']
    assert ImageNames(ids).find(name, 'x') == expected


@pytest.mark.parametrize(
    'name,message',
    [('0001.jpg', 'may be any of train/0001, val/0001'), ('0003.jpg', 'is no image of the seed')],
)
def test_names_of_no_image(name, message):
    with pytest.raises(ValueError, match=message):
        ImageNames(['train/0001', 'train/0002', 'val/0001']).find(name, 'x')
