"""What votes and tags tell of an image without ground truth, and which images to look at first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from ..seeds import IGNORE_INDEX

# Of the soft minimum: a tenth, so that a small region of few votes already lowers the quality.
TEMPERATURE = 0.1


@dataclass(frozen=True)
class ImageStatistics:
    """One image, seen through its seeds.

    Attributes:
        image_id (str): The image's id.
        pixels (int): Its number of pixels.
        quality (float): 0 to 1, see :func:`label_quality_score`.
        unanimous (float): Share of the pixels at which all seeds agree on a label.
        coverage (float): Share of the pixels at which at least one seed votes.
        classes (tuple[int, ...]): Labels of the aggregate, 255 left out.
        missing (tuple[int, ...] | None): Tags that no seed (without the seeds: the aggregate)
            represents; None where the tags are not known.
        untagged (tuple[int, ...] | None): Foreground labels of any seed (or the aggregate) that are
            no tag; None where the tags are not known.
        accuracy (float | None): Share of right pixels of the aggregate; None without a truth.
        corrected (bool): Whether the aggregate is a mask that a person corrected.
    """

    image_id: str
    pixels: int
    quality: float
    unanimous: float
    coverage: float
    classes: tuple[int, ...]
    missing: tuple[int, ...] | None = None
    untagged: tuple[int, ...] | None = None
    accuracy: float | None = None
    corrected: bool = False


def label_quality_score(votes: Sequence[int] | np.ndarray) -> float:
    """Sum up how sure the seeds are of an image's labels, so that the least sure pixels weigh most.

    Each pixel's share of agreeing seeds s is averaged with the weights exp((1 - s) / 0.1), a soft
    minimum: an image that is unanimous but for a small region scores far below one that is
    unanimous everywhere. After the label quality scores of cleanlab for segmentation (Lad and
    Mueller, 2023), with the share of agreeing seeds in the place of a network's probability.

    Args:
        votes (Sequence[int] | np.ndarray): Pixels by agreement, 0 to S, at least one pixel.

    Returns:
        float: 0 (no seed votes) to 1 (unanimous everywhere).

    Raises:
        ValueError: If there is no pixel.

    >>> label_quality_score([0, 0, 0, 10]), label_quality_score([10, 0, 0, 0])
    (1.0, 0.0)
    """
    votes = np.asarray(votes, np.float64)
    if not votes.sum():
        raise ValueError('an image without pixels has no quality')
    share = np.arange(len(votes)) / (len(votes) - 1)
    weights = votes * np.exp((1 - share) / TEMPERATURE)
    return float((weights * share).sum() / weights.sum())


def image_statistics(
    image_id: str,
    votes: np.ndarray,
    label: np.ndarray,
    seeds: np.ndarray | None = None,
    tags: Iterable[int] | None = None,
    accuracy: float | None = None,
) -> ImageStatistics:
    """Describe an image.

    Args:
        image_id (str): The image's id.
        votes (np.ndarray): Integers (S + 1,), pixels by agreement.
        label (np.ndarray): The aggregate, uint8, any shape; the labels matter, not how often.
        seeds (np.ndarray, optional): The seeds, uint8, any shape.
        tags (Iterable[int], optional): Labels of the image's tags, 1 to K-1.
        accuracy (float, optional): Share of right pixels of the aggregate, where known.

    Returns:
        ImageStatistics: Of the image.

    Raises:
        ValueError: If there is no pixel.
    """
    classes = _labels(label)
    missing = untagged = None
    if tags is not None:
        tagged = set(tags)
        found = classes if seeds is None else _labels(seeds)
        missing = tuple(sorted(tagged - set(found)))
        untagged = tuple(sorted(set(found) - tagged - {0}))
    pixels = int(votes.sum())
    return ImageStatistics(
        image_id=image_id,
        quality=label_quality_score(votes),
        pixels=pixels,
        unanimous=float(votes[-1] / pixels),
        coverage=float(1 - votes[0] / pixels),
        classes=classes,
        missing=missing,
        untagged=untagged,
        accuracy=accuracy,
    )


def rank_suspicious(images: Iterable[ImageStatistics]) -> list[ImageStatistics]:
    """Sort images, the one to look at first in front.

    Images whose seeds contradict their tags come first, those with the most contradictions (missing
    tags and untagged classes) in front; all others follow by their quality, the lowest first. Those
    that are corrected by hand come last.

    Args:
        images (Iterable[ImageStatistics]): In any order; equal ones are sorted by id.
    """

    def key(image: ImageStatistics) -> tuple[bool, int, float, str]:
        contradictions = len(image.missing or ()) + len(image.untagged or ())
        return image.corrected, -contradictions, image.quality, image.image_id

    return sorted(images, key=key)


def _labels(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(label) for label in np.unique(mask) if label != IGNORE_INDEX)


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
