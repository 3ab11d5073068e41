"""mmseg's mIoU, with what it leaves unsaid, and masks under the ids of their images."""

from __future__ import annotations

import logging
import os.path as osp
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from mmseg.evaluation import IoUMetric

from ...registry import METRICS
from ...store import write_mask
from ...store.image_ids import image_id_of

NAMES = ('IoUMetric', 'mmseg.IoUMetric', 'SegmentationMetric', 'mmseg_wsss.SegmentationMetric')


class GroundTruthError(ValueError):
    """The ground truth has a label that is no class."""


def use_segmentation_metric(evaluator: Any) -> list[dict]:
    """Put ``SegmentationMetric`` in the place of mmseg's ``IoUMetric``.

    Args:
        evaluator: ``val_evaluator`` or ``test_evaluator`` of a config: a dict, which is changed, a
            list of such, or None.

    Returns:
        list[dict]: Those that are a ``SegmentationMetric`` now.

    >>> evaluator = dict(type='IoUMetric')
    >>> use_segmentation_metric([evaluator, dict(type='Other')])
    [{'type': 'mmseg_wsss.SegmentationMetric'}]
    """
    evaluators = evaluator if isinstance(evaluator, (list, tuple)) else [evaluator or {}]
    metrics = [one for one in evaluators if one.get('type') in NAMES]
    for metric in metrics:
        metric['type'] = 'mmseg_wsss.SegmentationMetric'
    return metrics


@METRICS.register_module()
class SegmentationMetric(IoUMetric):
    """mmseg's ``IoUMetric``, with three differences.

    * The scores have ``mIoU_classes``, the number of classes that the mIoU is a mean over: those
      that the ground truth or a prediction shows. Classes that the ground truth never shows are
      named in a warning: with background alone in it, a network that predicts nothing would get
      an mIoU of 100.
    * Ground truth with a label that is no class is refused; mmseg passes over these pixels.
    * Predictions are written to ``output_dir`` under the ids of their images, the paths below the
      folder of the images: two folders may have images of one name.

    ``tools/train.py`` and ``tools/test.py`` put it where a config has mmseg's.

    Args:
        image_folder (str, optional): Folder of the images, for the names in ``output_dir``. Without
            it the names are those of the files, and two images of one name are refused.
        **kwargs: As in mmseg.
    """

    def __init__(self, image_folder: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image_folder = image_folder
        self._written: dict[str, str] = {}

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Count the pixels of a batch, and write its predictions if there is an ``output_dir``.

        Args:
            data_batch: Not used.
            data_samples (Sequence[Mapping]): With ``pred_sem_seg``, ``img_path`` and, unless
                ``format_only``, ``gt_sem_seg``; labels (1, H, W).

        Raises:
            GroundTruthError: If the ground truth has a label that is no class.
            ValueError: If a prediction cannot be written under a name of its own.
        """
        num_classes = len(self.dataset_meta['classes'])
        for sample in data_samples:
            prediction = sample['pred_sem_seg']['data'][0]
            if not self.format_only:
                label = sample['gt_sem_seg']['data'][0].to(prediction)
                beyond = label[(label >= num_classes) & (label != self.ignore_index)]
                if beyond.numel():
                    raise GroundTruthError(
                        f'{sample.get("seg_map_path", sample["img_path"])}: label '
                        f'{int(beyond.max())}, expected 0 to {num_classes - 1} or '
                        f'{self.ignore_index}. tools/check_data.py checks all masks.'
                    )
                self.results.append(
                    self.intersect_and_union(prediction, label, num_classes, self.ignore_index)
                )
            if self.output_dir is not None:
                self._write(sample, prediction)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the scores.

        Args:
            results (list): Of each image, by class: pixels of the intersection, of the union, of
                the prediction and of the ground truth.

        Returns:
            dict[str, float]: mmseg's scores in percent and, with the mIoU, ``mIoU_classes``.
        """
        scores = super().compute_metrics(results)
        if 'mIoU' not in scores:
            return scores
        classes = self.dataset_meta['classes']
        union, truth = (sum(one[part].double() for one in results) for part in (1, 3))
        scores['mIoU_classes'] = int(torch.count_nonzero(union))
        absent = [name for name, pixels in zip(classes, truth, strict=True) if not pixels]
        if absent:
            print_log(
                f'The ground truth never shows {", ".join(absent)}. The mIoU is a mean over '
                f'{scores["mIoU_classes"]} of {len(classes)} classes; it says nothing about those '
                'that are not shown: predicted anywhere they count as 0, otherwise not at all.',
                'current',
                logging.WARNING,
            )
        return scores

    def _write(self, sample: Mapping[str, Any], prediction: torch.Tensor) -> None:
        path = sample['img_path']
        name = osp.splitext(osp.basename(path))[0]
        if self.image_folder is not None:
            name = image_id_of(path, self.image_folder)
        if self._written.setdefault(name, path) != path:
            raise ValueError(
                f'{path} and {self._written[name]}: two images of one name in {self.output_dir}. '
                'Give the metric the folder of the images (image_folder), so that their folders '
                'are kept.'
            )
        mask = prediction.cpu().numpy().astype(np.uint8)
        palette = self.dataset_meta.get('palette')
        if sample.get('reduce_zero_label', False):  # in files the labels begin at 1
            mask, palette = mask + 1, None
        write_mask(osp.join(self.output_dir, f'{name}.png'), mask, palette)
