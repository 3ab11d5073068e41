"""Pictures of seeds: known colours, known places, every backend, files."""

import numpy as np
import pytest
import torch
from mmengine.registry import VISUALIZERS as ROOT_VISUALIZERS
from mmengine.structures import PixelData
from mmseg.registry import VISUALIZERS
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer
from PIL import Image

from mmseg_wsss.reporting import (
    CONFUSION_COLORS,
    SeedVisualizer,
    blend,
    color_mask,
    confusion_picture,
    figure_sheet,
    review_figures,
    training_sheet,
)
from mmseg_wsss.seeds import aggregate_seeds, encode_seed_label, noisy_mask

CLASSES = ('background', 'cat', 'dog')
PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
SHAPE = (12, 18)


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    seeds = rng.integers(0, 3, (3, *SHAPE), np.uint8)
    seeds[:, 0] = 255
    label, agreement = aggregate_seeds(seeds, 3)
    truth = rng.integers(0, 3, SHAPE, np.uint8)
    truth[:, 0] = 255
    return dict(
        image=rng.integers(0, 256, (*SHAPE, 3), np.uint8),
        masks={'a': seeds[0], 'b': seeds[1], 'c': seeds[2], 'aggregated': label},
        agreement=agreement,
        truth=truth,
        prediction=rng.integers(0, 3, SHAPE, np.uint8),
    )


@pytest.fixture
def visualizer():
    made = SeedVisualizer(classes=CLASSES, palette=PALETTE)
    made.logged = {}
    made.add_image = lambda name, image, step=0: made.logged.update({(name, step): image})
    return made


@pytest.mark.parametrize('threshold', [1, 2, 3])
def test_confusion_picture_is_that_of_a_plain_loop(parts, threshold):
    truth, label, agreement = (
        parts['truth'],
        parts['masks']['aggregated'],
        parts['agreement'],
    )
    picture = confusion_picture(truth, label, agreement, threshold)
    for index in np.ndindex(SHAPE):
        right = 'right' if truth[index] == label[index] else 'wrong'
        name = f'{right}, {"clean" if agreement[index] >= threshold else "noisy"}'
        if label[index] == 255:
            name = 'no vote'
        if truth[index] == 255:
            name = 'void in the ground truth'
        assert tuple(picture[index]) == CONFUSION_COLORS[name]


def test_confusion_picture_refuses_other_shapes(parts):
    with pytest.raises(ValueError, match='shape'):
        confusion_picture(parts['truth'].T, parts['masks']['a'], parts['agreement'], 1)


def test_review_shows_whatever_there_is(parts):
    figures = dict(map(reversed, review_figures(num_seeds=3, palette=PALETTE, **parts)))
    assert list(figures) == [
        'image', 'prediction', 'ground truth', 'aggregate', 'agreement',
        'right and wrong, clean from 3 votes', 'seed a', 'seed b', 'seed c',
    ]  # fmt: skip
    expected = blend(parts['image'], color_mask(parts['masks']['b'], PALETTE))
    np.testing.assert_array_equal(figures['seed b'], expected)
    least = dict(masks={'aggregated': parts['masks']['a']}, agreement=parts['agreement'])
    found = review_figures(num_seeds=3, palette=PALETTE, **least)
    assert [title for _, title in found] == ['aggregate', 'agreement']
    np.testing.assert_array_equal(found[0][0], color_mask(parts['masks']['a'], PALETTE))


def test_figure_sheet_wraps_its_rows():
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200)]
    figures = [(np.full((10, 10, 3), color, np.uint8), 'title') for color in colors]
    sheet = figure_sheet(figures, columns=2, cell=20)
    assert sheet.dtype == np.uint8
    for color in colors:
        assert (sheet == color).all(axis=2).sum() == 20 * 20
    rows = [np.flatnonzero((sheet == color).all(axis=(2,)).any(axis=1))[0] for color in colors]
    assert rows[0] == rows[1] < rows[2] == rows[3] < rows[4]
    for wrong in (dict(figures=[]), dict(figures=figures, columns=0)):
        with pytest.raises(ValueError, match='at least 1'):
            figure_sheet(**wrong)


