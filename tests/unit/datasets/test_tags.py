"""Tags in every format, what is refused, and that no pickle runs code."""

import csv
import io
import json
import os
import pickle
import pickletools
import re
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_wsss.checks.report import CheckReport
from mmseg_wsss.converters.folder_inputs import remark_doubtful_names
from mmseg_wsss.converters.tag_sources.table import read_class_names
from mmseg_wsss.datasets.tags import read_tags, tags_for, write_tags

CLASSES = ('background', 'cat', 'dog', 'horse')
BLANKS = ('background', 'person', 'traffic light', 'hot dog', 'dog')
EXPECTED = {'2007_000063': (1, 3), 'train/9': (), 'ünïcode 図': (2,)}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('tags')


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode('utf-8'))
    return path


def save_npy(folder, value, name='cls_labels.npy'):
    path = folder / name
    np.save(path, value, allow_pickle=True)
    return path


def vector(*labels, dtype=np.float32):
    result = np.zeros(len(CLASSES) - 1, dtype)
    result[[label - 1 for label in labels]] = 1
    return result


@pytest.mark.parametrize('newline', ['\n', '\r\n'])
@pytest.mark.parametrize('mark', ['', '\ufeff'])
def test_csv_of_names(folder, newline, mark):
    lines = ['image_id,tags', '2007_000063,horse cat', '', 'train/9,', 'ünïcode 図, dog ']
    path = write(folder, 'tags.csv', mark + newline.join(lines))
    assert read_tags(path, CLASSES) == EXPECTED


@pytest.mark.parametrize(
    'cell, expected',
    [
        ('traffic light', (2,)),
        ('traffic light;dog', (2, 4)),
        ('hot dog | person', (1, 3)),
        ('"dog;hot dog"', (3, 4)),
        ('person dog', (1, 4)),
    ],
)
def test_names_that_hold_blanks(folder, cell, expected):
    path = write(folder, 'tags.csv', f'image_id,tags\na,{cell}\n')
    assert read_tags(path, BLANKS) == {'a': expected}


def test_csv_table_of_0_and_1(folder):
    text = 'image_id,horse,cat,dog\n2007_000063,1,1,0\ntrain/9,0,0,0\nünïcode 図,0, 0,1\n'
    assert read_tags(write(folder, 'tags.csv', text), CLASSES) == EXPECTED


def test_json(folder):
    content = {'2007_000063': ['horse', 'cat'], 'train/9': [], 'ünïcode 図': ['dog']}
    assert read_tags(write(folder, 'tags.json', json.dumps(content)), CLASSES) == EXPECTED
    text = json.dumps(content, ensure_ascii=False)
    assert read_tags(write(folder, 'tags.json', '\ufeff' + text), CLASSES) == EXPECTED


@pytest.mark.parametrize('dtype', ['f4', 'f8', 'f2', 'i4', 'i8', 'u1', 'i1', '?', '>f4', '>i2'])
def test_npy_of_any_number_type(folder, dtype):
    content = {
        '2007_000063': vector(1, 3, dtype=dtype),
        'train/9': vector(dtype=dtype),
        'ünïcode 図': vector(2, dtype=dtype),
    }
    assert read_tags(save_npy(folder, content), CLASSES) == EXPECTED


def test_npy_keys_as_the_field_writes_them(folder):
    content = {np.int32(2007000032): vector(1), 9: vector(2), np.str_('a'): vector(3)}
    tags = read_tags(save_npy(folder, content), CLASSES)
    assert tags == {'2007000032': (1,), '9': (2,), 'a': (3,)}
    assert tags_for(tags, '2007_000032') == (1,)
    assert tags_for(tags, 'COCO_val2014_000000000009') == (2,)


def pickled(protocol, old_names):
    """Pickle a dict as NumPy 1 and 2 do, whichever is installed."""
    content = np.empty((), object)
    content[()] = {'2007_000063': vector(1, 3), 'b': vector(2)}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, dict(descr='|O', fortran_order=False, shape=()))
    data = pickle.dumps(content, protocol=protocol)
    modules = [b'numpy._core.multiarray', b'numpy.core.multiarray']
    source, target = modules if old_names else modules[::-1]
    if protocol < 4:
        data = data.replace(source, target)
    else:
        text = [bytes([0x8C, len(name)]) + name for name in (source, target)]
        # Without its frames, whose lengths the other name changes.
        frames = [i for op, _, i in pickletools.genops(data) if op.name == 'FRAME']
        for position in reversed(frames):
            data = data[:position] + data[position + 9 :]
        data = data.replace(*text)
    assert target in data and source not in data
    return header.getvalue() + data


