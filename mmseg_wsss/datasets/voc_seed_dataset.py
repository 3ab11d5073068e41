"""PASCAL VOC 2012 with seeds as labels."""

from __future__ import annotations

from mmseg.datasets import PascalVOCDataset

from mmseg_wsss.registry import DATASETS

from .seed_dataset import SeedDataset


@DATASETS.register_module()
class VOCSeedDataset(SeedDataset):
    """PASCAL VOC 2012 (21 classes, background included) with seeds as labels.

    Arguments as in :class:`SeedDataset`; classes and palette are mmseg's.
    """

    METAINFO = PascalVOCDataset.METAINFO
