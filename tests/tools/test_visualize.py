"""The command that draws a seed root."""

import numpy as np
import pytest
import visualize as tool
from helpers.seed_roots import write_images, write_seed_root, write_split
from PIL import Image

from mmseg_wsss.reporting import blend, color_mask
from mmseg_wsss.store import read_mask, write_mask
from mmseg_wsss.utils import read_image

IDS = ['one', 'sub/two', 'three']
SHAPE = (24, 32)
GREY = [[0, 0, 0], [1, 1, 1], [2, 2, 2]]


@pytest.fixture
def folder(tmp_path):
    seeds = write_seed_root(tmp_path / 'seeds', IDS)
    (tmp_path / 'images' / 'sub').mkdir(parents=True)
    write_images(tmp_path / 'images', IDS)
    for image_id in IDS:
        write_mask(tmp_path / 'truth' / f'{image_id}.png', seeds[image_id][0])
        write_mask(tmp_path / 'predictions' / f'{image_id}.png', seeds[image_id][1])
    return tmp_path


def run(folder, *options):
    paths = ['--images', folder / 'images', '--out', folder / 'out']
    return tool.main([str(option) for option in (folder / 'seeds', *paths, *options)])


def written(folder):
    out = folder / 'out'
    return sorted(path.relative_to(out).as_posix() for path in out.rglob('*') if path.is_file())


def test_a_sheet_of_each_image(folder, capsys):
    assert run(folder) == 0
    assert written(folder) == ['one.png', 'sub/two.png', 'three.png']
    small = np.array(Image.open(folder / 'out' / 'one.png'))
    assert '3 images' in capsys.readouterr().out
    # Photograph, aggregate, agreement and three seeds; then truth, confusion and prediction too.
    assert run(folder, '--gt', folder / 'truth', '--predictions', folder / 'predictions') == 0
    large = np.array(Image.open(folder / 'out' / 'one.png'))
    assert large.shape[1] == small.shape[1] and large.shape[0] > small.shape[0]


def test_separate_pictures_at_full_size(folder):
    options = ('--gt', folder / 'truth', '--predictions', folder / 'predictions', '--separate')
    assert run(folder, *options, '--ids', 'sub/two') == 0
    names = [
        'aggregate',
        'agreement',
        'prediction',
        'prediction and ground truth',
        'right and wrong',
    ]
    names += ['seed a', 'seed b', 'seed c', 'ground truth']
    assert written(folder) == sorted(f'sub/two/{name}.png' for name in names)
    seed = read_mask(folder / 'seeds' / 'b' / 'sub' / 'two.png')
    image = read_image(str(folder / 'images' / 'sub' / 'two.jpg'))
    found = np.array(Image.open(folder / 'out' / 'sub' / 'two' / 'seed b.png'))
    np.testing.assert_array_equal(found, blend(image, color_mask(seed, GREY)))


def test_threshold_moves_the_clean_pixels(folder):
    pictures = []
    for threshold in (1, 3):
        options = ('--gt', folder / 'truth', '--separate', '--ids', 'one', '--threshold', threshold)
        assert run(folder, *options) == 0
        pictures.append(np.array(Image.open(folder / 'out' / 'one' / 'right and wrong.png')))
    assert (pictures[0] != pictures[1]).any()


def test_only_the_images_of_a_split(folder):
    write_split(folder / 'split.txt', ['three'])
    assert run(folder, '--split', folder / 'split.txt') == 0
    assert written(folder) == ['three.png']


def test_a_root_without_seeds(folder):
    for name in 'abc':
        (folder / 'seeds' / name).rename(folder / f'moved {name}')
    assert run(folder, '--separate', '--ids', 'one') == 0
    assert written(folder) == ['one/aggregate.png', 'one/agreement.png']


@pytest.mark.parametrize(
    'options, message',
    [
        (('--threshold', 4), '--threshold 4, expected 1 to 3'),
        (('--ids', '../one'), 'starts with a dot'),
        (('--ids', 'stranger'), 'stranger'),
        (('--gt', 'nowhere'), 'there is no such mask'),
        (('--gt-classes', 'voc12'), '--gt'),
        (('--predictions', 'nowhere'), 'there is no such mask'),
        (('--img-suffix', '.bmp'), 'one.bmp'),
    ],
)
def test_wrong_options(folder, capsys, options, message):
    assert run(folder, *options) == 1
    error = capsys.readouterr().err
    assert message in error and 'Traceback' not in error


def test_a_mask_of_another_size_than_the_photograph(folder, capsys):
    write_images(folder / 'images', ['one'], (20, 20))
    assert run(folder) == 1
    assert 'one.png: 24 x 32 (height x width), expected 20 x 20' in capsys.readouterr().err
