"""Where tags come from: tables, folders named by class, annotation files. A module a source."""

from .entries import Entry, TagEntries
from .photographs import ImageTags, Photographs
from .reading import SOURCES, read_image_tags, recognise

__all__ = [
    'SOURCES',
    'Entry',
    'ImageTags',
    'Photographs',
    'TagEntries',
    'read_image_tags',
    'recognise',
]
