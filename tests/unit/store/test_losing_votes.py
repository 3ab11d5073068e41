"""The file of the labels that lost the vote, and its place in a seed root."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mmseg_wsss.store import (
    SeedManifest,
    SeedStore,
    encode_mask,
    read_losing_votes,
    unpack_losing_votes,
    write_losing_votes,
)

PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
LABEL = np.array([[0, 1, 255]], np.uint8)
AGREEMENT = np.array([[2, 1, 0]], np.uint8)
LOST = np.array([[[255, 2, 255]]], np.uint8)
NONE = np.full_like(LOST, 255)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.integers(1, 6), st.integers(1, 6), st.data())
def test_what_is_written_is_read(tmp_path_factory, number, height, width, data):
    votes = data.draw(hnp.arrays(np.uint8, (number, height, width)))
    path = tmp_path_factory.mktemp('votes') / 'sub' / 'a.png'
    assert write_losing_votes(path, votes) == path.stat().st_size
    found = read_losing_votes(path, (height, width), 255)
    assert found.dtype == np.uint8
    expected = votes if number else np.full((1, height, width), 255)
    np.testing.assert_array_equal(found, expected)
    with Image.open(path) as image:  # any reader of PNG files reads it
        assert image.mode == 'L'
        np.testing.assert_array_equal(np.array(image), expected.reshape(-1, width))


def test_any_number_of_sets_of_labels_is_held(tmp_path):
    """Each pixel has another set than all others."""
    labels = np.arange(80, dtype=np.uint8)[None].repeat(2000, axis=0)
    votes = np.random.default_rng(0).permuted(labels, axis=1)[:, :5].T.reshape(5, 40, 50)
    assert len(np.unique(votes.reshape(5, -1), axis=1).T) > 1900
    write_losing_votes(tmp_path / 'a.png', votes)
    np.testing.assert_array_equal(read_losing_votes(tmp_path / 'a.png', (40, 50), 80), votes)


def test_an_image_without_any_takes_little(tmp_path):
    assert write_losing_votes(tmp_path / 'a.png', np.zeros((0, 375, 500), np.uint8)) < 1000


@pytest.mark.parametrize(
    'mask, message',
    [
        (np.zeros((4, 4), np.uint8), r'a\.png: 4 x 4 .*1 to 5 masks of 4 x 5'),
        (np.zeros((6, 5), np.uint8), r'a\.png: 6 x 5 .*1 to 5 masks of 4 x 5'),
        (np.zeros((24, 5), np.uint8), r'a\.png: 24 x 5 .*1 to 5 masks of 4 x 5'),
        (np.full((8, 5), 3, np.uint8), r'a\.png: label 3, expected 0 to 2 or 255'),
    ],
)
def test_what_does_not_fit_the_image_is_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        unpack_losing_votes(encode_mask(mask), 'a.png', (4, 5), 3)


def test_damaged_and_missing_files_are_named(tmp_path):
    path = tmp_path / 'a.png'
    with pytest.raises(FileNotFoundError, match=r'a\.png: there are no such losing votes'):
        read_losing_votes(path, (1, 3), 3)
    write_losing_votes(path, LOST)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r'a\.png: the file is truncated'):
        read_losing_votes(path, (1, 3), 3)


def test_wrong_arrays_are_not_written(tmp_path):
    for votes in (np.zeros((6, 2, 2), np.uint8), np.zeros((2, 2), np.uint8)):
        with pytest.raises(ValueError, match='L at most 5'):
            write_losing_votes(tmp_path / 'a.png', votes)
    with pytest.raises(TypeError, match='uint8'):
        write_losing_votes(tmp_path / 'a.png', np.zeros((1, 2, 2), int))
    assert not any(tmp_path.iterdir())


def test_the_limit_of_pixels_is_that_of_an_image(tmp_path, monkeypatch):
    """A photograph that is allowed may have labels that lost, several a pixel."""
    monkeypatch.setenv('MMSEG_WSSS_MAX_PIXELS', '20')
    votes = np.zeros((5, 4, 5), np.uint8)
    write_losing_votes(tmp_path / 'a.png', votes)
    np.testing.assert_array_equal(read_losing_votes(tmp_path / 'a.png', (4, 5), 3), votes)
    write_losing_votes(tmp_path / 'b.png', np.zeros((5, 5, 5), np.uint8))
    with pytest.raises(ValueError, match=r'b\.png: too large'):
        read_losing_votes(tmp_path / 'b.png', (5, 5), 3)


@pytest.fixture
def store(tmp_path):
    store = SeedStore(tmp_path / 'root')
    store.open(
        SeedManifest(
            classes=['background', 'cat', 'dog'],
            palette=PALETTE,
            seeds=[dict(name=name, dropout=None, scale=None) for name in 'ab'],
            images=['x'],
        )
    )
    return store


def is_complete(store, **options):
    return store.is_complete('x', [], num_seeds=2, num_classes=3, **options)


def test_a_root_holds_them(store):
    size = store.write('x', {}, LABEL, AGREEMENT, PALETTE, losing_votes=LOST)
    path = store.root / 'losing_votes' / 'x.png'
    assert size == sum(one.stat().st_size for one in store.root.rglob('*.png'))
    np.testing.assert_array_equal(store.read_losing_votes('x', 3, (1, 3)), LOST)
    assert is_complete(store, losing_votes=True)
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_complete(store, losing_votes=True) and is_complete(store)
    store.remove('x', ['a', 'b'])
    assert not any(store.root.rglob('*.png'))


def test_masks_without_them_leave_none_of_other_masks(store):
    store.write('x', {}, LABEL, AGREEMENT, PALETTE, losing_votes=LOST)
    store.write('x', {}, LABEL, AGREEMENT, PALETTE)
    assert not (store.root / 'losing_votes' / 'x.png').exists()
    assert is_complete(store) and not is_complete(store, losing_votes=True)


def test_another_size_than_the_aggregate_is_refused(store):
    with pytest.raises(ValueError, match=r'x: the losing votes have shape \(1, 3, 1\)'):
        store.write('x', {}, LABEL, AGREEMENT, PALETTE, losing_votes=np.zeros((1, 3, 1), np.uint8))
    assert not any(store.root.rglob('*.png'))


def test_no_label_loses_to_a_person(store):
    store.write('x', {}, LABEL, AGREEMENT, PALETTE, losing_votes=LOST)
    corrected = np.array([[2, 2, 255]], np.uint8)
    store.corrections.apply({'x': encode_mask(corrected, PALETTE)})
    np.testing.assert_array_equal(store.read_losing_votes('x', 3, (1, 3)), NONE)
    assert store.corrections.is_applied('x')
    # What is made anew, or written over it, does not bring them back, and is noticed.
    store.write('x', {}, LABEL, AGREEMENT, PALETTE, losing_votes=LOST)
    np.testing.assert_array_equal(store.read_losing_votes('x', 3, (1, 3)), NONE)
    store.write_losing_votes('x', LOST)
    np.testing.assert_array_equal(store.read_losing_votes('x', 3, (1, 3)), NONE)
    write_losing_votes(store.root / 'losing_votes' / 'x.png', LOST)
    assert not store.corrections.is_applied('x')


def test_a_correction_adds_none_to_a_root_of_an_earlier_version(store):
    store.write('x', {}, LABEL, AGREEMENT, PALETTE)
    store.corrections.apply({'x': encode_mask(LABEL, PALETTE)})
    assert not (store.root / 'losing_votes').exists() and store.corrections.is_applied('x')


def test_a_seed_cannot_have_their_name():
    with pytest.raises(ValueError, match="seed 'losing_votes'"):
        SeedManifest(
            classes=['background'],
            palette=PALETTE[:1],
            seeds=[dict(name='losing_votes', dropout=None, scale=None)],
            images=['x'],
        )
