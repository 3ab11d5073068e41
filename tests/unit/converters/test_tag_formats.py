"""Each format as its tools write it, by hand, and the faults that it comes with."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers.tag_files import coco, write_files, write_json, write_text

from mmseg_wsss.converters.tag_sources import ImageTags, read_image_tags


def read(
    root: Path,
    *images: str,
    source: Path | Sequence[Path] | None = None,
    classes: list[str] | None = None,
    tags_from: str = 'auto',
) -> ImageTags:
    """Read tags of images in ``root/photos`` from a source, by default ``root``."""
    paths = write_files(root / 'photos', *images)
    return read_image_tags(source or root, paths, root / 'photos', classes, tags_from)


# --- Folders of classes: torchvision.datasets.ImageFolder ----------------------------------------


def read_folders(root: Path, *images: str, **options) -> ImageTags:
    return read(root, *images, source=root / 'photos', **options)


def test_folders(tmp_path):
    found = read_folders(tmp_path, 'dog/1.jpg', 'cat/1.jpg', 'cat/2.jpg', 'loose.jpg')
    assert found.classes == ['cat', 'dog']
    assert found.tags == {'cat/1': ('cat',), 'cat/2': ('cat',), 'dog/1': ('dog',)}
    assert len(found.remarks) == 1 and '1 images lie in no folder of a class' in found.remarks[0]


def test_folders_of_a_split(tmp_path):
    found = read_folders(tmp_path, 'train/cat/1.jpg', 'val/cat/1.jpg', 'test/traffic light/2.jpg')
    assert found.classes == ['cat', 'traffic light']
    assert found.tags['test/traffic light/2'] == ('traffic light',)
    assert found.remarks == []


def test_a_class_may_be_called_as_a_part_of_a_split(tmp_path):
    found = read_folders(tmp_path, 'train/1.jpg', 'train/express/2.jpg', 'car/3.jpg')
    assert found.classes == ['car', 'train'] and found.tags['train/express/2'] == ('train',)


@pytest.mark.parametrize(
    ('tags_from', 'expected'), [('folders', ['animal', 'car']), ('imagefolder', ['car', 'cat'])]
)
def test_folders_within_folders(tmp_path, tags_from, expected):
    found = read_folders(tmp_path, 'animal/cat/1.jpg', 'car/2.jpg', tags_from=tags_from)
    assert found.classes == expected
    assert len(found.remarks) == 1 and '1 images lie in folders within folders' in found.remarks[0]


def test_a_folder_of_images_without_a_class(tmp_path):
    images = ('cat/1.jpg', 'none/2.jpg', 'No_Finding/3.jpg', '_unlabeled/4.jpg')
    found = read_folders(tmp_path, *images)
    assert found.classes == ['cat']
    assert found.tags == {'cat/1': ('cat',), 'none/2': (), 'No_Finding/3': ()}
    assert [one[:16] for one in found.remarks if 'show none' in one] == [
        "images in 'No_Fi",
        "images in 'none'",
    ]
    found = read_folders(tmp_path, *images, classes=['none', 'cat'])
    assert found.classes == ['none', 'cat'] and found.tags['none/2'] == ('none',)


def test_copies_in_several_folders_are_one_image(tmp_path):
    write_files(tmp_path / 'photos', 'cat/1.jpg', 'dog/1.jpg', 'cow/other_name.jpg', 'cow/2.jpg')
    for copy in ('dog/1.jpg', 'cow/other_name.jpg'):
        shutil.copy(tmp_path / 'photos/cat/1.jpg', tmp_path / 'photos' / copy)
    paths = {
        str(path.relative_to(tmp_path / 'photos').with_suffix('')): str(path)
        for path in (tmp_path / 'photos').rglob('*.jpg')
    }
    found = read_image_tags(tmp_path / 'photos', paths, tmp_path / 'photos')
    assert found.tags == {'cat/1': ('cat', 'cow', 'dog'), 'cow/2': ('cow',)}
    assert len(found.remarks) == 1 and '2 images are copies of one' in found.remarks[0]
    (tmp_path / 'photos/none').mkdir()
    shutil.copy(tmp_path / 'photos/cow/2.jpg', tmp_path / 'photos/none/2.jpg')
    paths['none/2'] = str(tmp_path / 'photos/none/2.jpg')
    found = read_image_tags(tmp_path / 'photos', paths, tmp_path / 'photos')
    assert len(found.problems) == 1 and 'lies in cow and none' in found.problems[0]


def test_folders_elsewhere_have_images_of_the_same_names(tmp_path):
    write_files(tmp_path / 'sorted', 'cat/1.jpg', 'dog/1.jpg', 'none/2.jpg')
    found = read(tmp_path, '1.jpg', '2.jpg', '3.jpg', source=tmp_path / 'sorted')
    assert found.tags == {'1': ('cat', 'dog'), '2': ()} and found.problems == []
    shutil.copy(tmp_path / 'sorted/cat/1.jpg', tmp_path / 'sorted/dog/1.jpg')  # copies as well
    again = read(tmp_path, '1.jpg', '2.jpg', '3.jpg', source=tmp_path / 'sorted')
    assert again.tags == found.tags
    assert again.remarks == found.remarks and len(found.remarks) == 1  # on none


def test_no_folders_of_classes(tmp_path):
    with pytest.raises(
        ValueError, match='photos: no tags in it: neither .* nor folders of classes'
    ):
        read_folders(tmp_path, '1.jpg')


# --- COCO: cocodataset.org/#format-data ----------------------------------------------------------


def test_coco(tmp_path):
    content = coco({'a.jpg': ['dog', 'cat'], 'b.jpg': [], 'é.jpg': ['cat']}, 'dog', 'cat', 'cow')
    content['annotations'].append(dict(id=7, image_id=1, category_id=2, iscrowd=1))
    content['annotations'].append(dict(id=8, image_id=0, category_id=2, iscrowd=0))  # another cat
    content['categories'].reverse()  # the order is that of the ids
    write_json(tmp_path / 'instances.json', content, bom=True)
    found = read(tmp_path, 'a.jpg', 'b.jpg', 'é.jpg', 'c.jpg')
    assert found.classes == ['dog', 'cat', 'cow'] and found.problems == []
    assert found.tags == {'a': ('dog', 'cat'), 'b': ('cat',), 'é': ('cat',)}
    assert found.remarks == ['1 crowd annotations count as the others: they are shown.']
    assert found.title == 'COCO annotations (instances.json); boxes and masks are not used'


def test_coco_files_of_a_folder(tmp_path):
    annotations = tmp_path / 'annotations'
    train = coco({'a.jpg': ['dog'], 'both.jpg': ['dog']}, 'dog')
    val = coco({'b.jpg': ['cat'], 'both.jpg': ['cat']}, 'cat', 'dog')  # the ids mean others here
    write_json(annotations / 'instances_train2017.json', train)
    write_json(annotations / 'instances_val2017.json', val)
    write_json(annotations / 'captions_val2017.json', dict(images=[], annotations=[]))
    found = read(tmp_path, 'a.jpg', 'b.jpg', 'both.jpg', source=annotations)
    assert found.classes == ['dog', 'cat']
    assert found.tags == {'a': ('dog',), 'b': ('cat',), 'both': ('dog', 'cat')}
    assert len(found.remarks) == 1 and '(captions_val2017.json)' in found.remarks[0]


def test_panoptic_segments_are_objects(tmp_path):
    content = coco({'a.jpg': []}, 'dog', 'grass')
    content['annotations'] = [
        dict(image_id=0, file_name='a.png', segments_info=[dict(id=1, category_id=2, iscrowd=0)])
    ]
    file = write_json(tmp_path / 'panoptic.json', content)
    assert read(tmp_path, 'a.jpg', source=file).tags == {'a': ('grass',)}


def test_the_kind_of_the_classes_is_no_class(tmp_path):
    content = coco({'a.jpg': ['cat']}, 'animals', 'cat', 'person')
    for category, above in zip(content['categories'], ('none', 'animals', 'person'), strict=True):
        category['supercategory'] = above
    file = write_json(tmp_path / 'a.json', content)
    found = read(tmp_path, 'a.jpg', source=file)
    assert found.classes == ['cat', 'person']
    assert len(found.remarks) == 1 and "category 'animals' is no class" in found.remarks[0]
    content['annotations'].append(dict(id=9, image_id=0, category_id=1, iscrowd=0))
    write_json(file, content)
    found = read(tmp_path, 'a.jpg', source=file)
    assert found.classes == ['animals', 'cat', 'person'] and found.remarks == []


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(annotations=[dict(id=1, image_id=7, category_id=1)]), 'image_id 7 is not among'),
        (
            dict(annotations=[dict(id=1, image_id=0, category_id=9)]),
            'annotations[0] of a.jpg: category_id 9 is not among the categories (ids 1, 2)',
        ),
        (dict(annotations=[dict(id=1, image_id=0)]), 'category_id None is not among'),
        (dict(annotations=[3]), 'annotations[0]: 3, expected an object with image_id'),
        (dict(annotations=[dict(image_id=[1], category_id=1)]), 'expected an object with image_id'),
        (dict(images=[dict(id=0)]), "images[0]: {'id': 0}, expected an object with id, file_name"),
        (dict(images=2 * [dict(id=0, file_name='a.jpg')]), 'image id 0 occurs more than once'),
        (
            dict(images=[dict(id=number, file_name='a.jpg') for number in (0, 1)]),
            "file_name 'a.jpg' is that of image 0 as well",
        ),
    ],
)
def test_faulty_coco_entries(tmp_path, change, message):
    content = coco({'a.jpg': [], 'b.jpg': []}, 'cat', 'dog') | change
    found = read(tmp_path, 'a.jpg', source=write_json(tmp_path / 'a.json', content))
    assert any(message in one and 'a.json' in one for one in found.problems)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(categories=None), 'expected an object with the lists images, annotations and categ'),
        (dict(categories=[dict(id=1)]), r'categories\[0\].name: None, expected the name of a cl'),
        (dict(categories=['cat']), r'categories\[0\]: .cat., expected an object with id and name'),
        (
            dict(categories=[dict(id=1, name='cat'), dict(id=1, name='dog')]),
            r"categories\[1\]: id 1 is 'cat' and 'dog', expected one",
        ),
        (
            dict(categories=[dict(id=1, name='cat'), dict(id='2', name='dog')]),
            'ids of categories are numbers and texts',
        ),
        (dict(categories=[], annotations=[]), 'in which no class is named'),
        (dict(images=[], annotations=[]), 'without any image'),
    ],
)
def test_faulty_coco_files(tmp_path, change, message):
    file = write_json(tmp_path / 'a.json', coco({'a.jpg': []}, 'cat') | change)
    with pytest.raises(ValueError, match=message):
        read(tmp_path, 'a.jpg', source=file)


def test_a_folder_without_coco_annotations(tmp_path):
    with pytest.raises(ValueError, match="no file of COCO's object annotations"):
        read(tmp_path, 'a.jpg', tags_from='coco')


# --- LabelMe: github.com/wkentaro/labelme, label_file.py and examples ----------------------------


def labelme(image: str, *labels: str, **flags: bool) -> dict:
    points = [[1.0, 2.0], [3.0, 4.0]]
    shapes = [
        dict(label=label, points=points, group_id=None, shape_type='rectangle', flags={})
        for label in labels
    ]
    return dict(version='5.5.0', flags=flags, shapes=shapes, imagePath=image, imageData=None)


def test_labelme_beside_the_images(tmp_path):
    photos = tmp_path / 'photos'
    write_json(photos / 'a.json', labelme('a.jpg', 'dog', 'cat', 'dog'))
    write_json(photos / 'sub/b.json', labelme('b.jpg'), bom=True)
    write_json(photos / 'sub/old.json', labelme('..\\sub\\c.jpg', 'cat', '__ignore__'))
    found = read(tmp_path, 'a.jpg', 'b.jpg', 'sub/b.jpg', 'sub/c.jpg', 'd.jpg', source=photos)
    assert found.classes == ['cat', 'dog'] and found.problems == []
    assert found.tags == {'a': ('cat', 'dog'), 'sub/b': (), 'sub/c': ('cat',)}
    assert found.remarks == ['__ignore__: no tag, such objects are ignored.']


def test_labelme_in_a_folder_of_its_own(tmp_path):
    write_json(tmp_path / 'json/a.json', labelme('..\\..\\images\\a.jpg', 'cat'))
    write_json(tmp_path / 'json/b.json', labelme('before_renaming.jpg', 'cat'))
    write_json(tmp_path / 'json/c.json', labelme('c.jpg', 'cat'))
    write_json(tmp_path / 'json/other.json', dict(a=1))
    found = read(tmp_path, 'a.jpg', 'b.jpg', source=tmp_path / 'json', tags_from='labelme')
    assert found.tags == {'a': ('cat',), 'b': ('cat',)} and found.problems == []
    remarks = ' '.join(found.remarks)
    assert 'before_renaming.jpg is b' in remarks and 'other.json' in remarks
    assert '1 of 3 images that are named there are not in' in remarks


def test_flags_are_tags_where_nothing_is_drawn(tmp_path):
    for name, flag in (('a', 'cat'), ('b', 'dog'), ('c', '__ignore__')):
        flags = {one: one == flag for one in ('__ignore__', 'cat', 'dog')}
        write_json(tmp_path / f'photos/{name}.json', labelme(f'{name}.jpg', **flags))
    found = read_folders(tmp_path, 'a.jpg', 'b.jpg', 'c.jpg')
    assert found.tags == {'a': ('cat',), 'b': ('dog',), 'c': ()} and found.classes == ['cat', 'dog']


def test_flags_beside_shapes(tmp_path):
    write_json(tmp_path / 'photos/a.json', labelme('a.jpg', 'cat', blurred=True, dog=True))
    found = read_folders(tmp_path, 'a.jpg')
    assert found.tags == {'a': ('cat',)}
    assert len(found.remarks) == 1 and 'blurred (1 images), dog (1 images)' in found.remarks[0]
    found = read_folders(tmp_path, 'a.jpg', classes=['dog', 'cat'])
    assert found.tags == {'a': ('dog', 'cat')}
    assert len(found.remarks) == 1 and 'blurred (1 images).' in found.remarks[0]


def test_a_class_that_is_not_drawn_yet(tmp_path):
    write_json(tmp_path / 'photos/a.json', labelme('a.jpg', 'cat', 'House'))
    found = read_folders(tmp_path, 'a.jpg', classes=['cat', 'horse'])
    assert found.classes == ['cat', 'horse'] and found.tags == {'a': ('cat',)}
    with pytest.raises(ValueError, match="no class 'house' .*did you mean 'House'"):
        read_folders(tmp_path, 'a.jpg', classes=['cat', 'house'])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(imagePath=None), 'imagePath is None, expected the path of the image'),
        (dict(shapes={}), 'shapes is {}, expected a list of objects'),
        (dict(flags=[1]), r'flags is \[1\], expected an object'),
    ],
)
def test_faulty_labelme_files(tmp_path, change, message):
    file = write_json(tmp_path / 'a.json', labelme('a.jpg') | change)
    with pytest.raises(ValueError, match=f'a.json: {message}'):
        read(tmp_path, 'a.jpg', source=file)


def test_a_shape_without_a_label(tmp_path):
    write_json(tmp_path / 'photos/a.json', labelme('a.jpg', 'cat', ''))
    found = read_folders(tmp_path, 'a.jpg')
    assert len(found.problems) == 1 and "shapes[1].label: ''" in found.problems[0]


def test_two_files_of_one_image(tmp_path):
    for name in ('a', 'copy'):
        write_json(tmp_path / f'photos/{name}.json', labelme('a.jpg', 'cat'))
    found = read_folders(tmp_path, 'a.jpg')
    assert len(found.problems) == 1
    assert 'copy.json' in found.problems[0] and 'a.json' in found.problems[0]


# --- PASCAL VOC: host.robots.ox.ac.uk/pascal/VOC; github.com/HumanSignal/labelImg ----------------


def voc(file_name: str, *names: str, more: str = '') -> str:
    """An annotation as LabelImg writes it."""
    box = '<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax></bndbox>'
    rest = f'<pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>{box}'
    objects = ''.join(f'<object><name>{name}</name>{rest}</object>' for name in names)
    return (
        f'<annotation><folder>photos</folder><filename>{file_name}</filename><path>C:\\x\\'
        f'{file_name}</path><size><width>4</width><height>4</height><depth>3</depth></size>'
        f'<segmented>0</segmented>{objects}{more}</annotation>'
    )


def test_voc(tmp_path):
    part = '<object><name>person</name><part><name>head</name></part></object>'
    hard = '<object><name> cat </name><difficult>1</difficult></object>'
    write_text(tmp_path / 'Annotations/a.xml', voc('a.jpg', 'dog', 'cat', 'dog', more=part))
    write_text(tmp_path / 'Annotations/b.xml', voc('b.jpg'))
    write_text(tmp_path / 'Annotations/c.xml', '\ufeff' + voc('c.jpg', more=hard))
    write_text(tmp_path / 'Annotations/notes.xml', '<annotations/>')
    found = read(tmp_path, 'a.jpg', 'b.jpg', 'c.jpg', 'd.jpg', source=tmp_path / 'Annotations')
    assert found.classes == ['cat', 'dog', 'person'] and found.problems == []
    assert found.tags == {'a': ('cat', 'dog', 'person'), 'b': (), 'c': ('cat',)}
    assert len(found.remarks) == 1 and '1 XML files are no annotations' in found.remarks[0]


def test_voc_files_beside_photographs_that_were_renamed(tmp_path):
    write_text(tmp_path / 'photos/b.xml', voc('IMG_0001.jpg', 'cat'))
    write_text(tmp_path / 'photos/n01440764_10026.xml', voc('', 'fish'))
    found = read(tmp_path, 'b.jpg', 'n01440764_10026.jpeg', source=tmp_path / 'photos')
    assert found.tags == {'b': ('cat',), 'n01440764_10026': ('fish',)}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('<annotation><object>', 'a.xml: not readable as XML .*line 1'),
        ('<annotations/>', "no annotation as PASCAL VOC's"),
    ],
)
def test_faulty_voc_files(tmp_path, text, message):
    file = write_text(tmp_path / 'a.xml', text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path, 'a.jpg', source=file)


def test_a_voc_object_without_a_name_is_a_problem(tmp_path):
    write_text(tmp_path / 'photos/a.xml', voc('a.jpg', 'cat', more='<object/>'))
    (problem,) = read(tmp_path, 'a.jpg', source=tmp_path / 'photos').problems
    assert 'a.xml: name of object 1' in problem and 'expected the name of a class' in problem


# --- YOLO: docs.ultralytics.com/datasets/detect, docs.cvat.ai (YOLO 1.1) --------------------------

BOX = '0.5 0.5 0.25 0.25\n'
OUTLINE = '0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2\n'


def test_yolo(tmp_path):
    write_text(tmp_path / 'data.yaml', 'path: .\ntrain: images/train\nnames: {0: dog, 1: cat}\n')
    labels = tmp_path / 'labels'
    write_text(labels / 'train/a.txt', f'1 {OUTLINE}0 {BOX}1 {BOX}')
    write_text(labels / 'train/b.txt', '')
    write_text(labels / 'val/a.txt', f'\ufeff0 {BOX}'.replace('\n', '\r\n'))
    write_text(tmp_path / 'train.txt', './images/train/a.jpg\n')
    paths = write_files(tmp_path / 'images', 'train/a.jpg', 'train/b.jpg', 'val/a.jpg', 'new/c.jpg')
    found = read_image_tags(tmp_path, paths, tmp_path / 'images')
    assert found.classes == ['dog', 'cat'] and found.problems == [] and found.remarks == []
    assert found.tags == {'train/a': ('dog', 'cat'), 'train/b': (), 'val/a': ('dog',)}
    for source in (tmp_path / 'data.yaml', labels):
        assert read_image_tags(source, paths, tmp_path / 'images').tags == found.tags
    # Photographs of a part, of the whole folder, and elsewhere by their names.
    part = {name: paths[f'train/{name}'] for name in 'ab'}
    found = read_image_tags(tmp_path, part, tmp_path / 'images/train')
    assert found.tags == {'a': ('dog', 'cat'), 'b': ()}
    whole = {f'images/{name}': path for name, path in paths.items()}
    assert read_image_tags(tmp_path, whole, tmp_path).tags['images/val/a'] == ('dog',)
    assert read(tmp_path, 'train/a.png', 'val/a.png', source=labels).tags['val/a'] == ('dog',)


def test_yolo_beside_the_images(tmp_path):
    write_text(tmp_path / 'obj.names', 'dog\ncat\n\n')
    write_text(tmp_path / 'obj.data', 'classes = 2\nnames = data/obj.names\n')
    write_text(tmp_path / 'photos/a.b.txt', f'1 {BOX}')
    write_text(tmp_path / 'photos/b.txt', '')
    write_text(tmp_path / 'photos/remarks.txt', 'taken in 2020\n')
    found = read(tmp_path, 'a.b.jpg', 'b.jpg', source=tmp_path)
    assert found.tags == {'a.b': ('cat',), 'b': ()} and found.problems == []
    assert len(found.remarks) == 1 and 'remarks.txt' in found.remarks[0]


def yolo(root: Path, names: str | None = 'names: [dog, cat]\n', **labels: str) -> Path:
    if names is not None:
        write_text(root / 'data.yaml', names)
    for name, text in labels.items():
        write_text(root / f'labels/{name}.txt', text)
    return root


def test_an_image_without_a_label_file_shows_nothing(tmp_path):
    yolo(tmp_path, a=f'0 {BOX}')
    found = read(tmp_path, 'a.jpg', 'b.jpg')
    assert found.tags == {'a': ('dog',), 'b': ()}
    assert len(found.remarks) == 1 and "YOLO's convention" in found.remarks[0]
    assert '(b)' in found.remarks[0]


def test_unless_it_may_have_been_renamed(tmp_path):
    yolo(tmp_path, a=f'0 {BOX}', was_b=f'1 {BOX}')
    found = read(tmp_path, 'a.jpg', 'b.jpg')
    assert found.tags == {'a': ('dog',)}
    assert '1 images have no label file (b), and 1 label files have no image (was_b)' in ' '.join(
        found.remarks
    )


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        (f'2 {BOX}', 'a.txt:2: class 2, expected one of the 2 of '),
        ('1 0.5 0.5\n', "a.txt:2: '1 0.5 0.5', expected the number of a class and a box"),
        (f'-1 {BOX}', "a.txt:2: '-1 "),
        (f'0.5 {BOX}', "a.txt:2: '0.5 "),
        (f'cat {BOX}', "a.txt:2: 'cat "),
        ('1 nan 0.5 0.5 0.5\n', "a.txt:2: '1 nan "),
    ],
)
def test_faulty_lines_of_labels(tmp_path, line, message):
    yolo(tmp_path, a=f'0 {BOX}{line}', b=f'1 {BOX}')
    found = read(tmp_path, 'a.jpg', 'b.jpg', tags_from='yolo')
    assert len(found.problems) == 1 and message in found.problems[0]
    assert found.tags == {'a': ('dog',), 'b': ('cat',)}


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        ('names: [yes, no]\n', r'names\[0\]: True, expected the name of a class \(YAML reads yes'),
        ('names: [cat, ""]\n', r"names\[1\]: '', expected the name of a class"),
        ('nc: 3\nnames: [cat, dog]\n', 'nc is 3, but names has 2 names'),
        ('names: {cat: 0}\n', "the key 'cat', expected the number of a class"),
        ('names:\n', 'names is None, expected a list of names'),
        ('names: [cat\n', 'data.yaml: no valid YAML'),
        ('names: [Cat, cat]\n', "'Cat' and 'cat' differ only in case"),
        (None, 'no file names them. Add data.yaml'),
    ],
)
def test_faulty_names_of_classes(tmp_path, names, message):
    yolo(tmp_path, names, a=f'0 {BOX}')
    with pytest.raises(ValueError, match=message):
        read(tmp_path, 'a.jpg')


def test_two_lists_of_classes(tmp_path):
    write_text(yolo(tmp_path, a=f'0 {BOX}') / 'labels/classes.txt', 'dog\ncat\n')
    assert read(tmp_path, 'a.jpg').tags == {'a': ('dog',)}
    write_text(tmp_path / 'labels/classes.txt', 'cat\ndog\n')
    with pytest.raises(ValueError, match='data.yaml and .*classes.txt name the classes diff'):
        read(tmp_path, 'a.jpg')
    assert read(tmp_path, 'a.jpg', source=tmp_path / 'data.yaml').tags == {'a': ('dog',)}


def test_classes_name_the_numbers_where_nothing_else_does(tmp_path):
    yolo(tmp_path, None, a=f'1 {BOX}')
    found = read(tmp_path, 'a.jpg', classes=['dog', 'cat'])
    assert found.tags == {'a': ('cat',)} and 'they are those of --classes' in found.remarks[0]
    assert read(yolo(tmp_path), 'a.jpg', classes=['cat']).tags == {'a': ('cat',)}


def test_a_data_yaml_may_lead_elsewhere(tmp_path):
    yolo(tmp_path / 'set', None, a=f'1 {BOX}')
    file = write_text(tmp_path / 'my.yaml', f'path: {tmp_path}/set\nnames: [1, 2]\n')
    found = read(tmp_path, 'a.jpg', source=file)
    assert found.classes == ['1', '2'] and found.tags == {'a': ('2',)}


def test_no_label_files(tmp_path):
    with pytest.raises(ValueError, match=r'no label files of YOLO'):
        read(yolo(tmp_path), 'a.jpg', tags_from='yolo')


# --- FiftyOne: docs.voxel51.com/user_guide/import_datasets.html -----------------------------------


@pytest.mark.parametrize(
    'labels',
    [
        dict(a=1, b=0, c=None),
        dict(a=dict(label=1, confidence=0.9), b=dict(label=0, attributes={}), c=None),
        dict(a=dict(labels=[1], confidences=[0.9]), b=[0, 0], c=None),
        {
            '/export/data/a.jpg': [dict(label=1, bounding_box=[0, 0, 1, 1])],
            'b.jpg': [dict(label=0)],
        },
    ],
)
def test_fiftyone_labels(tmp_path, labels):
    write_json(tmp_path / 'labels.json', dict(classes=['dog', 'cat', 'cow'], labels=labels))
    found = read(tmp_path, 'a.jpg', 'b.jpg', 'c.jpg')
    assert found.classes == ['dog', 'cat', 'cow'] and found.problems == []
    assert found.tags == {'a': ('cat',), 'b': ('dog',)}
    if 'c' in labels:
        assert len(found.remarks) == 1
        assert '1 images have no label (null)' in found.remarks[0] and '(c)' in found.remarks[0]


def test_fiftyone_labels_by_name_and_by_part(tmp_path):
    labels = {'1': [dict(label='dog'), dict(label='cat')], '2': []}
    write_json(tmp_path / 'train/labels.json', dict(classes=None, labels=labels))
    write_json(tmp_path / 'test/labels.json', dict(labels={'1': 'cow'}))
    paths = write_files(tmp_path, 'train/data/1.jpg', 'train/data/2.jpg', 'test/data/1.jpg')
    found = read_image_tags(tmp_path, paths, tmp_path)
    assert found.classes == ['cat', 'cow', 'dog']
    assert list(found.tags.values()) == [('cow',), ('cat', 'dog'), ()]


def test_a_data_set_of_fiftyone(tmp_path):
    detections = [dict(_cls='Detection', label=name, bounding_box=[]) for name in ('dog', 'dog')]
    samples = [
        dict(
            filepath='data/a.jpg',
            tags=['validation'],
            ground_truth=dict(_cls='Detections', detections=detections),
            weather=dict(_cls='Classification', label='sunny'),
            kinds=dict(_cls='Classifications', classifications=[dict(label='pet')]),
        ),
        dict(filepath='data/b.jpg', ground_truth=dict(_cls='Detections', detections=[])),
        dict(filepath='data/c.jpg', ground_truth=None),
    ]
    file = write_json(tmp_path / 'samples.json', dict(samples=samples))
    write_json(tmp_path / 'metadata.json', dict(classes={}, default_classes=['cow', 'dog']))
    found = read(tmp_path, 'a.jpg', 'b.jpg', 'c.jpg')
    assert found.classes == ['cow', 'dog'] and found.tags == {'a': ('dog',), 'b': ()}
    images = ('a.jpg', 'b.jpg', 'c.jpg')
    write_json(tmp_path / 'metadata.json', dict(classes=dict(weather=['rainy', 'sunny'])))
    for field, tags in (('weather', ('sunny',)), ('kinds', ('pet',))):
        found = read(tmp_path, *images, tags_from=f'fiftyone:{field}')
        assert found.tags == {'a': tags}
    found = read(tmp_path, *images, tags_from='fiftyone:weather')
    assert found.classes == ['rainy', 'sunny']
    with pytest.raises(ValueError, match=r"no field 'x' .*ground_truth \(Detections\), kinds \(Cl"):
        read(tmp_path, *images, tags_from='fiftyone:x')
    for sample in samples:
        sample.pop('ground_truth')
    write_json(file, dict(samples=samples))
    with pytest.raises(ValueError, match=r'fields of labels: kinds .*, weather .*fiftyone:FIELD'):
        read(tmp_path, *images)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (dict(classes=['cat'], labels=dict(a=1)), "labels['a']: class 1, expected a number from 0"),
        (dict(labels=dict(a=1)), "labels['a']: class 1, and the file has no classes"),
        (dict(classes=['cat'], labels=dict(a='dog')), "'dog' is not among classes (cat)"),
        (dict(classes=['cat'], labels=dict(a=True)), 'True, expected the name of a class'),
        (
            dict(samples=[dict(filepath=''), dict(ground_truth=dict(_cls='Detections'))]),
            'samples[1]: filepath is None, expected a path',
        ),
        (
            dict(
                samples=[
                    dict(filepath='a.jpg', ground_truth=dict(_cls='Segmentation')),
                    dict(filepath='b.jpg', ground_truth=dict(_cls='Classification', label='x')),
                ]
            ),
            'samples[0].ground_truth: ',
        ),
    ],
)
def test_faulty_fiftyone_labels(tmp_path, content, message):
    file = write_json(tmp_path / 'labels.json', content)
    found = read(tmp_path, 'a.jpg', 'b.jpg', source=file, classes=['cat'] if 'samples' not in
                 content else None)  # fmt: skip
    assert any(message in one for one in found.problems)


def test_a_folder_without_fiftyone_labels(tmp_path):
    write_json(tmp_path / 'labels.json', coco({'a.jpg': []}, 'cat'))  # its COCODetectionDataset
    with pytest.raises(ValueError, match="no labels.json or samples.json of FiftyOne's"):
        read(tmp_path, 'a.jpg', tags_from='fiftyone')
    assert read(tmp_path, 'a.jpg').classes == ['cat']


# --- Hugging Face: huggingface.co/docs/datasets/image_dataset -------------------------------------

IMAGES = ('a.jpg', 'b.jpg', 'sub/c.jpg')


@pytest.mark.parametrize(
    'lines',
    [
        ['file_name,label', 'a.jpg,cat', 'b.jpg,', 'sub/c.jpg,traffic light'],
        ['label,file_name,width', 'cat,a.jpg,4', ',b.jpg,4', 'traffic light,sub\\c.jpg,4'],
        ['file_name,tags', 'a.jpg,cat;cat', 'b.jpg,[]', 'sub/c.jpg,"[""traffic light""]"'],
        ['file_name,cat,traffic light', 'a.jpg,1,0', 'b.jpg,0,0', 'sub/c.jpg,False,True'],
        ['file_name,objects', 'a.jpg,"{""categories"": [""cat"", ""cat""]}"', 'b.jpg,',
         'sub/c.jpg,"{""category"": [""traffic light""]}"'],
    ],
)  # fmt: skip
def test_imagefolder_csv(tmp_path, lines):
    file = write_text(tmp_path / 'photos/metadata.csv', '\n'.join(lines), 'utf-8-sig')
    for source in (file, file.parent):
        found = read(tmp_path, *IMAGES, source=source)
        assert found.classes == ['cat', 'traffic light'] and found.problems == []
        assert found.tags == {'a': ('cat',), 'b': (), 'sub/c': ('traffic light',)}


@pytest.mark.parametrize(
    'rows',
    [
        [dict(label='cat'), dict(label=None), dict(label='dog, hot')],
        [dict(labels=['cat']), dict(labels=[]), dict(labels=['dog, hot'])],
        [
            dict(objects=dict(bbox=[[0, 0, 1, 1]], categories=['cat']), text='a cat'),
            dict(objects=dict(bbox=[], categories=[])),
            dict(objects=[dict(bbox=[0, 0, 1, 1], category='dog, hot')]),
        ],
    ],
)
def test_imagefolder_jsonl(tmp_path, rows):
    rows = [dict(file_name=name) | row for name, row in zip(IMAGES, rows, strict=True)]
    text = '\n'.join(map(json.dumps, rows)) + '\n\n'
    write_text(tmp_path / 'photos/metadata.jsonl', text)
    found = read_folders(tmp_path, *IMAGES)
    assert found.tags == {'a': ('cat',), 'b': (), 'sub/c': ('dog, hot',)}


CARD = """---
dataset_info:
  features:
  - name: image
    dtype: image
  - name: objects
    struct:
    - name: categories
      sequence:
        class_label:
          names:
            '1': cat
            '0': dog
