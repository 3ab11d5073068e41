"""From the output of a segmentation network to a mask of the classes that an image can show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..seeds import CRF_PRESETS
from ..seeds.crf.dense_crf import DenseCRF
from ..seeds.crf.unary import preset_unary


class MaskLabeler:
    """Gives each pixel the likeliest of the labels that can win, after dense CRF if asked.

    The probabilities of the other labels are set to 0 and the rest made to sum to 1, before the
    CRF.

    Args:
        num_classes (int): K, background included.
        crf (str, optional): Preset of :class:`mmseg_wsss.seeds.DenseCRF`: ``'irn'`` refines the
            labels, ``'psa'`` and ``'deeplab'`` the probabilities.
        crf_options (dict, optional): Further arguments of ``DenseCRF``.

    Raises:
        ValueError: If the preset is unknown.
    """

    def __init__(
        self, num_classes: int, crf: str | None = None, crf_options: dict | None = None
    ) -> None:
        if crf is not None and crf not in CRF_PRESETS:
            raise ValueError(f'crf={crf!r}, expected None or one of {", ".join(CRF_PRESETS)}.')
        self.num_classes = num_classes
        self.preset = crf
        self.crf = None if crf is None else DenseCRF(crf, **(crf_options or {}))

    @property
    def needs_image(self) -> bool:
        """Whether the image is used."""
        return self.crf is not None

    def __call__(self, logits: Tensor, image: np.ndarray | None, labels: Sequence[int]) -> Tensor:
        """Label the pixels of an image.

        Args:
            logits (Tensor): (K, H, W) at the image's own size.
            image (np.ndarray, optional): (H, W, 3) uint8 RGB; needed by the CRF only.
            labels (Sequence[int]): Labels that can win, background (0) included.

        Returns:
            Tensor: (H, W) uint8, values from ``labels``; ties go to the lowest.

        Raises:
            ValueError: If K is not the number of classes.

        >>> logits = torch.tensor([[[0.0, 0.0]], [[1.0, 0.5]], [[2.0, 0.0]]])
        >>> MaskLabeler(3)(logits, None, (0, 1, 2)).tolist()
        [[2, 1]]
        >>> MaskLabeler(3)(logits, None, (0, 1)).tolist()
        [[1, 1]]
        """
        kept, probabilities = self.probabilities(logits, image, labels)
        return kept[probabilities.argmax(dim=0)].to(torch.uint8)

    def probabilities(
        self, logits: Tensor, image: np.ndarray | None, labels: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Give the probabilities of the labels that can win, after dense CRF if asked.

        Args:
            logits, image, labels: As in :meth:`__call__`.

        Returns:
            tuple[Tensor, Tensor]: The L labels in ascending order, (L,) int64, and float32
            (L, H, W), which sums to 1 over the labels.

        Raises:
            ValueError: If K is not the number of classes.
        """
        if len(logits) != self.num_classes:
            raise ValueError(
                f'The network predicts {len(logits)} classes, the data set has {self.num_classes}.'
            )
        kept = torch.tensor(sorted(labels), device=logits.device)
        # Softmax over the kept ones = the probabilities made to sum to 1 without the others.
        probabilities = logits[kept].float().softmax(dim=0)
        if self.crf is not None and len(kept) > 1:
            pixels = torch.from_numpy(np.ascontiguousarray(image)).to(logits.device)
            probabilities = self.crf(pixels, preset_unary(probabilities[None], self.preset))[0]
        return kept, probabilities
