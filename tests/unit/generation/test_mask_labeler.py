"""Masks of the classes that an image can show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmseg_wsss.generation.network_labels import MaskLabeler


def test_the_likeliest_of_the_labels_wins_and_ties_go_to_the_lowest():
    labeler = MaskLabeler(3)
    logits = torch.tensor([[[0.0, 5.0]], [[1.0, 1.0]], [[1.0, 9.0]]])
    assert labeler(logits, None, (2, 1, 0)).tolist() == [[1, 2]]
    assert labeler(logits, None, (0, 1)).tolist() == [[1, 0]]
    assert not labeler.needs_image


@pytest.mark.parametrize('preset', ['irn', 'psa', 'deeplab'])
def test_crf_removes_a_speck_and_never_gives_a_label_that_cannot_win(preset):
    labeler = MaskLabeler(3, preset)
    logits = torch.zeros(3, 24, 24)
    logits[0, :, :12], logits[1, :, 12:] = 3, 3
    logits[1, 5, 5] = 4
    logits[2] = 50
    image = np.zeros((24, 24, 3), np.uint8)
    image[:, 12:] = 255
    mask = labeler(logits, image, (0, 1))
    assert labeler.needs_image and mask.dtype == torch.uint8
    assert torch.equal(mask, (torch.arange(24) >= 12).to(torch.uint8).expand(24, 24))


def test_wrong_number_of_classes_and_unknown_preset():
    with pytest.raises(ValueError, match='predicts 4 classes, the data set has 3'):
        MaskLabeler(3)(torch.zeros(4, 2, 2), None, (0, 1))
    with pytest.raises(ValueError, match="crf='best'"):
        MaskLabeler(3, 'best')
