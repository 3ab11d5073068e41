"""From normalised activation maps to the label masks of the seeds, by a chain of refiners.

Refiners of maps come first; then the score of the background is put before the maps, refiners of
scores follow, and each pixel gets the label of its highest score.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .background import Background, seed_background_scores
from .crf.dense_crf import DenseCRF
from .crf.presets import crf_preset
from .crf.unary import preset_unary

REFINE_KINDS = ('irn', 'psa', 'deeplab')
# The least score of a label before the scores are made to sum to 1.
_LEAST_SCORE = 1e-5


@dataclass(frozen=True)
class RefinerInput:
    """What refiners know of B images of one size with P present classes each.

    Attributes:
        images (Sequence[np.ndarray]): B images (H, W, 3) uint8 RGB.
        present (Sequence[Sequence[int]]): The P label indices (1 to K-1) of each image.
        image_ids (Sequence[str]): Their ids; empty where images have none.
        features (Tensor, optional): (B, C, h, w), the feature maps of the source, at the images'
            own scale; None where no refiner needs them.
    """

    images: Sequence[np.ndarray]
    present: Sequence[Sequence[int]]
    image_ids: Sequence[str] = ()
    features: Tensor | None = None


class SeedRefiner(ABC):
    """A step between activation maps and label masks.

    Attributes:
        works_on (str): ``'maps'``: gets and gives (B, S, P, H, W), before the background's score is
            known. ``'scores'``: gets and gives (B, S, 1 + P, H, W), the background first.
        needs_features (bool): Whether ``RefinerInput.features`` has to be there.
        supervision (str): What it was made from: ``'I'``, image tags, or ``'I+S'``, image tags and
            saliency maps.
        shifts_threshold (bool): Whether the threshold found in maps that went through it is too
            low; ``'auto'`` is then halfway to that of the maps without it.
    """

    works_on = 'scores'
    needs_features = False
    supervision = 'I'
    shifts_threshold = False

    def check(self, image_ids: Sequence[str], paths: Sequence[str]) -> None:
        """Check what the refiner needs of each image, before any seed is made; nothing by default.

        Args:
            image_ids (Sequence[str]): Ids of the images.
            paths (Sequence[str]): Their files.

        Raises:
            ValueError: If something is missing or cannot be used.
        """
        del image_ids, paths

    @abstractmethod
    def __call__(self, maps: Tensor, inputs: RefinerInput) -> Tensor:
        """Refine maps or scores.

        Args:
            maps (Tensor): float32, values in [0, 1]; P is at least 1. On any device, and not
                necessarily at the size of the images' files.
            inputs (RefinerInput): The images, at the size of the maps.

        Returns:
            Tensor: Of the same shape and on the same device, values in [0, 1].
        """


class DenseCRFRefiner(SeedRefiner):
    """A dense CRF; all seeds of an image together.

    Args:
        preset (str): ``'irn'``: over the labels of the highest scores, each pixel trusted with 0.7
            (Ahn et al., CVPR 2019). ``'psa'`` and ``'deeplab'``: over the scores themselves, which
            are made to sum to 1 (Ahn and Kwak, CVPR 2018).
        backend (str): ``'torch'`` or ``'pydensecrf'``, see :class:`mmseg_wsss.seeds.DenseCRF`.
        iterations (int): Number of mean-field iterations.
        bilateral_compat (float, optional): Weight of the appearance kernel in place of the
            preset's, see :class:`~mmseg_wsss.seeds.CRFPreset`. Maps that a walk has brought to the
            edges need less of it; a large one takes away what is thin or small.

    Raises:
        ValueError: If an argument makes no sense.
    """

    def __init__(
        self,
        preset: str = 'irn',
        backend: str = 'torch',
        iterations: int = 10,
        bilateral_compat: float | None = None,
    ) -> None:
        if preset not in REFINE_KINDS:
            raise ValueError(
                f'Unknown CRF preset {preset!r}; expected one of {", ".join(REFINE_KINDS)}.'
            )
        self.preset = preset
        kernels = crf_preset(preset)
        if bilateral_compat is not None:
            kernels = replace(kernels, bilateral_compat=bilateral_compat)
        self.crf = DenseCRF(kernels, backend, iterations)

    def __call__(self, maps: Tensor, inputs: RefinerInput) -> Tensor:
        """Marginals of the CRF."""
        batch, seeds = maps.shape[:2]
        scores = maps.flatten(0, 1)
        if self.preset != 'irn':  # which takes the labels alone
            scores = scores.clamp_min(_LEAST_SCORE)
            scores = scores / scores.sum(dim=1, keepdim=True)
        unary = preset_unary(scores, self.preset).unflatten(0, (batch, seeds))
        pixels = torch.from_numpy(np.stack(inputs.images)).to(maps.device)
        # A batch of one takes the same way as a single image, with the same last bits.
        if batch == 1:
            return self.crf(pixels[0], unary[0])[None]
        return self.crf.batch(pixels, unary)


def refine_seeds(
    maps: Tensor,
    image: np.ndarray,
    present: Sequence[int],
    background: Background | None = None,
    refine: str | Sequence[SeedRefiner] | None = 'irn',
) -> Tensor:
    """Label masks of all seeds of an image.

    Args:
        maps (Tensor): (S, P, H, W) float32 in [0, 1], normalised activation maps of the classes
            that are present; P may be 0.
        image (np.ndarray): (H, W, 3) uint8 RGB.
        present (Sequence[int]): The P label indices (1 to K-1) of the maps.
        background (Mapping | Callable | Sequence, optional): See
            :func:`mmseg_wsss.seeds.background.seed_background_scores`.
        refine (str | Sequence[SeedRefiner], optional): None: the label of the highest score. The
            preset of a :class:`DenseCRFRefiner`, or a chain of refiners.

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
    inputs = RefinerInput([image], [present])
    return refine_seed_batch(maps[None], inputs, background, refine)[0]


