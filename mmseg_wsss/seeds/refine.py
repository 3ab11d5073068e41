"""From normalised activation maps to the label masks of the seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from .background import background_score
from .crf import unary_from_labels, unary_from_probabilities

REFINE_KINDS = ('irn', 'psa', 'deeplab')
# The least probability of a label before the logarithm of the soft unary term.
_LEAST_PROBABILITY = 1e-5


def refine_seeds(
    maps: Tensor,
    image: np.ndarray,
    present: Sequence[int],
    background: dict | None = None,
    refine: str | None = 'irn',
    crf: Callable | None = None,
    gt_prob: float = 0.7,
) -> Tensor:
    """Label masks of all seeds of an image.

    Args:
        maps (Tensor): (S, P, H, W) float32 in [0, 1], normalised activation maps of the classes
            that are present; P may be 0.
        image (np.ndarray): (H, W, 3) uint8 RGB.
        present (Sequence[int]): The P label indices (1 to K-1) of the maps.
        background (dict, optional): Arguments of
            :func:`mmseg_wsss.seeds.background.background_score`.
        refine (str, optional): None: the label of the highest score. ``'irn'``: a dense CRF over
            these labels, each pixel trusted with ``gt_prob`` (Ahn et al., CVPR 2019). ``'psa'`` and
            ``'deeplab'``: a dense CRF over the scores themselves, which are made to sum to 1
            (Ahn and Kwak, CVPR 2018).
        crf (Callable, optional): :class:`mmseg_wsss.seeds.DenseCRF` or alike, called as
            ``crf(image, unary (S, L, H, W)) -> (S, L, H, W)``. By default made anew from the preset
            named by ``refine``.
        gt_prob (float): Trust in the labels, for ``'irn'``.

    Returns:
        Tensor: (S, H, W) uint8, values from ``present`` and 0. Ties go to the lowest label.
    """
    if refine is not None and refine not in REFINE_KINDS:
        raise ValueError(
            f'Unknown refine {refine!r}; expected None or one of {", ".join(REFINE_KINDS)}.'
        )
    labels_of = torch.tensor([0, *present], dtype=torch.uint8, device=maps.device)
    if not len(present):
        # One label: whatever the CRF, its probability is 1 everywhere.
        return maps.new_zeros((len(maps), *image.shape[:2]), dtype=torch.uint8)
    scores = torch.cat([background_score(maps, **(background or {})), maps], dim=1)
    if refine is None:
        return labels_of[scores.argmax(dim=1)]
    if crf is None:
        from .crf import DenseCRF

        crf = DenseCRF(refine)
    if refine == 'irn':
        unary = unary_from_labels(scores.argmax(dim=1), scores.shape[1], gt_prob)
    else:
        probabilities = scores.clamp_min_(_LEAST_PROBABILITY)
        unary = unary_from_probabilities(probabilities / probabilities.sum(dim=1, keepdim=True))
    pixels = torch.from_numpy(np.ascontiguousarray(image)).to(maps.device)
    return labels_of[crf(pixels, unary).argmax(dim=1)]
