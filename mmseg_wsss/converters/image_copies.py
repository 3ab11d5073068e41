"""Copies of images as 8-bit RGB PNG, all images of a set by one rule."""

from __future__ import annotations

import io
import os
import os.path as osp
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, PngImagePlugin

from ..checks.report import CheckReport, examples
from ..utils.atomic import write_atomic
from ..utils.image import read_image
from ..utils.image_copy import DeepValues, fewest_bits, load_values, shift_right
from ..utils.parallel import run_tasks
from ..utils.pixel_limit import DECODER_ERRORS, open_image

# A text in the PNG of a copy: by how many bits its image was shifted right.
SHIFT_KEY = 'Bits shifted right'


@dataclass(frozen=True)
class DeepCopy:
    """An image of more than 8 bits, where its copy goes, and by how many bits it is shifted."""

    image: str
    copy: str
    shift_bits: int


def copy_deep_images(
    copies: Mapping[str, tuple[str, str]],
    values: Mapping[str, DeepValues],
    shift_bits: int | None,
    num_images: int,
    workers: int | None,
    report: CheckReport,
) -> int | None:
    """Copy the images of more than 8 bits of a set, all shifted alike.

    Args:
        copies (Mapping[str, tuple[str, str]]): Image id to the path of the image and of its copy.
        values (Mapping[str, DeepValues]): Of the images of more than 8 bits, by image id.
        shift_bits (int, optional): By how many bits they are shifted right. By default the fewest
            that keep the largest value of the set.
        num_images (int): Images of the set, those of 8 bits included.
        workers (int, optional): Number of processes.
        report (CheckReport): Gets the rule and what it does to the images. Nothing is copied
            if it has a problem: the rule may change with the images that are at fault.

    Returns:
        int | None: By how many bits; None if there is no such image.
    """
    if not values:
        return None
    lowest = min(one.lowest for one in values.values())
    highest = max(one.highest for one in values.values())
    bits = fewest_bits(highest) if shift_bits is None else shift_bits
    report.add(
        'images of more than 8 bits',
        f'{len(values):,}, values {lowest:,} to {highest:,}, shifted right by {bits} bits to '
        f'{min(lowest >> bits, 255)} to {min(highest >> bits, 255)}',
    )
    _remark_brightness(report, values, bits, num_images)
    if report.problems:
        return bits
    tasks = [DeepCopy(*copies[image_id], bits) for image_id in values]
    earlier = run_tasks(copy_deep_image, tasks, workers, 'images of more than 8 bits')
    others = sorted({found for found in earlier if found not in (None, bits)})
    if others:
        report.remarks.append(
            f'earlier copies were shifted by {", ".join(map(str, others))} bits and are written '
            f'anew with {bits}: a classifier, seeds or networks made of them do not fit the new '
            'ones.'
        )
    return bits


def _remark_brightness(
    report: CheckReport, values: Mapping[str, DeepValues], bits: int, num_images: int
) -> None:
    if len(values) < num_images:
        report.remarks.append(
            f'{len(values)} of {num_images} images have more than 8 bits and are shifted, the '
            'others are copied as they are; make sure that both come out equally bright '
            f'({examples(list(values))}).'
        )
    clipped = [name for name, one in values.items() if one.highest >> bits > 255]
    if clipped:
        report.remarks.append(
            f'{len(clipped)} images have values above {(256 << bits) - 1:,}, which become 255 '
            f'({examples(clipped)}).'
        )
    usual = max(one.usual for one in values.values())
    if fewest_bits(usual) < bits:
        report.remarks.append(
            f'99.9 % of the values of every image are at most {usual:,}, so copies use 0 to '
            f'{usual >> bits} of 0 to 255. If the larger values are outliers or stand for missing '
            f'data, give --shift-bits {fewest_bits(usual)}.'
        )


def copy_deep_image(task: DeepCopy) -> int | None:
    """Copy an image of more than 8 bits, unless that is done.

    Returns:
        int | None: By how many bits the copy that was there before is shifted, if there was one.
    """
    _, values = load_values(task.image)
    before = _shift_of(task.copy)
    write_copy(task.copy, shift_right(values, task.shift_bits), task.shift_bits)
    return before


def write_copy(path: str, image: np.ndarray, shift_bits: int | None = None) -> None:
    """Write the copy of an image, unless the file there has the same pixels.

    Args:
        path (str): The copy, a PNG file.
        image (np.ndarray): uint8 (H, W, 3), RGB.
        shift_bits (int, optional): By how many bits it was shifted, kept in the file.
    """
    if _shift_of(path) == shift_bits and _has_pixels(path, image):
        return
    buffer = io.BytesIO()
    texts = PngImagePlugin.PngInfo()
    if shift_bits is not None:
        texts.add_text(SHIFT_KEY, str(shift_bits))
    Image.fromarray(image).save(buffer, 'PNG', pnginfo=texts)
    os.makedirs(osp.dirname(path), exist_ok=True)
    write_atomic(path, buffer.getvalue())


def _has_pixels(path: str, image: np.ndarray) -> bool:
    try:
        return np.array_equal(read_image(path), image)
    except (FileNotFoundError, ValueError):
        return False


def _shift_of(path: str) -> int | None:
    try:
        with open_image(path) as image:
            return int(image.info[SHIFT_KEY])
    except DECODER_ERRORS:
        return None