@pytest.mark.parametrize('old_names', [False, True])
@pytest.mark.parametrize('protocol', [2, 3, 4])
def test_npy_of_any_numpy(folder, protocol, old_names):
    path = write(folder, 'cls_labels.npy', pickled(protocol, old_names))
    assert read_tags(path, CLASSES) == {'2007_000063': (1, 3), 'b': (2,)}


@pytest.mark.parametrize(
    'content, message',
    [
        ('image_id,tags\na,cta\n', r"tags\.csv:2: tag 'cta' is not a class; did you mean 'cat'\?"),
        ('image_id,tags\na,Dog\n', r"tag 'Dog' is not a class; did you mean 'dog'"),
        ('image_id,tags\na,zebra\n', r"tags\.csv:2: tag 'zebra' is not a class$"),
        ('image_id,tags\n\na,cat\na,dog\n', r"tags\.csv:4: duplicate image id 'a'"),
        ('image_id,tags\na,cat cat\n', r"tags\.csv:2: tag 'cat' is given twice"),
        ('image_id,tags\na,cat;\n', r"tags\.csv:2: tag '' is not a class"),
        ('image_id,tags\na,background\n', r'tags\.csv:2: .*background, which is no tag'),
        ('image_id,tags\n,cat\n', r'tags\.csv:2: an image id is empty'),
        ('image_id,tags\n,\n', r'tags\.csv:2: an image id is empty'),
        ('image_id,tags\n../a,cat\n', r'tags\.csv:2: image id .* starts with a dot'),
        ('image_id,tags\na\n', r'tags\.csv:2: 1 cells, expected 2'),
        ('image_id,tags\na,cat,dog\n', r'tags\.csv:2: 3 cells, expected 2'),
        ('image_id,tags\na,"cat\n', r'tags\.csv:\d: .*unexpected end'),
        ('image_id,tags\n', r'tags\.csv: there are no tags'),
        ('', r'tags\.csv: there are no tags'),
        ('a,cat\n', r"tags\.csv:1: header 'a,cat', expected image_id,tags or"),
        ('image_id\na\n', r"tags\.csv:1: header 'image_id'"),
        ('image_id,cat,dog\na,0,1\n', r'tags\.csv:1: the header has no column for horse'),
        ('image_id,cat,dog,hors\n', r"tags\.csv:1: tag 'hors' .* did you mean 'horse'"),
        ('image_id,cat,dog,horse\na,0,1\n', r'tags\.csv:2: 3 cells, expected 4'),
        ('image_id,cat,dog,horse\na,0,1,2\n', r"tags\.csv:2: value '2', expected 0 or 1"),
        ('image_id,cat,dog,horse\na,0,1,\n', r"tags\.csv:2: value '', expected 0 or 1"),
        (b'image_id,tags\na,\xff\n', r'tags\.csv:2: the tags file is not UTF-8'),
    ],
)  # fmt: skip
def test_csv_errors_name_the_line(folder, content, message):
    with pytest.raises(ValueError, match=message):
        read_tags(write(folder, 'tags.csv', content), CLASSES)


@pytest.mark.parametrize(
    'content, message',
    [
        ('{"a": ["cta"]}', r"tags\.json: key 'a': tag 'cta' is not a class; did you mean 'cat'"),
        ('{"a": ["cat"], "a": ["dog"]}', r"tags\.json: key 'a': duplicate image id"),
        ('{"a": "cat"}', r"tags\.json: key 'a': expected a list of class names"),
        ('{"a": [1]}', r"tags\.json: key 'a': expected a list"),
        ('{"a": {}}', r"tags\.json: key 'a': expected a list"),
        ('{"a": null}', r"tags\.json: key 'a': expected a list"),
        ('{"": []}', r"tags\.json: key '': an image id is empty"),
        ('{"a": [', r'tags\.json: no valid JSON'),
        ('[["", null]]', r'tags\.json: a JSON list.*, expected a JSON object'),
        ('1', r'tags\.json: expected a JSON object'),
        ('{}', r'tags\.json: there are no tags'),
        ('', r'tags\.json: no valid JSON'),
        ('[' * 100_000, r'tags\.json: no valid JSON'),
    ],
)
def test_json_errors_name_the_key(folder, content, message):
    with pytest.raises(ValueError, match=message):
        read_tags(write(folder, 'tags.json', content), CLASSES)


