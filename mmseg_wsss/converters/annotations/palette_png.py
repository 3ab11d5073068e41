"""A folder of 8-bit PNG masks whose values are labels, with their names in ``classes.txt``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...datasets.class_names import read_class_list
from ...seeds import IGNORE_INDEX
from ...store import encode_mask, read_mask
from .annotated import AnnotatedImage, ImageToAnnotate, LabelNames

CLASSES_NAME = 'classes.txt'


def write(images: Sequence[ImageToAnnotate], labels: LabelNames) -> dict[str, bytes]:
    """Give the masks ``<image id>.png`` and the class names.

    Args:
        images (Sequence[ImageToAnnotate]): The images.
        labels (LabelNames): The labels.

    Returns:
        dict[str, bytes]: Content by file name.
    """
    names = ''.join(f'{name}\n' for name in labels.classes)
    masks = {f'{image.image_id}.png': encode_mask(image.mask, labels.palette) for image in images}
    return {CLASSES_NAME: names.encode(), **masks}


def read(path: Path, labels: LabelNames) -> Iterator[AnnotatedImage]:
    """Read the masks of a folder and of those below it; hidden files do not count.

    Args:
        path (Path): The folder. Its ``classes.txt``, one name a line in the order of the labels,
            says what the values are; without it they are the labels of the classes.
        labels (LabelNames): The labels.

    Yields:
        AnnotatedImage: By name.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no PNG file, one is damaged or no mask, or a value is no class.
    """
    if not path.is_dir():
        raise FileNotFoundError(f'{path}: there is no such folder of masks')
    names = list(labels.classes)
    if (path / CLASSES_NAME).is_file():
        names = read_class_list(str(path / CLASSES_NAME))
    files = sorted(
        one
        for one in path.rglob('*.png')
        if not any(part.startswith('.') for part in one.relative_to(path).parts)
    )
    if not files:
        raise ValueError(f'{path}: there is no .png file in this folder')
    for file in files:
        mask = read_mask(file, num_classes=len(names))
        table = np.zeros(256, np.uint8)
        for value in np.unique(mask).tolist():
            name = labels.ignore_name if value == IGNORE_INDEX else names[value]
            table[value] = labels.label(name, str(file))
        name = file.relative_to(path).as_posix().removesuffix('.png')
        yield AnnotatedImage(name, table[mask], str(file))
