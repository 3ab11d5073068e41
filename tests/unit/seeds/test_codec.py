"""The codec against its definition, for arrays and tensors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmseg_wsss.seeds import (
    NOISY_OFFSET,
    decode_seed_disagreement,
    decode_seed_label,
    encode_seed_disagreement,
    encode_seed_label,
)

PIXELS = st.lists(st.tuples(st.integers(0, 255), st.booleans()), max_size=50)
GRADED_PIXELS = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=50)


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
