"""The images of a study on generated scenes."""

import pytest

from mmseg_wsss.datasets import read_split, read_tags
from mmseg_wsss.datasets.scenes import SceneSet, write_scenes
from mmseg_wsss.experiments.budget import SCENES
from mmseg_wsss.experiments.study_data import SPLITS, DataLayout, StudyData, spread

SIZES = dict(train=4, judge=2, val=None)


@pytest.fixture
def scenes(tmp_path):
    write_scenes(tmp_path / 'data', SceneSet(5, 2))
    return tmp_path / 'data'


def test_parts_and_lists(scenes, tmp_path):
    data = StudyData(scenes, SCENES, SIZES)
    assert {split: len(ids) for split, ids in data.ids.items()} == dict(train=4, judge=2, val=2)
    assert set(data.ids['judge']) < set(data.ids['train'])
    data.write_lists(tmp_path / 'lists')
    for split in SPLITS:
        assert read_split(tmp_path / 'lists' / f'{split}.txt') == data.ids[split]


def test_tags_of_other_classes_are_left_out(scenes, tmp_path):
    few = DataLayout(SCENES.classes[:3], 'images', 'masks', 'train.txt', 'val.txt', None,
                     SCENES.classes[3:])  # fmt: skip
    data = StudyData(scenes, few, SIZES)
    data.write_lists(tmp_path / 'lists')
    found = read_tags(tmp_path / 'lists' / 'tags.csv', few.classes)
    every = read_tags(scenes / 'tags.csv', SCENES.classes)
    for image_id in [*data.ids['train'], *data.ids['val']]:
        assert found[image_id] == tuple(label for label in every[image_id] if label < 3)


def test_the_digest_knows_ids_tags_and_files(scenes):
    def digests(sizes=SIZES):
        return StudyData(scenes, SCENES, sizes).digests

    before = digests()
    assert digests() == before
    assert digests(dict(SIZES, train=3))['train'] != before['train']
    image_id = StudyData(scenes, SCENES, SIZES).ids['val'][0]
    mask = scenes / 'masks' / f'{image_id}.png'
    mask.write_bytes(mask.read_bytes() + b'0')
    assert digests()['val'] != before['val'] and digests()['train'] == before['train']
    mask.unlink()
    with pytest.raises(FileNotFoundError, match=image_id):
        digests()


def test_no_image_trains_and_validates(scenes):
    (scenes / 'val.txt').write_text((scenes / 'train.txt').read_text())
    with pytest.raises(ValueError, match=r'val.txt: 5 images are in the training list as well'):
        StudyData(scenes, SCENES, SIZES)


def test_an_image_without_tags_is_named(scenes):
    lines = (scenes / 'tags.csv').read_text().splitlines()
    (scenes / 'tags.csv').write_text('\n'.join(lines[:1] + lines[2:]) + '\n')
    name = lines[1].split(',')[0]
    with pytest.raises(ValueError, match=f'1 images have no entry, first {name}'):
        StudyData(scenes, SCENES, SIZES).digests  # noqa: B018


@pytest.mark.parametrize('number', [None, 1, 3, 7, 10, 99])
def test_a_part_is_spread_evenly(number):
    items = [f'{index:02d}' for index in range(10)]
    part = spread(items, number)
    assert len(part) == min(10, 10 if number is None else number)
    assert part == sorted(set(part)) and part[0] == '00'
    gaps = [int(b) - int(a) for a, b in zip(part, part[1:], strict=False)]
    assert not gaps or max(gaps) - min(gaps) <= 1