def refine_seed_batch(
    maps: Tensor,
    inputs: RefinerInput,
    background: Background | None = None,
    refine: str | Sequence[SeedRefiner] | None = 'irn',
) -> Tensor:
    """Label masks of all seeds of several images with one size and one number of classes.

    Args:
        maps (Tensor): (B, S, P, H, W), as in :func:`refine_seeds`.
        inputs (RefinerInput): The images.
        background (Mapping | Callable | Sequence, optional): As in :func:`refine_seeds`.
        refine (str | Sequence[SeedRefiner], optional): As in :func:`refine_seeds`.

    Returns:
        Tensor: (B, S, H, W) uint8.

    Raises:
        ValueError: As :func:`refine_seeds`, or if a refiner needs features that are not there.
    """
    refiners = list_refiners(refine)
    batch, seeds, classes, height, width = maps.shape
    if classes == 0:
        # One label: whatever refines it, it has every pixel.
        return maps.new_zeros((batch, seeds, height, width), dtype=torch.uint8)
    for refiner in refiners:
        if refiner.needs_features and inputs.features is None:
            raise ValueError(
                f'{type(refiner).__name__} needs feature maps, and the source of the seeds gives '
                'none.'
            )
        if refiner.works_on == 'maps':
            maps = refiner(maps, inputs)
    scores = torch.cat([seed_background_scores(maps, background, inputs), maps], dim=2)
    for refiner in refiners:
        if refiner.works_on == 'scores':
            scores = refiner(scores, inputs)
    indices = scores.argmax(dim=2)
    labels = [[0, *tags] for tags in inputs.present]
    labels = torch.tensor(labels, dtype=torch.uint8, device=maps.device)
    return labels.gather(1, indices.flatten(1)).view(batch, seeds, height, width)


def list_refiners(refine: str | Sequence[SeedRefiner] | None) -> list[SeedRefiner]:
    """List a chain of refiners, with the short forms written out.

    Args:
        refine (str | Sequence[SeedRefiner], optional): None or ``'none'`` for no refiner, a preset
            of :class:`DenseCRFRefiner`, or the chain.

    Raises:
        ValueError: If a refiner of maps comes after one of scores, or there is no such preset.

    Examples:
        >>> list_refiners(None), [refiner.preset for refiner in list_refiners('psa')]
        ([], ['psa'])
    """
    if refine is None or refine == 'none':
        return []
    if isinstance(refine, str):
        return [DenseCRFRefiner(refine)]
    refiners = list(refine)
    scored = False
    for refiner in refiners:
        if refiner.works_on == 'maps' and scored:
            raise ValueError(
                f'{type(refiner).__name__} works on activation maps, so it must stand before the '
                'refiners of scores, such as the dense CRF.'
            )
        scored = refiner.works_on == 'scores'
    return refiners