@pytest.mark.parametrize(
    'content, message',
    [
        ({'a': vector(1)[:2]}, r"key 'a': 2 values, expected 3"),
        ({'a': vector(1) * 0.5}, r"key 'a': a value is neither 0 nor 1"),
        ({'a': vector(1) * np.nan}, r"key 'a': a value is neither 0 nor 1"),
        ({'a': vector(1)[None]}, r"key 'a' holds no plain vector"),
        ({'a': np.array(['x'])}, r"key 'a' holds no plain vector"),
        ({'a': np.array([None])}, r"key 'a' holds no plain vector"),
        ({'a': [0, 1, 0]}, r"key 'a' holds list, expected an array"),
        ({1: vector(1), '1': vector(1)}, r"duplicate key '1'"),
        ({'../a': vector(1)}, r"key '../a': image id"),
        ({(1, 2): vector(1)}, r'a key is tuple'),
        ({}, 'there are no tags'),
        ([vector(1)], r'float32 with shape \(1, 3\)'),
        (np.array([{}, {}]), r'object with shape \(2,\)'),
        ('text', '<U4 with shape'),
        (None, 'holds no dict'),
    ],
)
def test_npy_errors_name_the_key(folder, content, message):
    with pytest.raises(ValueError, match=rf'cls_labels\.npy: .*{message}'):
        read_tags(save_npy(folder, content), CLASSES)


class Calls:
    """An object whose pickle calls something."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    'harmful, name',
    [
        (lambda path: Calls(os.system, f'touch {path}'), 'system'),
        (lambda path: Calls(eval, f"open('{path}', 'w')"), 'eval'),
        (lambda path: Calls(open, str(path), 'w'), 'open'),
        (lambda path: Calls(np.save, str(path), 1), 'save'),
    ],
)
def test_a_pickle_runs_nothing(tmp_path, harmful, name):
    victim = tmp_path / 'victim'
    for content in ({'a': harmful(victim)}, {'a': vector(1), 'b': [harmful(victim)]}):
        with pytest.raises(ValueError, match=rf'cls_labels\.npy: refused, it names .*{name}'):
            read_tags(save_npy(tmp_path, content), CLASSES)
    assert not victim.exists()


HEADER = pickled(2, True)[:128]


@pytest.mark.parametrize(
    'stream',
    [
        # Sets attributes of the stand-in's class; calls the result of a call; sets its state.
        b'\x80\x02cnumpy\nndarray\n}X\x01\x00\x00\x00aK\x01sb.',
        b'\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00f4\x85R)R.',
        b'\x80\x02cnumpy\nndarray\n)R.',
        b'\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00utf-7\x86R.',
        # An index of the memo, a length, that would take much memory.
        b'\x80\x02K\x01r\xff\xff\xff\xff.',
        b'\x80\x02B\xff\xff\xff\x7f',
        b'\x80\x04\x96\xff\xff\xff\xff\xff\xff\xff\x00',
        # Deeply nested, also as a key.
        b'\x80\x02' + b')' + b'\x85' * 100_000 + b'.',
        b'\x80\x02})' + b'\x85' * 100_000 + b'K\x01s.',
        b'\x80\x02](h\x00.',
        b'\x80\x63.',
        b'.',
        b'',
    ],
)
def test_hostile_streams(folder, stream):
    path = write(folder, 'cls_labels.npy', HEADER + stream)
    with pytest.raises(ValueError, match=r'cls_labels\.npy: (refused|the file is damaged)'):
        read_tags(path, CLASSES)


def test_an_array_cannot_claim_objects_to_be_numbers(folder):
    """NumPy itself believes a dtype's pickled flags, and then reads pointers from the file."""

    class Pointers:
        def __reduce__(self):
            state = (1, (1,), np.dtype('O'), False, struct.pack('<Q', 0x4141414141414141))
            return np.zeros(0).__reduce__()[0], (np.ndarray, (0,), b'b'), state

    with pytest.raises(ValueError, match=r"key 'a' holds no plain vector"):
        read_tags(save_npy(folder, {'a': Pointers()}), CLASSES)


PIECES = [
    pickled(2, True),
    pickled(4, False),
    b'image_id,tags\na,cat dog\nb,\n',
    b'image_id,cat,dog,horse\na,0,1,0\n',
    b'{"a": ["cat"], "b": []}',
]