def test_training_sheet_has_a_row_per_sample(parts):
    noisy = noisy_mask(parts['masks']['aggregated'], parts['agreement'], 3)
    code = encode_seed_label(parts['masks']['aggregated'], noisy)
    sample = (parts['image'], code, parts['prediction'])
    one, two = (training_sheet([sample] * number, PALETTE, cell=18) for number in (1, 2))
    assert two.shape[1] == one.shape[1] and two.shape[0] > one.shape[0]
    # 18 x 12 pixels fit a cell of 18 one to one: the last column can be counted.
    right = parts['prediction'] == parts['masks']['aggregated']
    picture = one[-24:, -24:]
    for name, chosen in (
        ('right, clean', right & ~noisy),
        ('wrong, noisy', ~right & noisy),
        ('wrong, clean', ~right & ~noisy & (parts['masks']['aggregated'] != 255)),
    ):
        found = (picture == CONFUSION_COLORS[name]).all(axis=2).sum()
        assert found == chosen.sum() > 0
    with pytest.raises(ValueError, match='no pictures'):
        training_sheet([], PALETTE)


def test_every_picture_is_logged_under_its_name_and_step(visualizer, parts):
    image, label = parts['image'], parts['masks']['aggregated']
    pictures = [
        visualizer.add_overlay('overlay', image, label, step=3),
        visualizer.add_agreement('agreement', parts['agreement'], 3, step=3),
        visualizer.add_confusion('confusion', parts['truth'], label, parts['agreement'], 2, step=3),
        visualizer.add_comparison('comparison', image, parts['prediction'], parts['truth'], step=3),
        visualizer.add_seed_sheet('sheet', num_seeds=3, step=3, **parts),
    ]
    names = ('overlay', 'agreement', 'confusion', 'comparison', 'sheet')
    assert list(visualizer.logged) == [(name, 3) for name in names]
    for logged, returned in zip(visualizer.logged.values(), pictures, strict=True):
        assert logged is returned and logged.dtype == np.uint8 and logged.shape[2] == 3
    np.testing.assert_array_equal(pictures[0], blend(image, color_mask(label, PALETTE), 0.6))


def test_a_file_instead_of_the_log(visualizer, parts, tmp_path):
    path = tmp_path / 'new' / 'overlay.png'
    picture = visualizer.add_overlay('a', parts['image'], parts['masks']['a'], out_file=path)
    np.testing.assert_array_equal(np.array(Image.open(path)), picture)
    assert not visualizer.logged and [one.name for one in path.parent.iterdir()] == ['overlay.png']


def test_backends_get_the_pictures(parts, tmp_path):
    visualizer = SeedVisualizer(
        vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path), classes=CLASSES
    )
    visualizer.add_overlay('seed', parts['image'], parts['masks']['a'], step=7)
    (path,) = tmp_path.rglob('*.png')
    assert path.name == 'seed_7.png'
    assert np.array(Image.open(path)).shape == (*SHAPE, 3)


def test_noisy_pixels_of_a_data_sample_are_drawn_with_their_label(visualizer, parts):
    label = parts['prediction']
    noisy = np.random.default_rng(1).random(SHAPE) < 0.5
    pictures = []
    for codes in (label.astype(np.int64), encode_seed_label(label, noisy).astype(np.int64)):
        sample = SegDataSample(gt_sem_seg=PixelData(data=torch.from_numpy(codes)[None]))
        visualizer.add_datasample('x', parts['image'], sample, with_labels=False)
        pictures.append(visualizer.logged['x', 0])
        np.testing.assert_array_equal(sample.gt_sem_seg.data[0].numpy(), codes)
    np.testing.assert_array_equal(pictures[0], pictures[1])


def test_names_resolve_and_mmseg_is_the_base():
    for registry in (VISUALIZERS, ROOT_VISUALIZERS):
        assert registry.get('SeedVisualizer') is SeedVisualizer
    assert issubclass(SeedVisualizer, SegLocalVisualizer)
    made = VISUALIZERS.build(dict(type='SeedVisualizer', name='made', alpha=0.3))
    assert made.alpha == 0.3 and len(made.dataset_meta['classes']) == 19  # mmseg's default
    assert SeedVisualizer(classes=CLASSES).dataset_meta['palette'] == PALETTE


def test_a_label_without_colour_is_refused(visualizer, parts):
    with pytest.raises(ValueError, match='label 9'):
        visualizer.add_overlay('a', parts['image'], np.full(SHAPE, 9, np.uint8))
    with pytest.raises(ValueError, match='shape'):
        visualizer.add_overlay('a', parts['image'][1:], parts['masks']['a'])
