"""Class names that a command is given."""

from __future__ import annotations

import pytest

from mmseg_wsss.datasets.class_names import read_class_list


def test_class_lists_of_the_field():
    voc, coco = read_class_list('voc12'), read_class_list('coco14')
    assert (len(voc), voc[0], voc[1], voc[-1]) == (21, 'background', 'aeroplane', 'tvmonitor')
    assert (len(coco), coco[0], coco[1], coco[-1]) == (81, 'background', 'person', 'toothbrush')


def test_file_with_one_name_a_line(tmp_path):
    path = tmp_path / 'classes.txt'
    path.write_bytes('\ufeffbackground\r\ncat\r\ntraffic light\r\nübung\r\n\r\n'.encode())
    assert read_class_list(str(path)) == ['background', 'cat', 'traffic light', 'übung']


@pytest.mark.parametrize(
    'content, message',
    [
        (b'background\n\ncat\n', 'classes.txt: name 2 is empty'),
        (b'\n\n', 'classes.txt: the class list is empty'),
        (b'background\nc\xff\n', 'classes.txt:2: the class list is not UTF-8 text'),
    ],
)
def test_wrong_files_are_named(tmp_path, content, message):
    path = tmp_path / 'classes.txt'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_class_list(str(path))


def test_missing_file():
    with pytest.raises(FileNotFoundError, match='none.txt: there is no such class list'):
        read_class_list('none.txt')
