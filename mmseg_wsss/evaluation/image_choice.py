"""Which images a report shows."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from .image_statistics import ImageStatistics, rank_suspicious

SUSPICIOUS, SAMPLED = 'to look at first', 'sample'


def choose_images(
    images: Sequence[ImageStatistics], number: int
) -> list[tuple[ImageStatistics, str]]:
    """Choose the most suspicious images and a sample of the others.

    The sample is drawn by a hash of the ids: it is the same in every run, and does not depend on
    what the seeds look like.

    Args:
        images (Sequence[ImageStatistics]): In any order.
        number (int): Images at most; half of them, rounded up, the most suspicious.

    Returns:
        list: Images, each with why it was chosen: the suspicious in the order of
        :func:`~mmseg_wsss.evaluation.rank_suspicious`, then the sample.

    Raises:
        ValueError: If ``number`` is negative.
    """
    if number < 0:
        raise ValueError(f'{number} pictures, expected at least 0')
    first = rank_suspicious(images)[: (number + 1) // 2]
    chosen = {image.image_id for image in first}
    others = [image for image in images if image.image_id not in chosen]
    others.sort(key=lambda image: sha256(image.image_id.encode()).digest())
    sample = others[: number - len(first)]
    return [(image, SUSPICIOUS) for image in first] + [(image, SAMPLED) for image in sample]