@pytest.mark.filterwarnings('ignore:Reading .* additional header parsing')
@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_fuzzed_files_give_tags_or_a_value_error(folder, data):
    index = data.draw(st.integers(0, len(PIECES) - 1))
    content = bytearray(PIECES[index])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 6)))
        content[start:end] = data.draw(st.binary(max_size=6) | st.sampled_from([b',', b'"', b'\n']))
    suffix = ['npy', 'npy', 'csv', 'csv', 'json'][index]
    path = write(folder, f'fuzz.{suffix}', bytes(content))
    try:
        tags = read_tags(path, CLASSES)
    except ValueError as error:
        assert str(error).startswith(str(path))
    else:
        assert all(1 <= label <= 3 for labels in tags.values() for label in labels)


def test_other_suffix_and_missing_files(tmp_path):
    with pytest.raises(ValueError, match=r"tags\.txt: suffix '\.txt', expected tags in"):
        read_tags(tmp_path / 'tags.txt', CLASSES)
    for name in ('tags.csv', 'tags.json', 'cls_labels.npy'):
        with pytest.raises(FileNotFoundError, match=f'{name}: there is no such tags file'):
            read_tags(tmp_path / name, CLASSES)


IDS = st.from_regex(r'[a-z0-9_ é/]{1,9}', fullmatch=True).filter(
    lambda text: text == text.strip() and not re.search('^/|//|/$', text)
)


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(IDS, st.sets(st.integers(1, 4)), min_size=1, max_size=6),
    st.sampled_from(['csv', 'json']),
    st.sampled_from([BLANKS, ('background', 'a', 'b', 'c', 'd')]),
)
def test_what_is_written_is_read(folder, tags, suffix, classes):
    path = folder / f'written.{suffix}'
    write_tags(path, tags, classes)
    assert read_tags(path, classes) == {key: tuple(sorted(value)) for key, value in tags.items()}


def test_written_csv_is_plain(tmp_path):
    write_tags(tmp_path / 'tags.csv', {'a': [3, 1], 'b': []}, CLASSES)
    with open(tmp_path / 'tags.csv', newline='') as file:
        assert list(csv.reader(file)) == [['image_id', 'tags'], ['a', 'cat horse'], ['b', '']]


@pytest.mark.parametrize(
    'name, tags', [('tags.npy', {}), ('tags.csv', {'a': [0]}), ('t.csv', {'a': [4]}),
                   ('tags.csv', {'..': [1]})]
)  # fmt: skip
def test_what_cannot_be_written(tmp_path, name, tags):
    with pytest.raises(ValueError, match=name):
        write_tags(tmp_path / name, tags, CLASSES)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    'stored, asked',
    [
        ('9', 'COCO_train2014_000000000009'),
        ('9', 'train2014/COCO_train2014_000000000009'),
        ('COCO_val2014_000000000042', '42'),
        ('000000000042', '42'),
        ('42', '000000000042'),
        ('2007_000032', '2007000032'),
        ('2007000032', '2007_000032'),
        ('9', 'data/train2014/9'),
        ('2007_000032', 'animals/2007_000032'),
        ('folder/a', 'folder/a'),
    ],
)
def test_names_of_one_image(stored, asked):
    assert tags_for({stored: (1,)}, asked) == (1,)


@pytest.mark.parametrize(
    'stored, asked',
    [('1', '0001'), ('9', 'COCO_train2014_9'), ('a', 'b'), ('a', 'folder/a'), ('1', 'camera/1'),
     ('camera/a', 'a')],
)  # fmt: skip
def test_names_of_different_images(stored, asked):
    assert tags_for({stored: (1,)}, asked) is None


def test_the_id_itself_comes_first():
    tags = {'9': (1,), 'COCO_train2014_000000000009': (2,), 'x/9': ()}
    assert tags_for(tags, 'COCO_train2014_000000000009') == (2,)
    assert tags_for(tags, 'x/9') == ()
    assert tags_for(tags, '9') == (1,)


@pytest.mark.parametrize(
    'cell',
    ['"dog, cat"', '"dog,cat"', 'dog cat', 'dog;cat', 'dog | cat', '"[\'cat\', \'dog\']"',
     '"[""cat"", ""dog""]"'],
)  # fmt: skip
@pytest.mark.parametrize('start, end', [(b'', '\n'), (b'\xef\xbb\xbf', '\r\n\r\n')])
def test_the_ways_to_write_several_tags(folder, cell, start, end):
    text = end.join(['image_id,tags', f'a,{cell}', 'b,dog', 'c,', 'd,[]', ''])
    path = write(folder, 'ways.csv', start + text.encode())
    assert read_class_names(path) == ['cat', 'dog']
    classes = ('background', 'cat', 'dog')
    assert read_tags(path, classes) == {'a': (1, 2), 'b': (2,), 'c': (), 'd': ()}


