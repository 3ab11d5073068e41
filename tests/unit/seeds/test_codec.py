"""The codec against its definition, for arrays and tensors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmseg_wsss.seeds import (
    MAX_LOSING_VOTES,
    NOISY_OFFSET,
    decode_losing_votes,
    decode_seed_disagreement,
    decode_seed_label,
    encode_losing_votes,
    encode_seed_disagreement,
    encode_seed_label,
)

PIXELS = st.lists(st.tuples(st.integers(0, 255), st.booleans()), max_size=50)
GRADED_PIXELS = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=50)
LOST_PIXELS = st.integers(0, 5).flatmap(
    lambda number: st.lists(
        st.tuples(
            st.integers(0, 255),
            st.integers(0, 255),
            st.tuples(*[st.integers(0, 255)] * number),
        ),
        min_size=1,
        max_size=20,
    )
)


@given(PIXELS)
def test_round_trip_of_arrays(pixels):
    label = np.array([pixel[0] for pixel in pixels], np.uint8)
    noisy = np.array([pixel[1] for pixel in pixels], bool)
    code = encode_seed_label(label, noisy)
    assert code.dtype == np.uint16
    assert code.tolist() == [
        value if value == 255 or not flag else value + 256 for value, flag in pixels
    ]
    decoded_label, decoded_noisy = decode_seed_label(code)
    assert decoded_label.dtype == np.uint8 and decoded_noisy.dtype == bool
    assert decoded_label.tolist() == label.tolist()
    assert decoded_noisy.tolist() == (noisy & (label != 255)).tolist()


@given(PIXELS)
def test_tensors_equal_arrays(pixels):
    label = np.array([pixel[0] for pixel in pixels], np.uint8)
    noisy = np.array([pixel[1] for pixel in pixels], bool)
    code = encode_seed_label(torch.from_numpy(label), torch.from_numpy(noisy))
    assert code.dtype == torch.int64
    assert code.tolist() == encode_seed_label(label, noisy).tolist()
    decoded_label, decoded_noisy = decode_seed_label(code)
    assert decoded_label.dtype == torch.int64 and decoded_noisy.dtype == torch.bool
    expected_label, expected_noisy = decode_seed_label(code.numpy())
    assert decoded_label.tolist() == expected_label.tolist()
    assert decoded_noisy.tolist() == expected_noisy.tolist()


def test_clean_and_ignored_pixels_keep_their_plain_value():
    label = np.arange(256, dtype=np.uint8)
    assert (encode_seed_label(label, np.zeros(256, bool)) == label).all()
    assert encode_seed_label(label, np.ones(256, bool))[255] == 255
    assert NOISY_OFFSET == 256


def test_input_is_left_untouched():
    label = np.array([1, 2], np.uint16)
    encode_seed_label(label, np.array([True, True]))
    assert label.tolist() == [1, 2]


@pytest.mark.parametrize(
    'label, noisy, error',
    [
        (np.zeros(2, np.float32), np.zeros(2, bool), TypeError),
        (np.zeros(2, np.uint8), np.zeros(2, np.uint8), TypeError),
        (np.zeros(2, np.uint8), torch.zeros(2, dtype=torch.bool), TypeError),
        (torch.zeros(2), torch.zeros(2, dtype=torch.bool), TypeError),
        (np.zeros(2, np.uint8), np.zeros(1, bool), ValueError),
        ([0, 1], [True, False], TypeError),
    ],
)
def test_wrong_input_is_refused(label, noisy, error):
    with pytest.raises(error, match='label|noisy'):
        encode_seed_label(label, noisy)


@pytest.mark.parametrize('code', [np.zeros(2), torch.zeros(2), np.zeros(2, bool), [1]])
def test_codes_must_be_integers(code):
    with pytest.raises(TypeError, match='code'):
        decode_seed_label(code)


@given(GRADED_PIXELS)
def test_disagreement_of_arrays_and_tensors(pixels):
    label = np.array([pixel[0] for pixel in pixels], np.uint8)
    disagreement = np.array([pixel[1] for pixel in pixels], np.uint8)
    expected = [value if value == 255 else value + 256 * other for value, other in pixels]
    kept = [0 if value == 255 else other for value, other in pixels]
    code = encode_seed_disagreement(label, disagreement)
    assert code.dtype == np.uint16 and code.tolist() == expected
    as_tensors = encode_seed_disagreement(torch.from_numpy(label), torch.from_numpy(disagreement))
    assert as_tensors.dtype == torch.int64 and as_tensors.tolist() == expected
    for found, dtype in ((code, np.uint8), (as_tensors, torch.int64)):
        decoded_label, decoded_disagreement = decode_seed_disagreement(found)
        assert decoded_label.dtype == decoded_disagreement.dtype == dtype
        assert decoded_label.tolist() == label.tolist()
        assert decoded_disagreement.tolist() == kept
        # To those who know of clean and noisy pixels only, any disagreement is noisy.
        same_label, noisy = decode_seed_label(found)
        assert same_label.tolist() == label.tolist()
        assert noisy.tolist() == [other > 0 for other in kept]


@pytest.mark.parametrize(
    'label, disagreement, error',
    [
        (np.zeros(2, np.float32), np.zeros(2, np.uint8), TypeError),
        (np.zeros(2, np.uint8), np.zeros(2, bool), TypeError),
        (np.zeros(2, np.uint8), torch.zeros(2, dtype=torch.uint8), TypeError),
        (np.zeros(2, np.uint8), np.zeros(1, np.uint8), ValueError),
    ],
)
def test_wrong_disagreement_is_refused(label, disagreement, error):
    with pytest.raises(error, match='label|disagreement'):
        encode_seed_disagreement(label, disagreement)


@given(LOST_PIXELS)
def test_losing_votes_of_arrays_and_tensors(pixels):
    """The oracle writes a code's bytes one after the other, with Python's own integers."""
    label = np.array([pixel[0] for pixel in pixels], np.uint8)
    disagreement = np.array([pixel[1] for pixel in pixels], np.uint8)
    losers = np.array([pixel[2] for pixel in pixels], np.uint8).T.reshape(-1, len(pixels))
    expected, kept = [], []
    for value, other, lost in pixels:
        if value == 255:
            other, lost = 0, ()
        field = [0 if loser == 255 else loser + 1 for loser in lost]
        expected.append(int.from_bytes(bytes([value, other, *field]), 'little'))
        kept.append([*lost, *[255] * (5 - len(lost))])
    plain = encode_seed_disagreement(label, disagreement)
    code = encode_losing_votes(plain, losers)
    assert code.dtype == np.int64 and code.tolist() == expected
    as_tensors = encode_losing_votes(
        torch.from_numpy(plain.astype(np.int64)), torch.from_numpy(losers.copy())
    )
    assert as_tensors.dtype == torch.int64 and as_tensors.tolist() == expected
    for found, dtype in ((code, np.uint8), (as_tensors, torch.int64)):
        decoded = decode_losing_votes(found)
        assert decoded.dtype == dtype and tuple(decoded.shape) == (MAX_LOSING_VOTES, len(pixels))
        assert decoded.T.tolist() == kept
        # Who knows of labels, noisy pixels and disagreement alone reads what was there before.
        for decode in (decode_seed_label, decode_seed_disagreement):
            without = decode(plain if dtype == np.uint8 else torch.from_numpy(plain.astype(int)))
            for value, same in zip(decode(found), without, strict=True):
                assert value.dtype == same.dtype and value.tolist() == same.tolist()


def test_codes_without_losing_votes_have_none():
    code = encode_seed_label(np.array([[3, 255]], np.uint8), np.array([[True, False]]))
    assert decode_losing_votes(code).tolist() == [[[255, 255]]] * 5
    joined = encode_losing_votes(code, np.full((5, 1, 2), 255, np.uint8))
    assert joined.tolist() == code.tolist() == [[259, 255]]
    assert encode_losing_votes(code, np.zeros((0, 1, 2), np.uint8)).tolist() == [[259, 255]]
    # A negative code is no disagreement: losses refuse or ignore it as before.
    assert decode_seed_disagreement(torch.tensor([-1]))[1].tolist() == [0]
    assert decode_seed_label(torch.tensor([-1]))[1].tolist() == [False]


@pytest.mark.parametrize(
    'code, losers, error, message',
    [
        (np.zeros(2, np.float32), np.zeros((1, 2), np.uint8), TypeError, 'code'),
        (np.zeros(2, np.uint16), np.zeros((1, 2), bool), TypeError, 'losers'),
        (np.zeros(2, np.uint16), torch.zeros(1, 2, dtype=torch.uint8), TypeError, 'losers'),
        (np.zeros(2, np.uint16), np.zeros((1, 3), np.uint8), ValueError, r'expected \(L'),
        (np.zeros(2, np.uint16), np.zeros((6, 2), np.uint8), ValueError, 'at most 5'),
        (np.zeros((), np.uint16), np.zeros((), np.uint8), ValueError, 'losers has shape'),
        (np.array([1 << 16, 0]), np.zeros((1, 2), np.uint8), ValueError, 'code .*0 to 65535'),
        (np.array([0, 0]), np.full((1, 2), 256), ValueError, 'losers .*0 to 255'),
        (torch.tensor([0, 0]), torch.full((1, 2), -1), ValueError, 'losers .*0 to 255'),
    ],
)
def test_wrong_losing_votes_are_refused(code, losers, error, message):
    with pytest.raises(error, match=message):
        encode_losing_votes(code, losers)
