"""Batches of images of one size, the same for every number of processes."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine import fileio
from PIL import Image

from .seed_image import SeedImage


def plan_batches(images: Sequence[SeedImage], batch_size: int) -> list[list[int]]:
    """Group images of equal size.

    The plan is made over all images, whatever is done already and whoever does the rest: the last
    bits of a convolution may depend on the size of its batch, so a batch must be the same in every
    run. Only the files' headers are read, and nothing for single images.

    Args:
        images (Sequence[SeedImage]): All images.
        batch_size (int): Images per batch at most.

    Returns:
        list[list[int]]: Indices of the images of each batch, ordered by their first.

    Raises:
        ValueError: If ``batch_size`` is below 1 or a file is no image.
    """
    if batch_size < 1:
        raise ValueError(f'batch_size must be at least 1, got {batch_size}.')
    if batch_size == 1:
        return [[index] for index in range(len(images))]
    open_batches: dict[tuple[int, int], list[int]] = {}
    batches = []
    for index, image in enumerate(images):
        size = _stored_size(image.path)
        batch = open_batches.setdefault(size, [])
        if not batch:
            batches.append(batch)
        batch.append(index)
        if len(batch) == batch_size:
            del open_batches[size]
    return batches


def _stored_size(path: str) -> tuple[int, int]:
    try:
        with fileio.get_local_path(path) as local, Image.open(local) as image:
            return image.size
    except OSError as error:
        raise ValueError(f'{path}: not a readable image ({error}).') from error
