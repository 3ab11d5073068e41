"""Testing with a dense CRF on the predictions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.runner import TestLoop
from mmengine.runner.amp import autocast
from mmengine.structures import PixelData

from ...registry import LOOPS
from ...seeds import DenseCRF, unary_from_probabilities
from ...utils import read_image


@LOOPS.register_module()
class DenseCRFTestLoop(TestLoop):
    """mmengine's test loop with the predictions refined by a dense CRF before they are scored.

    Works with any mmseg segmentor and under test-time augmentation with ``MergedTTAModel``.

    Args:
        crf (dict): Arguments of :class:`mmseg_wsss.seeds.DenseCRF`; ``preset`` is ``'deeplab'`` or
            ``'psa'`` in the field's evaluations.
        **kwargs: Of :class:`mmengine.runner.TestLoop`.
    """

    def __init__(self, *args, crf: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.crf = DenseCRF(**(crf or dict(preset='deeplab')))

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Sequence[dict]) -> None:
        """Predict, refine and score one batch."""
        self.runner.call_hook('before_test_iter', batch_idx=idx, data_batch=data_batch)
        with autocast(enabled=self.fp16):
            outputs = self.runner.model.test_step(data_batch)
        outputs = self.refine(outputs)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        self.runner.call_hook(
            'after_test_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs
        )

    def refine(self, data_samples: list) -> list:
        """Refine predictions.

        Args:
            data_samples (list[SegDataSample]): With ``seg_logits`` (K, H, W), K > 1, at the size
                of the image at ``img_path``.

        Returns:
            list[SegDataSample]: The same samples, ``pred_sem_seg`` (1, H, W) refined.
        """
        for sample in data_samples:
            probabilities = sample.seg_logits.data.float().softmax(dim=0)
            image = torch.from_numpy(read_image(sample.img_path)).to(probabilities.device)
            refined = self.crf(image, unary_from_probabilities(probabilities[None]))[0]
            sample.set_data({'pred_sem_seg': PixelData(data=refined.argmax(dim=0, keepdim=True))})
        return data_samples