---
# A data set
"""


def test_numbers_of_classes_are_named_by_the_card_or_the_classes(tmp_path):
    for part, number in (('train', 1), ('validation', 0)):
        row = dict(file_name='1.jpg', objects=dict(categories=[number]))
        write_text(tmp_path / f'photos/{part}/metadata.jsonl', json.dumps(row))
    images = ('train/1.jpg', 'validation/1.jpg')
    found = read_folders(tmp_path, *images)
    assert len(found.problems) == 2
    assert 'class 0 is a number, and nothing names it' in found.problems[1]
    found = read_folders(tmp_path, *images, classes=['dog', 'cat'])
    assert found.tags == {'train/1': ('cat',), 'validation/1': ('dog',)}
    write_text(tmp_path / 'photos/README.md', CARD)
    found = read_folders(tmp_path, *images)
    assert found.classes == ['dog', 'cat'] and found.problems == []
    assert found.tags == {'train/1': ('cat',), 'validation/1': ('dog',)}
    write_text(tmp_path / 'photos/train/metadata.jsonl', json.dumps(row).replace('[0]', '[2]'))
    found = read_folders(tmp_path, *images)
    assert len(found.problems) == 1 and 'class 2, expected 0 to 1' in found.problems[0]


def test_a_column_can_be_chosen(tmp_path):
    text = 'file_name,label,species,quality\na.jpg,1,cat,good\nb.jpg,2,dog,good\n'
    file = write_text(tmp_path / 'metadata.csv', text)
    found = read(tmp_path, 'a.jpg', 'b.jpg', source=file, tags_from='imagefolder:species')
    assert found.tags == {'a': ('cat',), 'b': ('dog',)}


@pytest.mark.parametrize(
    ('name', 'text', 'tags_from', 'message'),
    [
        ('.csv', 'image,label\n', 'imagefolder', 'no rows'),
        (
            '.csv',
            'image,label\na.jpg,cat\n',
            'imagefolder',
            'no column file_name; it has image, la',
        ),
        ('.csv', 'file_name,text\na.jpg,A cat\n', 'auto', 'no column of labels, .*it has text'),
        ('.csv', 'file_name,label,tags\na.jpg,x,y\n', 'auto', 'label and tags may have the labels'),
        ('.csv', 'file_name,text\na.jpg,x\n', 'imagefolder:y', "no column 'y'; it has text"),
        ('.csv', 'file_name,label\na.jpg\n', 'auto', 'metadata.csv:2: 1 cells, expected 2'),
        ('.csv', 'file_name,label\n"a.jpg,x\n', 'auto', 'metadata.csv:3: unexpected'),
        ('.jsonl', '{"file_name": "a.jpg"\n', 'auto', 'metadata.jsonl:1: no valid JSON'),
        ('.jsonl', '["a.jpg"]\n', 'auto', 'metadata.jsonl:1: .*expected an object'),
    ],
)
def test_faulty_metadata(tmp_path, name, text, tags_from, message):
    file = write_text(tmp_path / f'metadata{name}', text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path, 'a.jpg', source=file, tags_from=tags_from)


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        (dict(label='cat'), 'metadata.jsonl:2: file_name is None, expected a path'),
        (dict(file_name='b.jpg', label=dict(a=1)), 'label: has a, expected one of label'),
        (dict(file_name='b.jpg', label=1.5), 'label: 1.5, expected the name of a class'),
        (dict(file_name='b.jpg', label=[True]), 'label: True, expected the name of a class'),
        (dict(file_name='./a.jpg', label='cat'), 'image a has another entry'),
        (
            dict(file_name='b.jpg', label={'label': 1, 'labels': 2}),
            'has label, labels, expected one',
        ),
    ],
)
def test_faulty_rows_of_metadata(tmp_path, row, message):
    rows = [dict(file_name='a.jpg', label='cat'), row]
    file = write_text(tmp_path / 'photos/metadata.jsonl', '\n'.join(map(json.dumps, rows)))
    found = read(tmp_path, 'a.jpg', 'b.jpg', source=file)
    assert len(found.problems) == 1 and message in found.problems[0]


def test_parquet_needs_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    file = write_text(tmp_path / 'metadata.parquet', 'PAR1')
    with pytest.raises(ValueError, match=r'metadata.parquet: reading Parquet needs pyarrow'):
        read(tmp_path, 'a.jpg', source=file)


def test_imagefolder_parquet(tmp_path):
    pyarrow = pytest.importorskip('pyarrow')
    from pyarrow import parquet

    columns = dict(file_name=list(IMAGES), labels=[['cat'], [], ['dog', 'cat']])
    file = tmp_path / 'metadata.parquet'
    parquet.write_table(pyarrow.table(columns), file)
    found = read(tmp_path, *IMAGES, source=file)
    assert found.tags == {'a': ('cat',), 'b': (), 'sub/c': ('cat', 'dog')}
    file.write_bytes(b'PAR1')
    with pytest.raises(ValueError, match='metadata.parquet: no Parquet file'):
        read(tmp_path, *IMAGES, source=file)
