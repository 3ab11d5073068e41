"""Data sets and transforms: tags for the classifier, seeds for the segmentor."""

from .coco14_dataset import COCO14Dataset
from .coco_classes import COCO_CLASSES
from .coco_seed_dataset import COCOSeedDataset
from .folder_seed_dataset import FolderSeedDataset
from .seed_dataset import SeedDataset
from .splits import read_split
from .tags import read_tags, tags_for, write_tags
from .tags_dataset import TagsDataset
from .transforms import LoadSeedAnnotations
from .voc_seed_dataset import VOCSeedDataset

__all__ = [
    'COCO14Dataset',
    'COCOSeedDataset',
    'COCO_CLASSES',
    'FolderSeedDataset',
    'LoadSeedAnnotations',
    'SeedDataset',
    'TagsDataset',
    'VOCSeedDataset',
    'read_split',
    'read_tags',
    'tags_for',
    'write_tags',
]
