"""The scores of an evaluation as plain data: what ``evaluation.json`` holds.

All shares are fractions from 0 to 1; a share without pixels is None. Every table, page and study
reads these keys. ``evaluation.schema.json`` beside this file is their JSON schema.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .background_curve import BackgroundCurve
from .image_statistics import ImageStatistics, rank_suspicious
from .scores import SeedScore, mean_of_classes
from .seed_evaluation import SeedEvaluation

if TYPE_CHECKING:
    from .seed_root_evaluation import SeedRootEvaluation

SCHEMA_VERSION = 1


def evaluation_data(result: SeedRootEvaluation) -> dict[str, Any]:
    """Give the scores of a seed root under stable keys.

    Args:
        result (SeedRootEvaluation): The evaluation of at least one image.

    Returns:
        dict[str, Any]: JSON values. Always there: ``schema_version``, ``head`` (what was evaluated
        and how), ``agreement.pixels`` (pixels by the number of seeds that agree, 0 to S), ``masks``
        (by name: the seeds, where they are kept, and ``aggregated``; with ground truth also the
        union and the intersection of the seeds), ``images`` (those to look at first in front).
        With ground truth: ``thresholds`` (by the least number of votes of a clean pixel) and
        ``calibration``. With seeds: ``pairs``. Where asked for: ``subsets``, best mIoU first. With
        tags: ``tags``.
    """
    evaluation = result.evaluation
    setting = evaluation.setting
    data: dict[str, Any] = dict(
        schema_version=SCHEMA_VERSION,
        head=dict(
            result.head,
            images=len(evaluation.images),
            missing=list(result.missing),
            pixels=int(evaluation.counts['votes'].sum()),
            trimap_width=setting.trimap_width,
        ),
        agreement=dict(pixels=evaluation.counts['votes'].tolist()),
        masks=_masks(evaluation),
        images=[_image(one, setting.classes) for one in rank_suspicious(evaluation.images)],
    )
    if evaluation.with_truth:
        data['thresholds'] = _thresholds(evaluation)
        calibration = evaluation.calibration
        data['calibration'] = dict(
            accuracy=_shares(calibration.accuracy),
            share=_shares(calibration.share),
            error=_share(calibration.error),
            accuracy_by_class={
                name: _shares(values)
                for name, values in zip(setting.classes, calibration.accuracy_by_class, strict=True)
            },
        )
    if 'differ' in evaluation.counts:
        pairs = evaluation.pairs
        data['pairs'] = dict(disagreement=[_shares(row) for row in pairs.disagreement])
        if pairs.rescued is not None:
            data['pairs']['complement'] = [_shares(row) for row in pairs.complement]
    if 'hits' in evaluation.counts:
        study = evaluation.subsets
        data['subsets'] = [
            dict(
                seeds=[setting.seed_names[seed] for seed in study.subsets[number]],
                miou=_share(study.miou[number]),
                pixel_accuracy=_share(study.accuracy[number]),
            )
            for number in study.ranking()
        ]
    if 'tag_errors' in evaluation.counts:
        data['tags'] = dict(
            images_lacking_a_tag=sum(bool(image.missing) for image in evaluation.images),
            images_with_an_untagged_class=sum(bool(image.untagged) for image in evaluation.images),
        )
    return data


def score_data(score: SeedScore, classes: Iterable[str]) -> dict[str, Any]:
    """Give the scores of one set of masks.

    Args:
        score (SeedScore): The scores.
        classes (Iterable[str]): Names of the K classes.

    Returns:
        dict[str, Any]: ``miou``, ``classes_scored`` (over how many classes it is the mean),
        ``pixel_accuracy``, ``coverage``, the means over the classes ``precision``, ``recall``,
        ``false_positive``, ``false_negative``, and ``classes`` with the same by class name.
    """
    columns = dict(
        iou=score.iou,
        precision=score.precision,
        recall=score.recall,
        false_positive=score.false_positive_rate,
        false_negative=score.false_negative_rate,
    )
    data: dict[str, Any] = dict(
        miou=_share(score.miou),
        classes_scored=int(np.isfinite(score.iou).sum()),
        pixel_accuracy=_share(score.accuracy),
        coverage=_share(score.coverage),
    )
    data |= {
        key: _share(mean_of_classes(values)) for key, values in columns.items() if key != 'iou'
    }
    data['classes'] = {
        name: {key: _share(values[label]) for key, values in columns.items()}
        for label, name in enumerate(classes)
    }
    return data


def background_data(
    curves: Mapping[str, BackgroundCurve], classes: list[str], head: Mapping[str, Any]
) -> dict[str, Any]:
    """Give the scores of activation maps by background threshold: ``background_curve.json``.

    Args:
        curves (Mapping[str, BackgroundCurve]): By name of the seed, each with at least one pixel.
        classes (list[str]): Names of the K classes.
        head (Mapping[str, Any]): What was evaluated, with ``current``: the threshold in use, a
            multiple of 0.01, or None.

    Returns:
        dict[str, Any]: ``schema_version``, ``head``, ``thresholds`` (99) and ``seeds``: by name
        ``miou`` at each threshold, ``best`` (threshold and scores) and, where there is a threshold
        in use, ``miou_at_current``.
    """
    thresholds = next(iter(curves.values())).thresholds
    current = head.get('current')
    seeds = {}
    for name, curve in curves.items():
        scores = curve.scores
        miou = [_share(score.miou) for score in scores]
        best = dict(threshold=float(thresholds[curve.best]))
        seeds[name] = dict(miou=miou, best=best | score_data(scores[curve.best], classes))
        if current is not None:
            seeds[name]['miou_at_current'] = miou[round(100 * current) - 1]
    return dict(
        schema_version=SCHEMA_VERSION,
        head=dict(head, classes=list(classes)),
        thresholds=thresholds.tolist(),
        seeds=seeds,
    )


def _masks(evaluation: SeedEvaluation) -> dict[str, Any]:
    classes = evaluation.setting.classes
    masks: dict[str, dict] = {name: {} for name in evaluation.setting.mask_names}
    if evaluation.with_truth:
        masks |= {name: score_data(score, classes) for name, score in evaluation.scores.items()}
        for name, score in evaluation.band_scores.items():
            masks[name]['trimap_miou'] = _share(score.miou)
            for one, iou in zip(classes, score.iou, strict=True):
                masks[name]['classes'][one]['trimap_iou'] = _share(iou)
    errors = evaluation.counts.get('tag_errors')
    for number, name in enumerate(evaluation.setting.mask_names):
        # The last entry counts pixels without a label (255).
        masks[name]['pixels'] = evaluation.counts['balance'][number].tolist()
        if errors is not None:
            masks[name]['images_lacking_a_tag'] = int(errors[number, 0])
            masks[name]['images_with_an_untagged_class'] = int(errors[number, 1])
    return masks


def _thresholds(evaluation: SeedEvaluation) -> dict[str, Any]:
    found = {}
    for threshold in range(1, evaluation.setting.num_seeds + 1):
        split = evaluation.calibration.score.split(threshold)
        clean = split['right_clean'] + split['wrong_clean']
        found[str(threshold)] = dict(
            split,
            noisy=split['right_noisy'] + split['wrong_noisy'],
            clean_accuracy=split['right_clean'] / clean if clean else None,
        )
    return found


def _image(image: ImageStatistics, classes: tuple[str, ...]) -> dict[str, Any]:
    def names(labels: tuple[int, ...] | None) -> list[str] | None:
        return None if labels is None else [classes[label] for label in labels]

    return dict(
        id=image.image_id,
        quality=image.quality,
        unanimous=image.unanimous,
        coverage=image.coverage,
        classes=names(image.classes),
        missing_tags=names(image.missing),
        untagged_classes=names(image.untagged),
        pixel_accuracy=image.accuracy,
        corrected=image.corrected,
    )


def _share(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _shares(values: np.ndarray) -> list[float | None]:
    return [_share(value) for value in values]
