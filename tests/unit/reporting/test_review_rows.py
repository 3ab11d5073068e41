"""The pictures of a report: those of whole masks, made small, and what they are filtered by."""

import numpy as np
import pytest
from helpers.seed_roots import CLASSES, SEED_NAMES, write_seed_root

from mmseg_wsss.evaluation import GroundTruthFolder, evaluate_seed_root
from mmseg_wsss.reporting import review_figures, review_rows
from mmseg_wsss.store import SeedStore, write_mask

IDS = [f'image {number}' for number in range(5)]


@pytest.fixture
def root(tmp_path):
    """Seeds of 2 x 512 pixels wide images, which are shown at half of it."""
    seeds = write_seed_root(tmp_path / 'seeds', IDS, (20, 512))
    for image_id in IDS:
        write_mask(tmp_path / 'truth' / f'{image_id}.png', seeds[image_id][0])
    return tmp_path


def photograph(image_id):
    return np.full((20, 512, 3), IDS.index(image_id), np.uint8)


def test_pictures_are_those_of_every_second_pixel(root):
    store, truth = SeedStore(root / 'seeds'), GroundTruthFolder(root / 'truth')
    result = evaluate_seed_root(store.root, truth=truth, tags=dict.fromkeys(IDS, (1,)))
    rows = review_rows(store, result, 4, photograph, truth)
    assert len(rows) == 4 and len({row.title for row in rows}) == 4
    palette = result.manifest.palette
    for row in rows:
        masks = {name: store.root / name / f'{row.title}.png' for name in SEED_NAMES}
        seeds = store.read_seeds(row.title, [*masks, 'aggregated'])[:, ::2, ::2]
        names = [*SEED_NAMES, 'aggregated']
        expected = review_figures(
            dict(zip(names, seeds, strict=True)),
            store.read_agreement(row.title, 3)[::2, ::2],
            3,
            palette,
            photograph(row.title)[::2, ::2],
            truth.read(row.title, (20, 512), CLASSES)[::2, ::2],
        )
        assert [caption for _, caption in row.figures] == [caption for _, caption in expected]
        for (found, _), (picture, _) in zip(row.figures, expected, strict=True):
            np.testing.assert_array_equal(found, picture)


def test_rows_say_what_they_show(root):
    store = SeedStore(root / 'seeds')
    result = evaluate_seed_root(store.root, tags=dict.fromkeys(IDS, (1,)))
    rows = review_rows(store, result, 3)
    for row, reason in zip(rows, ['to look at first'] * 2 + ['sample'], strict=True):
        labels = store.read_seeds(row.title, ['aggregated'])[0]
        assert row.classes == [CLASSES[label] for label in np.unique(labels) if 0 < label < 255]
        assert row.agreement == (store.read_agreement(row.title, 3) == 3).mean()
        assert row.note.endswith(f'untagged classes: dog; {reason}')
        assert [caption for _, caption in row.figures][:2] == ['aggregate', 'agreement']


def test_photograph_of_another_size(root):
    store = SeedStore(root / 'seeds')
    result = evaluate_seed_root(store.root)
    with pytest.raises(ValueError, match=r'has \(20, 20\) pixels, its masks are \(20, 512\)'):
        review_rows(store, result, 1, lambda image_id: np.zeros((20, 20, 3), np.uint8))
