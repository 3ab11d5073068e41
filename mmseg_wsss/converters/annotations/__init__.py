"""Files of annotation tools: masks go out to be corrected, and come back. A module a format."""

from types import ModuleType

from . import coco, cvat, label_studio, palette_png
from .annotated import IGNORE_NAMES, AnnotatedImage, ImageToAnnotate, LabelNames

# By name. Each module has write(images, labels) and read(path, labels).
FORMATS: dict[str, ModuleType] = {
    'coco': coco,
    'label-studio': label_studio,
    'cvat': cvat,
    'png': palette_png,
}

__all__ = ['FORMATS', 'IGNORE_NAMES', 'AnnotatedImage', 'ImageToAnnotate', 'LabelNames']
