"""Generated scenes: the same every time, with true tags and masks, and not trivial."""

import numpy as np
import pytest
from PIL import Image
from scenes import CLASSES, PALETTE, SceneSet, draw_scene, write_scenes

from mmseg_wsss.datasets import read_split, read_tags
from mmseg_wsss.store import read_mask


@pytest.fixture(scope='module')
def scenes():
    """Twenty-four scenes."""
    return [draw_scene(0, index) for index in range(24)]


def test_a_scene_is_what_its_seed_and_index_say(scenes):
    again = draw_scene(0, 5)
    assert np.array_equal(again.image, scenes[5].image)
    assert np.array_equal(again.mask, scenes[5].mask)
    assert again.tags == scenes[5].tags
    assert not np.array_equal(draw_scene(1, 5).image, again.image)


def test_tags_are_the_labels_of_the_mask(scenes):
    for scene in scenes:
        assert scene.image.dtype == scene.mask.dtype == np.uint8
        assert scene.image.shape == (*scene.mask.shape, 3)
        assert all(96 <= side <= 160 for side in scene.mask.shape)
        assert list(scene.tags) == sorted(set(scene.mask.flat) - {0, 255})


def test_scenes_differ_in_what_matters(scenes):
    assert len({scene.mask.shape for scene in scenes}) > 10
    assert {tag for scene in scenes for tag in scene.tags} == set(range(1, len(CLASSES)))
    assert sum(len(scene.tags) > 1 for scene in scenes) > 6
    # Colour alone does not tell object from ground: a class's mean colour varies over scenes more
    # than it differs from the scene around it would need.
    spread = [
        np.std([s.image[s.mask == label].mean(0) for s in scenes if label in s.tags], axis=0).max()
        for label in range(1, len(CLASSES))
    ]
    assert min(spread) > 15


def test_written_scenes_read_back(tmp_path, scenes):
    seen = []
    digest = write_scenes(tmp_path / 'a', SceneSet(3, 2), lambda: seen.append(1))
    assert digest == write_scenes(tmp_path / 'b', SceneSet(3, 2))
    assert digest != write_scenes(tmp_path / 'c', SceneSet(3, 2, seed=1))
    assert len(seen) == 5
    folder = tmp_path / 'a'
    train, val = read_split(folder / 'train.txt'), read_split(folder / 'val.txt')
    assert len(train) == 3 and len(val) == 2
    tags = read_tags(folder / 'tags.csv', CLASSES)
    for index, image_id in enumerate([*train, *val]):
        mask = read_mask(folder / 'masks' / f'{image_id}.png')
        assert np.array_equal(mask, scenes[index].mask)
        assert tuple(tags[image_id]) == scenes[index].tags
        image = np.asarray(Image.open(folder / 'images' / f'{image_id}.jpg')).astype(int)
        assert np.abs(image - scenes[index].image).mean() < 6
    palette = Image.open(folder / 'masks' / f'{train[0]}.png').getpalette()
    assert palette[: 3 * len(PALETTE)] == [value for color in PALETTE for value in color]


@pytest.mark.parametrize('arguments', [(0, 1), (1, 0), (1, 1, -1)])
def test_impossible_numbers_are_refused(arguments):
    with pytest.raises(ValueError, match='expected'):
        SceneSet(*arguments)
