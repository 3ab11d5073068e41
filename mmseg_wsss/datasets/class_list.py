"""Class names that a command is given: a data set's, a file's, or the names themselves."""

from __future__ import annotations

from .coco_classes import COCO_CLASSES
from .splits import read_lines


def read_class_list(classes: str) -> list[str]:
    """Read a list of class names.

    Args:
        classes (str): ``'voc12'``, ``'coco14'``, names separated by commas, or a text file with one
            name a line; blank lines at its end are ignored.

    Returns:
        list[str]: The names in order, background first.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not UTF-8 or a name is empty.

    >>> read_class_list('background, cat, traffic light')
    ['background', 'cat', 'traffic light']
    """
    if classes == 'coco14':
        return list(COCO_CLASSES)
    if classes == 'voc12':
        from mmseg.datasets import PascalVOCDataset

        return list(PascalVOCDataset.METAINFO['classes'])
    lines = classes.split(',') if ',' in classes else read_lines(classes, 'class list')
    names = [line.strip() for line in lines]
    # Blank lines at the end name nothing; one in between would shift every label after it.
    while names and not names[-1]:
        names.pop()
    if not names:
        raise ValueError(f'{classes}: the class list is empty, expected one name a line')
    if not all(names):
        raise ValueError(f'{classes}: name {names.index("") + 1} is empty, expected a class name')
    return names
