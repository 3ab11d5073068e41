"""Split lists: the ways the field writes them, and what is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_wsss.datasets.splits import read_split


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('splits')


def write(folder, content):
    path = folder / 'list.txt'
    path.write_bytes(content if isinstance(content, bytes) else content.encode('utf-8'))
    return path


@pytest.mark.parametrize(
    'content, expected',
    [
        ('2007_000032\n2007_000039\n', ['2007_000032', '2007_000039']),
        ('b\na', ['b', 'a']),
        ('\n  a  \n\n b\t\r\n', ['a', 'b']),
        ('a\rb', ['a', 'b']),
        ('\ufeffa\nb', ['a', 'b']),
        ('train2014/9\nwith blank', ['train2014/9', 'with blank']),
        ('ünïcode 図\na.b', ['ünïcode 図', 'a.b']),
        ('COCO_train2014_000000000009\n9', ['COCO_train2014_000000000009', '9']),
        (
            '/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png\n'
            'JPEGImages/2007_000039.JPG\tSegmentationClassAug/2007_000039.png\n',
            ['2007_000032', '2007_000039'],
        ),
        ('/JPEGImages/2007_000032.jpg\na.jpeg\nb.png', ['2007_000032', 'a', 'b']),
        ('val0.jpg\ncamA/val0.jpg\ncamB/val0.TIF', ['val0', 'camA/val0', 'camB/val0']),
        ('/JPEGImages/camA/v.jpg\nJPEGImages/camB/v.jpg', ['camA/v', 'camB/v']),
        ('/JPEGImages/camA/v.jpg /SegmentationClass/camA/v.png', ['camA/v']),
        ('a photo.jpg\nb c/d.jpg', ['a photo', 'b c/d']),
    ],
)  # fmt: skip
def test_habits_of_the_field(folder, content, expected):
    assert read_split(write(folder, content)) == expected


@pytest.mark.parametrize(
    'content, message',
    [
        ('', r'list\.txt: the split list is empty'),
        ('\ufeff\n \n', r'list\.txt: the split list is empty'),
        ('a\nb\n\na\n', r"list\.txt:4: duplicate image id 'a', first in line 1"),
        ('/x/a.jpg\na', r"list\.txt:2: duplicate image id 'a'"),
        ('../../etc/passwd', r'list\.txt:1: image id .* starts with a dot'),
        ('/etc/passwd', r'list\.txt:1: image id .* relative'),
        ('a/../../b.jpg', r'list\.txt:1: image id .* starts with a dot'),
        ('/x/a.jpg ../b/a.png', r'list\.txt:1: image id .* starts with a dot'),
        ('/x/a.jpg /y/b.png', r'list\.txt:1: .* different names'),
        ('a\nb\0c', r'list\.txt:2: image id .* control character'),
        (b'a\nb\nc\xff', r'list\.txt:3: the split list is not UTF-8'),
        ('a\n' + 'x' * 300, r'list\.txt:2: image id .* longer than'),
    ],
)
def test_what_is_refused(folder, content, message):
    with pytest.raises(ValueError, match=message):
        read_split(write(folder, content))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.txt: there is no such split list'):
        read_split(tmp_path / 'none.txt')
    with pytest.raises(ValueError, match='is a folder'):
        read_split(tmp_path)


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=40) | st.text(alphabet='ab./ \n\r.jpgn\\', max_size=40))
def test_fuzzed_lists_give_ids_or_a_value_error(folder, content):
    path = write(folder, content)
    try:
        image_ids = read_split(path)
    except ValueError as error:
        assert str(error).startswith(str(path))
    else:
        assert image_ids and len(set(image_ids)) == len(image_ids)
        for image_id in image_ids:
            assert not image_id.startswith('/') and '..' not in image_id.split('/')
