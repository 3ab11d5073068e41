"""Data sets and transforms: tags for the classifier, seeds for the segmentor."""

from .. import registry  # noqa: F401  # patches the dependency stack before mmseg is imported
from .class_names import COCO_CLASSES
from .seed_datasets import (
    COCO14Dataset,
    COCOSeedDataset,
    FolderSeedDataset,
    SeedDataset,
    VOCSeedDataset,
)
from .seed_records import StaleSeedsError
from .splits import read_split
from .tags import read_tags, tags_for, write_tags
from .tags_dataset import TagsDataset
from .transforms import LoadSeedAnnotations

__all__ = [
    'COCO14Dataset',
    'COCOSeedDataset',
    'COCO_CLASSES',
    'FolderSeedDataset',
    'LoadSeedAnnotations',
    'SeedDataset',
    'StaleSeedsError',
    'TagsDataset',
    'VOCSeedDataset',
    'read_split',
    'read_tags',
    'tags_for',
    'write_tags',
]
