"""Labels of a crop put right by a confident prediction."""

from __future__ import annotations

import torch
from torch import Tensor

from ..seeds.codec import IGNORE_INDEX, decode_seed_label

# A correction that leaves less foreground than this share of what there was, and nearly nothing but
# background, is not believed; ADELE's numbers.
KEPT_FOREGROUND = 0.5
NOTHING_BUT_BACKGROUND = 0.95


def correct_codes(
    codes: Tensor,
    probabilities: Tensor,
    classes: Tensor,
    confidence: float,
    possible: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Relabel pixels of crops in which a class is due for correction, by ADELE's rule.

    A pixel gets the predicted class if that differs from its label, is more likely than
    ``confidence``, is one of the classes due or background, and occurs in the image.
    Crops whose labels have no foreground class that is due stay as they are, and so do those whose
    foreground would all but vanish. A corrected pixel is clean: its votes were for another label.

    Two readings: ADELE takes the classes of an image from its labels; here they are those of its
    tags, or where these are not known of the crop's labels. And it corrects ignored pixels and
    images of background alone too, which could be padding and crops beside the object here.

    Args:
        codes (Tensor): Seed codes (B, H, W), any integer dtype.
        probabilities (Tensor): (B, K, H, W).
        classes (Tensor): Those that are due (K,) bool; background counts as due.
        confidence (float): 0 to 1.
        possible (Tensor, optional): Classes that each image can have, background included (B, K)
            bool; by default those in the labels of its crop.

    Returns:
        tuple[Tensor, Tensor]: Codes (B, H, W) int64, and which pixels were changed (B, H, W) bool.

    >>> codes = torch.tensor([[[0, 1, 1, 2]]])
    >>> chances = torch.tensor([[0.9, 0.1, 0], [0.1, 0.9, 0], [0.9, 0.1, 0], [0.1, 0.9, 0]])
    >>> due = torch.tensor([False, True, False])
    >>> correct_codes(codes, chances.T[None, :, None], due, 0.8)[0]
    tensor([[[0, 1, 0, 1]]])
    """
    label = decode_seed_label(codes)[0]
    labelled = label != IGNORE_INDEX
    # Ignored pixels count in a column of their own.
    places = torch.where(labelled, label, len(classes)).flatten(1)
    present = places.new_zeros((len(codes), len(classes) + 1), dtype=torch.bool)
    present = present.scatter(1, places, True)[:, :-1]
    due = classes.clone()
    due[0] = True
    concerned = (present & classes)[:, 1:].any(1)
    possible = present if possible is None else possible
    highest, predicted = probabilities.max(1)
    allowed = (possible & due).gather(1, predicted.flatten(1)).view_as(predicted)
    change = labelled & (predicted != label) & (highest > confidence) & allowed
    change &= concerned[:, None, None]
    # The crops that would lose their foreground.
    foreground = labelled & (label != 0)
    left = torch.where(change, predicted != 0, foreground)
    share = (~left & labelled).flatten(1).double().mean(1)
    lost = left.flatten(1).sum(1) < KEPT_FOREGROUND * foreground.flatten(1).sum(1)
    change &= ~(lost & (share > NOTHING_BUT_BACKGROUND))[:, None, None]
    return torch.where(change, predicted, codes.long()), change
