"""The image and the true mask of an own data set: checked, and copied where asked."""

from __future__ import annotations

import io
import os
import os.path as osp
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from mmseg_wsss.seeds.mask_io import read_mask, write_mask
from mmseg_wsss.utils.atomic import write_atomic
from mmseg_wsss.utils.image import read_image

from .checks import check_image, mask_labels

MASK_FOLDER = 'SegmentationClass'


@dataclass(frozen=True)
class FileTask:
    """What to do with the files of one image.

    Attributes:
        image_id (str): Its id.
        image (str): Path of the image.
        copy (str | None): Where to copy it to as PNG; None leaves it where it is.
        mask (str | None): Path of its true mask, if it has one that is used.
        mask_copy (str): Where to copy the mask to.
        num_classes (int): K, background included.
        palette (list[list[int]]): RGB colours of the mask.
    """

    image_id: str
    image: str
    copy: str | None
    mask: str | None
    mask_copy: str
    num_classes: int
    palette: list[list[int]]


@dataclass
class FileOutcome:
    """What became of it.

    Attributes:
        image_id (str): Its id.
        size (tuple[int, int] | None): Height and width of the image, if it can be read.
        mask_labels (tuple[int, ...] | None): Foreground labels in the mask, if there is one.
        problems (list[str]): Messages about files that are wrong.
    """

    image_id: str
    size: tuple[int, int] | None = None
    mask_labels: tuple[int, ...] | None = None
    problems: list[str] = field(default_factory=list)


def convert_files(task: FileTask) -> FileOutcome:
    """Check the files of one image and write the copies that are not there yet."""
    outcome = FileOutcome(task.image_id)
    try:
        outcome.size = check_image(task.image)
        if task.mask is not None:
            mask = read_mask(task.mask, shape=outcome.size, num_classes=task.num_classes)
            outcome.mask_labels = mask_labels(mask)
            if not _is_same(task.mask_copy, mask):
                write_mask(task.mask_copy, mask, task.palette)
        if task.copy is not None and not _is_image(task.copy, outcome.size):
            _write_png(task.copy, read_image(task.image))
    except (FileNotFoundError, ValueError) as error:
        outcome.problems.append(str(error))
    return outcome


def _is_same(path: str, mask: np.ndarray) -> bool:
    try:
        return np.array_equal(read_mask(path), mask)
    except (FileNotFoundError, ValueError):
        return False


def _is_image(path: str, size: tuple[int, int]) -> bool:
    try:
        return check_image(path) == size
    except (FileNotFoundError, ValueError):
        return False


def _write_png(path: str, image: np.ndarray) -> None:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, 'PNG')
    os.makedirs(osp.dirname(path), exist_ok=True)
    write_atomic(path, buffer.getvalue())
