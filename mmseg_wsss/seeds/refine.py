"""From normalised activation maps to the label masks of the seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .background import Background, seed_background_scores
from .crf.dense_crf import DenseCRF
from .crf.unary import preset_unary

REFINE_KINDS = ('irn', 'psa', 'deeplab')
# The least score of a label before the scores are made to sum to 1.
_LEAST_SCORE = 1e-5


def refine_seeds(
    maps: Tensor,
    image: np.ndarray,
    present: Sequence[int],
    background: Background | None = None,
    refine: str | None = 'irn',
    crf: DenseCRF | None = None,
) -> Tensor:
    """Label masks of all seeds of an image.

    Args:
        maps (Tensor): (S, P, H, W) float32 in [0, 1], normalised activation maps of the classes
            that are present; P may be 0.
        image (np.ndarray): (H, W, 3) uint8 RGB.
        present (Sequence[int]): The P label indices (1 to K-1) of the maps.
        background (Mapping | Sequence[Mapping], optional): Arguments of
            :func:`mmseg_wsss.seeds.background.background_score`; several are taken by the seeds in
            turn.
        refine (str, optional): None: the label of the highest score. ``'irn'``: a dense CRF over
            these labels, each pixel trusted with 0.7 (Ahn et al., CVPR 2019). ``'psa'`` and
            ``'deeplab'``: a dense CRF over the scores themselves, which are made to sum to 1
            (Ahn and Kwak, CVPR 2018).
        crf (DenseCRF, optional): The dense CRF. By default made anew from the preset that
            ``refine`` names.

    Returns:
        Tensor: (S, H, W) uint8, values from ``present`` and 0. Ties go to the lowest label.

    Raises:
        ValueError: If ``refine`` or a parameter of the background is invalid.

    Examples:
        >>> maps = torch.tensor([[[[0.1, 0.9]], [[0.3, 0.5]]]])  # one seed, classes 2 and 5
        >>> image = np.zeros((1, 2, 3), np.uint8)
        >>> refine_seeds(maps, image, [2, 5], dict(threshold=0.35), refine=None).tolist()
        [[[0, 2]]]
    """
    return refine_seed_batch(maps[None], [image], [present], background, refine, crf)[0]


def refine_seed_batch(
    maps: Tensor,
    images: Sequence[np.ndarray],
    present: Sequence[Sequence[int]],
    background: Background | None = None,
    refine: str | None = 'irn',
    crf: DenseCRF | None = None,
) -> Tensor:
    """Label masks of all seeds of several images with one size and one number of classes.

    Args:
        maps (Tensor): (B, S, P, H, W), as in :func:`refine_seeds`.
        images (Sequence[np.ndarray]): B images (H, W, 3) uint8 RGB.
        present (Sequence[Sequence[int]]): P label indices of each image.
        background (Mapping | Sequence[Mapping], optional): As in :func:`refine_seeds`.
        refine (str, optional): As in :func:`refine_seeds`.
        crf (DenseCRF, optional): As in :func:`refine_seeds`.

    Returns:
        Tensor: (B, S, H, W) uint8.

    Raises:
        ValueError: As :func:`refine_seeds`.
    """
    if refine is not None and refine not in REFINE_KINDS:
        raise ValueError(
            f'Unknown refine {refine!r}; expected None or one of {", ".join(REFINE_KINDS)}.'
        )
    batch, seeds, classes, height, width = maps.shape
    if classes == 0:
        # One label: whatever the CRF, its probability is 1 everywhere.
        return maps.new_zeros((batch, seeds, height, width), dtype=torch.uint8)
    scores = torch.cat([seed_background_scores(maps, background), maps], dim=2)
    if refine is None:
        indices = scores.argmax(dim=2)
    else:
        crf = DenseCRF(refine) if crf is None else crf
        scores = scores.flatten(0, 1)
        if refine != 'irn':  # which takes the labels alone
            scores = scores.clamp_min(_LEAST_SCORE)
            scores = scores / scores.sum(dim=1, keepdim=True)
        unary = preset_unary(scores, refine).unflatten(0, (batch, seeds))
        pixels = torch.from_numpy(np.stack(images)).to(maps.device)
        # A batch of one takes the same way as a single image, with the same last bits.
        marginals = crf(pixels[0], unary[0])[None] if batch == 1 else crf.batch(pixels, unary)
        indices = marginals.argmax(dim=2)
    labels = torch.tensor([[0, *tags] for tags in present], dtype=torch.uint8, device=maps.device)
    return labels.gather(1, indices.flatten(1)).view(batch, seeds, height, width)
