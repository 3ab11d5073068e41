"""Colours for labels."""

from __future__ import annotations


def label_palette(num_labels: int) -> list[list[int]]:
    """PASCAL VOC's colours, extended to any number of labels by the same rule.

    The bits of a label are dealt to red, green and blue in turn, the highest bit of each first, so
    that near labels get far colours.

    Args:
        num_labels (int): Number of labels, at most 256.

    Returns:
        list[list[int]]: RGB, 0 to 255 each; black for label 0.

    Examples:
        >>> label_palette(5)
        [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    """
    colors = []
    for label in range(num_labels):
        color = [0, 0, 0]
        for bit in range(8):
            channel, place = bit % 3, 7 - bit // 3
            color[channel] |= (label >> bit & 1) << place
        colors.append(color)
    return colors
