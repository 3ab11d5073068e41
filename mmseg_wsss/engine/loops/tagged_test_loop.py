"""Testing with predictions restricted to the tags of the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.runner import TestLoop
from mmengine.runner.amp import autocast
from mmengine.structures import PixelData
from torch import Tensor

from ...datasets.tags import read_tags_of
from ...registry import LOOPS
from ...store.image_ids import image_id_of


class TagsError(ValueError):
    """The tags do not fit the images or classes that are tested."""


@LOOPS.register_module()
class TaggedTestLoop(TestLoop):
    """mmengine's test loop where the network is told the tags: other classes are not predicted.

    Seeds know the tags of their images; a network that is compared with them should be told what
    they know. Works with any mmseg segmentor and under test-time augmentation with
    ``MergedTTAModel``.

    Args:
        tags (str, optional): Tags file, see :func:`mmseg_wsss.datasets.tags.read_tags`; None
            restricts nothing.
        image_folder (str): Folder of the images, which their ids are relative to.
        **kwargs: Of :class:`mmengine.runner.TestLoop`.

    Raises:
        TagsError: If there is no such file, it is no tags file of these classes, or an image has
            no entry.
    """

    def __init__(
        self, *args: Any, tags: str | None = None, image_folder: str = '', **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.image_folder = image_folder
        self.tags = None
        if tags is None:
            return
        dataset = self.dataloader.dataset
        paths = [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]
        ids = [image_id_of(path, image_folder) for path in paths]
        try:
            self.tags = read_tags_of(tags, dataset.metainfo['classes'], ids)
        except (FileNotFoundError, ValueError) as error:
            raise TagsError(str(error)) from None

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
        """Predict the classes in the tags alone.

        Args:
            data_samples (list[SegDataSample]): With ``seg_logits`` (K, H, W), K > 1, at the size
                of the image at ``img_path``.

        Returns:
            list[SegDataSample]: The same samples with another ``pred_sem_seg`` (1, H, W).
        """
        for sample in data_samples:
            logits = sample.seg_logits.data
            allowed = self.allowed_labels(sample.img_path, len(logits)).to(logits.device)
            scores = self.refined_scores(logits[allowed], sample.img_path)
            prediction = allowed[scores.argmax(dim=0, keepdim=True)]
            sample.set_data({'pred_sem_seg': PixelData(data=prediction)})
        return data_samples

    def refined_scores(self, logits: Tensor, path: str) -> Tensor:
        """Give scores (C, H, W) of the C classes that an image may show, from their logits."""
        return logits

    def allowed_labels(self, path: str, num_classes: int) -> Tensor:
        """Give the labels that an image may show, ascending int64; background is among them."""
        if self.tags is None:
            return torch.arange(num_classes)
        return torch.tensor([0, *self.tags[image_id_of(path, self.image_folder)]])
