"""The 80 classes of MS COCO with background, as weakly supervised segmentation uses them."""

from __future__ import annotations

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


def bit_palette(num_classes: int) -> list[list[int]]:
    """Give the colours of the PASCAL VOC development kit, defined for any number of classes.

    Bit 3i + c of the class index is bit 7 - i of colour channel c.

    Args:
        num_classes (int): K, background included, at most 256.

    Returns:
        list[list[int]]: K RGB colours, 0 to 255; the first is black.

    >>> bit_palette(4)
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """

    def channel_value(index: int, channel: int) -> int:
        return sum(((index >> (3 * i + channel)) & 1) << (7 - i) for i in range(3))

    return [[channel_value(index, channel) for channel in range(3)] for index in range(num_classes)]


COCO_METAINFO = dict(classes=COCO_CLASSES, palette=bit_palette(len(COCO_CLASSES)))
