"""Seed generation over a root with masks that a person corrected."""

import dataclasses

import numpy as np
import pytest
from helpers.seed_generators import build_generator, build_images, files_of
from PIL import Image

from mmseg_wsss.apis.import_annotations import discard_corrections
from mmseg_wsss.store import Corrections, SeedManifest, encode_mask, read_mask


@pytest.fixture
def made(tmp_path):
    (tmp_path / 'images').mkdir()
    images = build_images(tmp_path / 'images', 3)
    root = tmp_path / 'seeds'
    build_generator().run(images, root)
    mask = np.full(read_mask(root / 'aggregated' / 'image 1.png').shape, 3, np.uint8)
    Corrections(root).apply({'image 1': encode_mask(mask)})
    return images, root, mask


def corrected(root):
    return SeedManifest.load(root / 'manifest.json').corrected


def test_a_rerun_makes_nothing(made):
    images, root, _ = made
    before = files_of(root)
    summary = build_generator().run(images, root)
    assert (summary.made, summary.skipped) == (0, 3)
    assert files_of(root) == before and corrected(root) == ['image 1']


def test_new_tags_make_new_seeds_and_keep_the_correction(made):
    images, root, mask = made
    images[1] = dataclasses.replace(images[1], tags=(1,))
    summary = build_generator().run(images, root)
    assert summary.made == 1
    seeds = [read_mask(path) for path in root.glob('0.*/image 1.png')]
    assert len(seeds) == 3 and all(set(np.unique(seed)) <= {0, 1} for seed in seeds)
    assert np.array_equal(read_mask(root / 'aggregated' / 'image 1.png'), mask)
    assert Corrections(root).is_applied('image 1')
    assert build_generator().run(images, root).made == 0


def test_an_aggregate_that_was_lost_is_the_correction_again(made):
    images, root, mask = made
    (root / 'aggregated' / 'image 1.png').write_bytes(encode_mask(np.zeros_like(mask)))
    assert build_generator().run(images, root).made == 1
    assert np.array_equal(read_mask(root / 'aggregated' / 'image 1.png'), mask)


def test_a_replaced_photograph_is_named_and_can_be_made_anew(made):
    images, root, mask = made
    Image.fromarray(np.zeros((*mask.shape, 3), np.uint8)).save(images[1].path)
    before = files_of(root)
    with pytest.raises(ValueError, match=r'corrected mask of image 1: .* another photograph'):
        build_generator().run(images, root)
    assert files_of(root) == before
    discard_corrections(root, ['image 1'])
    assert build_generator().run(images, root).made == 1
    assert corrected(root) == [] and not Corrections(root).has('image 1')


def test_an_automatic_threshold_is_that_of_the_root(made, tmp_path):
    images, _, mask = made
    root = tmp_path / 'fitted'
    build_generator(background=dict(threshold='auto')).run(images, root)
    fit = SeedManifest.load(root / 'manifest.json').parameters['background_fit']
    Corrections(root).apply({'image 1': encode_mask(mask)})
    assert build_generator(background=dict(threshold='auto')).run(images, root).made == 0
    assert SeedManifest.load(root / 'manifest.json').parameters['background_fit'] == fit