def test_names_with_blanks_and_commas(folder):
    path = write(folder, 'blanks.csv', b'image_id,tags\na,"traffic light, cat"\nb,traffic light\n')
    assert read_class_names(path) == ['cat', 'traffic light']
    assert read_tags(path, ('background', 'cat', 'traffic light')) == {'a': (1, 2), 'b': (2,)}
    path = write(folder, 'comma.csv', b'image_id,tags\na,"oak,old;cat"\nb,"oak,old"\n')
    assert read_tags(path, ('background', 'cat', 'oak,old')) == {'a': (1, 2), 'b': (2,)}


@pytest.mark.parametrize(
    'name, content, message',
    [
        ('t.csv', 'image_id,tags\na,cat;dog\nb,cat dog\n', r":3: is 'cat dog' one class"),
        ('t.csv', 'image_id,tags\na,"cat,dog;cow"\n', ':2: .*mixes separators'),
        ('t.csv', 'image_id,tags\na,Cat\nb,cat\n', "'Cat' and 'cat' differ only in case"),
        ('t.csv', 'image_id,tags\na,hot-dog\nb,hot_dog\n', "'hot-dog' and 'hot_dog' differ"),
        ('t.json', '{"a": ["hot dog"], "b": ["hotdog"]}', "'hot dog' and 'hotdog' differ"),
        ('t.csv', 'image_id,Cat,cat\na,0,1\n', "'Cat' and 'cat' differ"),
        ('t.csv', 'image_id,tags\na,"[cat, dog]"\n', r':2: .*no list of class names'),
        ('t.csv', 'image_id;tags\na;cat\n', ":1: the columns are separated by ';'"),
        ('t.csv', 'image_id\ttags\na\tcat\n', ':1: the columns are separated by tabs'),
        ('t.csv', 'image_id,tags,split\na,dog,train\n', ":1: unknown columns .*'split'"),
        ('t.json', '{"images": [], "annotations": []}', 'this is a COCO annotation file'),
        ('t.json', '[{"image": "a.jpg", "choice": "cat"}]', 'a JSON list, as labelling tools'),
        ('t.json', '{"a": "cat"}', "key 'a': expected a list of class names"),
    ],
)
def test_what_class_names_cannot_be_taken_from(folder, name, content, message):
    with pytest.raises(ValueError, match=rf't\.(csv|json).*{message}'):
        read_class_names(write(folder, name, content.encode()))


@pytest.mark.parametrize(
    'name, content, message',
    [
        ('t.csv', 'image_id;tags\na;cat\n', "separated by ';'"),
        ('t.csv', 'image_id\ttags\na\tcat\n', 'separated by tabs'),
        ('t.csv', 'image_id,tags,split\na,dog,train\n', "unknown columns .*'split'"),
        ('t.csv', 'image_id,cat,dog,horse\na,0,x,1\n', ":2: value 'x'.* of class 'dog'"),
        ('t.csv', 'image_id,tags\na,"cat,"\n', ":2: tag '' is not a class"),
        ('t.csv', 'image_id,tags\na,Cat\n', ":2: tag 'Cat' is not a class.* 'cat'"),
        ('t.json', '{"images": [], "annotations": []}', 'this is a COCO annotation file'),
        ('t.json', '[{"image": "a.jpg"}]', 'a JSON list, as labelling tools'),
    ],
)
def test_tables_that_are_refused(folder, name, content, message):
    with pytest.raises(ValueError, match=message):
        read_tags(write(folder, name, content.encode()), CLASSES)


def test_distinct_names_stay_distinct(folder):
    path = write(folder, 'near.csv', 'image_id,tags\na,cat cats\nb,की का\nc,c c++\n'.encode())
    assert read_class_names(path) == sorted(['cat', 'cats', 'की', 'का', 'c', 'c++'])


def test_words_for_nothing_get_a_remark():
    report = CheckReport('t')
    remark_doubtful_names(['cat', 'No_Finding', 'normal', 'abnormal'], report)
    assert [remark.split("'")[1] for remark in report.remarks] == ['No_Finding', 'normal']
