"""Your own folder of images with seeds as labels."""

from __future__ import annotations

from mmseg_wsss.registry import DATASETS

from .seed_dataset import SeedDataset


@DATASETS.register_module()
class FolderSeedDataset(SeedDataset):
    """A plain folder of images with seeds as labels.

    Arguments as in :class:`SeedDataset`. Classes and palette come from ``metainfo`` or, where it
    names none, from the manifest of the seed root.
    """
