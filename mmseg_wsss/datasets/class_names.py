"""Class names: COCO's, and those that a command is given."""

from __future__ import annotations

from ..utils.palette import label_palette
from .splits import read_lines

# In the order of the 91 category ids, gaps closed; background is 0.
COCO_CLASSES = (
    'background', 'person', 'bicycle', 'car', 'motorcycle', 'airplane', 'bus', 'train', 'truck',
    'boat', 'traffic light', 'fire hydrant', 'stop sign', 'parking meter', 'bench', 'bird', 'cat',
    'dog', 'horse', 'sheep', 'cow', 'elephant', 'bear', 'zebra', 'giraffe', 'backpack', 'umbrella',
    'handbag', 'tie', 'suitcase', 'frisbee', 'skis', 'snowboard', 'sports ball', 'kite',
    'baseball bat', 'baseball glove', 'skateboard', 'surfboard', 'tennis racket', 'bottle',
    'wine glass', 'cup', 'fork', 'knife', 'spoon', 'bowl', 'banana', 'apple', 'sandwich', 'orange',
    'broccoli', 'carrot', 'hot dog', 'pizza', 'donut', 'cake', 'chair', 'couch', 'potted plant',
    'bed', 'dining table', 'toilet', 'tv', 'laptop', 'mouse', 'remote', 'keyboard', 'cell phone',
    'microwave', 'oven', 'toaster', 'sink', 'refrigerator', 'book', 'clock', 'vase', 'scissors',
    'teddy bear', 'hair drier', 'toothbrush',
)  # fmt: skip


COCO_METAINFO = dict(classes=COCO_CLASSES, palette=label_palette(len(COCO_CLASSES)))


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
