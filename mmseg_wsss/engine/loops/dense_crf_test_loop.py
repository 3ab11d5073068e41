"""Testing with a dense CRF on the predictions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...registry import LOOPS
from ...seeds import DenseCRF, unary_from_probabilities
from ...utils import read_image
from .tagged_test_loop import TaggedTestLoop


@LOOPS.register_module()
class DenseCRFTestLoop(TaggedTestLoop):
    """mmengine's test loop with the predictions refined by a dense CRF before they are scored.

    Args:
        crf (dict): Arguments of :class:`mmseg_wsss.seeds.DenseCRF`; ``preset`` is ``'deeplab'`` or
            ``'psa'`` in the field's evaluations.
        **kwargs: Of :class:`TaggedTestLoop`; with tags the CRF chooses among these classes.
    """

    def __init__(self, *args: Any, crf: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.crf = DenseCRF(**(crf or dict(preset='deeplab')))

    def refined_scores(self, logits: Tensor, path: str) -> Tensor:
        """Give the probabilities (C, H, W) after the CRF."""
        probabilities = logits.float().softmax(dim=0)
        image = torch.from_numpy(read_image(path)).to(probabilities.device)
        return self.crf(image, unary_from_probabilities(probabilities[None]))[0]
