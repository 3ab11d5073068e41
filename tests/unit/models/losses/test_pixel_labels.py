import pytest
import torch

from mmseg_wsss.models.losses.pixel_labels import PixelLabels


@pytest.mark.parametrize('dtype', ['int64', 'int32', 'uint16'])
def test_codes_are_parted(dtype):
    if not hasattr(torch, dtype):
        pytest.skip(f'this torch has no {dtype}')
    codes = torch.tensor([[0, 3, 256, 259, 255]]).to(getattr(torch, dtype))
    labels = PixelLabels.from_codes(codes, 4)
    assert labels.label.tolist() == [[0, 3, 0, 3, 0]]
    assert labels.clean.tolist() == [[True, True, False, False, False]]
    assert labels.noisy.tolist() == [[False, False, True, True, False]]


def test_plain_labels_need_no_decoding():
    labels = PixelLabels.from_codes(torch.tensor([[0, 3]]), 4)
    assert labels.label.tolist() == [[0, 3]]
    assert labels.clean.all()
    assert not labels.noisy.any()


@pytest.mark.parametrize('ignore_index', [0, 2, -100, 300])
def test_a_second_ignored_code(ignore_index):
    labels = PixelLabels.from_codes(torch.tensor([[1, ignore_index, 257]]), 4, ignore_index)
    assert labels.clean.tolist() == [[True, False, False]]
    assert labels.noisy.tolist() == [[False, False, True]]


@pytest.mark.parametrize('code', [4, 254, 260, -1, 512, 1000])
def test_wrong_codes_are_named(code):
    with pytest.raises(ValueError, match=rf'\[{code}\].*labels 0\.\.3 for 4 classes'):
        PixelLabels.from_codes(torch.tensor([[1, code]]), 4)


def test_no_pixel():
    assert PixelLabels.from_codes(torch.zeros(0, 3, 3, dtype=torch.long), 4).label.numel() == 0


def test_losing_votes_are_passed_over():
    above = (2 + 1 << 16) + (0 + 1 << 24)
    labels = PixelLabels.from_codes(torch.tensor([[1 + above, 257 + above, 3, 255]]), 4)
    assert labels.label.tolist() == [[1, 1, 3, 0]]
    assert labels.clean.tolist() == [[True, False, True, False]]
    assert labels.noisy.tolist() == [[False, True, False, False]]
    with pytest.raises(ValueError, match='labels 0..3'):  # disagreement is still refused
        PixelLabels.from_codes(torch.tensor([[513 + above]]), 4)
