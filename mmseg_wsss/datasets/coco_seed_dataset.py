"""MS COCO 2014 with seeds as labels."""

from __future__ import annotations

from mmseg_wsss.registry import DATASETS

from .coco_classes import COCO_METAINFO
from .seed_dataset import SeedDataset


@DATASETS.register_module()
class COCOSeedDataset(SeedDataset):
    """MS COCO 2014 (80 classes and background) with seeds as labels.

    Arguments as in :class:`SeedDataset`.
    """

    METAINFO = COCO_METAINFO
