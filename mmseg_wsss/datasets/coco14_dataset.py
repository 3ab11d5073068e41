"""MS COCO 2014 with true masks, for scoring."""

from __future__ import annotations

from mmseg.datasets import BaseSegDataset

from mmseg_wsss.registry import DATASETS

from .coco_classes import COCO_METAINFO


@DATASETS.register_module()
class COCO14Dataset(BaseSegDataset):
    """MS COCO 2014 (80 classes and background) with true masks, for validation and testing.

    The masks are what ``tools/dataset_converters/coco14.py`` writes.
    """

    METAINFO = COCO_METAINFO
