"""All that is counted of seeds, image by image, and the scores that follow from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..seeds import IGNORE_INDEX
from ..store import AGGREGATED_FOLDER
from .agreement import Calibration, count_agreement
from .image_statistics import ImageStatistics, image_statistics
from .scores import SeedScore, boundary_band, confusion_matrix
from .seed_pairs import SeedPairs, compare_seeds, intersection_of_seeds, union_of_seeds
from .subsets import LabelPatterns, SubsetStudy, all_subsets, count_patterns, study_subsets

UNION, INTERSECTION = 'union (oracle)', 'intersection'


@dataclass(frozen=True)
class EvaluationSetting:
    """What is evaluated, and how.

    Attributes:
        classes (tuple[str, ...]): K class names, background first.
        num_seeds (int): S, the seeds that voted.
        seed_names (tuple[str, ...]): Names of the seeds whose masks there are: all or none.
        tie (str): See :func:`~mmseg_wsss.seeds.aggregate_seeds`.
        seed_order (tuple[int, ...] | None): Indices of the seeds, for ``tie='seed_order'``.
        subsets (bool): Whether every subset of the seeds is aggregated and scored.
        trimap_width (int): Width of the band along the outlines of the truth, in pixels.
    """

    classes: tuple[str, ...]
    num_seeds: int
    seed_names: tuple[str, ...]
    tie: str = 'lowest'
    seed_order: tuple[int, ...] | None = None
    subsets: bool = False
    trimap_width: int = 5

    @property
    def mask_names(self) -> tuple[str, ...]:
        """Names of the masks of an image: its seeds and its aggregate."""
        return (*self.seed_names, AGGREGATED_FOLDER)


Counts = dict[str, np.ndarray]


def count_image(
    image_id: str,
    masks: np.ndarray,
    agreement: np.ndarray,
    truth: np.ndarray | None,
    tags: Iterable[int] | None,
    setting: EvaluationSetting,
) -> tuple[Counts, ImageStatistics]:
    """Count all that is to be known of one image.

    Args:
        image_id (str): The image's id.
        masks (np.ndarray): uint8 (M, H, W), its seeds, if there are any, and its aggregate, as
            ``setting.mask_names`` lists them; labels below K or 255.
        agreement (np.ndarray): uint8 (H, W), 0 to S.
        truth (np.ndarray, optional): uint8 (H, W), labels below K or 255.
        tags (Iterable[int], optional): Labels of the image's tags.
        setting (EvaluationSetting): What is evaluated.

    Returns:
        tuple[Counts, ImageStatistics]: Integer arrays by name, to be added over images, and the
        image's statistics.

    Raises:
        ValueError: If shapes differ or a label is out of range.
    """
    num_classes = len(setting.classes)
    outside = masks[(masks >= num_classes) & (masks != IGNORE_INDEX)]
    if outside.size:
        raise ValueError(f'a mask has label {outside.max()}, expected 0 to {num_classes - 1}')
    if agreement.size and agreement.max() > setting.num_seeds:
        raise ValueError(f'an agreement of {agreement.max()}, expected 0 to {setting.num_seeds}')
    tags = None if tags is None else frozenset(tags)
    maps = [*masks, agreement]
    if truth is not None:
        maps += [truth, boundary_band(truth, setting.trimap_width).astype(np.uint8)]
    patterns = count_patterns(maps)
    number = len(masks)
    labels, votes = patterns.labels[:number], patterns.labels[number]
    seeds = labels[:-1] if setting.seed_names else None
    counts = {
        'votes': _histogram(votes, setting.num_seeds + 1, patterns.counts),
        'balance': np.stack(
            [
                _histogram(np.minimum(row, num_classes), num_classes + 1, patterns.counts)
                for row in labels
            ]
        ),
        'images': np.ones(1, np.int64),
    }
    if seeds is not None:
        counts['differ'] = compare_seeds(seeds, weights=patterns.counts).differ
    if tags is not None:
        counts['tag_errors'] = np.stack([_tag_errors(row, tags) for row in labels])
    accuracy = None
    if truth is not None:
        scored = _count_with_truth(patterns, number, setting)
        counts.update(scored)
        given = SeedScore(scored['matrices'][number - 1])
        accuracy = given.accuracy if given.matrix.any() else None
    statistics = image_statistics(image_id, counts['votes'], labels[-1], seeds, tags, accuracy)
    return counts, statistics


def _count_with_truth(patterns: LabelPatterns, number: int, setting: EvaluationSetting) -> Counts:
    """Count what needs the truth; the rows are the masks, the agreement, the truth, the band."""
    patterns = patterns.select(patterns.labels[number + 1] != IGNORE_INDEX)
    weights, masks = patterns.counts, list(patterns.labels[:number])
    votes, truth, band = patterns.labels[number:]
    num_classes = len(setting.classes)
    seeds = patterns.labels[: number - 1]
    if setting.seed_names:
        masks += [union_of_seeds(seeds, truth, masks[-1]), intersection_of_seeds(seeds)]
    counts = {
        'matrices': _matrices(masks, truth, num_classes, weights),
        'band': _matrices(masks, truth, num_classes, weights * band),
        'calibration': count_agreement(
            truth, masks[number - 1], votes, num_classes, setting.num_seeds, weights
        ).counts,
    }
    if setting.seed_names:
        counts['rescued'] = compare_seeds(seeds, truth, weights).rescued
    if setting.subsets:
        study = study_subsets(seeds, truth, num_classes, setting.tie, setting.seed_order, weights)
        counts.update(hits=study.hits, given=study.given, true=study.true)
    return counts


class SeedEvaluation:
    """The sum over all images, and the scores of it.

    Args:
        setting (EvaluationSetting): What is evaluated.
    """

    def __init__(self, setting: EvaluationSetting) -> None:
        self.setting = setting
        self.counts: Counts = {}
        self._images: list[ImageStatistics] = []

    def add(self, counts: Counts, statistics: ImageStatistics) -> None:
        """Add an image; the order of the images does not matter."""
        for name, values in counts.items():
            if name in self.counts:
                self.counts[name] += values
            else:
                self.counts[name] = values.copy()
        self._images.append(statistics)

    @property
    def images(self) -> list[ImageStatistics]:
        """The statistics of all images, sorted by id."""
        return sorted(self._images, key=lambda image: image.image_id)

    @property
    def with_truth(self) -> bool:
        """Whether the images have a truth."""
        return 'matrices' in self.counts

    @property
    def scores(self) -> dict[str, SeedScore]:
        """Scores of the seeds, the aggregate and, where there are seeds, their union and
        intersection."""
        return self._scores('matrices')

    @property
    def band_scores(self) -> dict[str, SeedScore]:
        """The same near the outlines of the truth (trimap)."""
        return self._scores('band')

    @property
    def calibration(self) -> Calibration:
        """Right and wrong labels of the aggregate by agreement."""
        return Calibration(self.counts['calibration'])

    @property
    def pairs(self) -> SeedPairs:
        """The seeds compared with each other."""
        scored = int(self.counts['calibration'].sum()) if self.with_truth else 0
        pixels = int(self.counts['votes'].sum())
        return SeedPairs(self.counts['differ'], self.counts.get('rescued'), pixels, scored)

    @property
    def subsets(self) -> SubsetStudy:
        """The subsets of the seeds."""
        names = ('hits', 'given', 'true')
        return SubsetStudy(
            all_subsets(self.setting.num_seeds), *(self.counts[name] for name in names)
        )

    def _scores(self, name: str) -> dict[str, SeedScore]:
        names = list(self.setting.mask_names)
        if self.setting.seed_names:
            names += [UNION, INTERSECTION]
        return dict(zip(names, map(SeedScore, self.counts[name]), strict=True))


def _matrices(
    masks: list[np.ndarray], truth: np.ndarray, num_classes: int, weights: np.ndarray
) -> np.ndarray:
    return np.stack([confusion_matrix(truth, mask, num_classes, weights) for mask in masks])


def _histogram(values: np.ndarray, size: int, weights: np.ndarray) -> np.ndarray:
    return np.bincount(values, weights, size).astype(np.int64)


def _tag_errors(mask: np.ndarray, tags: frozenset[int]) -> np.ndarray:
    """Whether a tag is not represented, and whether a class is no tag: int64 (2,) of 0 and 1."""
    found = set(np.unique(mask).tolist()) - {0, IGNORE_INDEX}
    return np.array([bool(tags - found), bool(found - tags)], np.int64)
