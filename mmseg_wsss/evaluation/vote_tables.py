"""The tables of an evaluation of seeds that need no ground truth."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .image_statistics import rank_suspicious
from .seed_evaluation import SeedEvaluation
from .table import Table


def vote_tables(evaluation: SeedEvaluation, num_suspicious: int = 20) -> list[Table]:
    """Make the tables of what votes and tags tell.

    Args:
        evaluation (SeedEvaluation): At least one image.
        num_suspicious (int): How many of the most suspicious images are listed; 0 for no such
            table.

    Returns:
        list[Table]: Agreement and class balance; where there are seeds, how they differ; where
        there are tags, what contradicts them; the images to look at first.
    """
    tables = [_agreement(evaluation), _balance(evaluation)]
    if 'differ' in evaluation.counts:
        tables.append(_disagreement(evaluation))
    if 'tag_errors' in evaluation.counts:
        tables.append(_tag_errors(evaluation))
    if num_suspicious:
        tables.append(_suspicious(evaluation, num_suspicious))
    return tables


def _agreement(evaluation: SeedEvaluation) -> Table:
    votes = evaluation.counts['votes']
    total = int(votes.sum())
    rows = [
        [number, *percent([votes[number] / total, votes[number:].sum() / total])]
        for number in range(len(votes))
    ]
    return Table(
        'Agreement, in percent of the pixels',
        ['seeds that agree', 'pixels', 'so many or more'],
        rows,
        'Needs no ground truth. All pixels count. 0: no seed votes, the aggregate is 255.',
        decimals=4,
        bar=1,
    )


def _balance(evaluation: SeedEvaluation) -> Table:
    pixels = evaluation.counts['balance'].astype(np.float64)
    share = pixels / pixels.sum(axis=1, keepdims=True)
    names = [*evaluation.setting.classes, '255 (no vote)']
    images = np.zeros(len(names), int)
    for image in evaluation.images:
        images[list(image.classes)] += 1
    images[-1] = sum(image.coverage < 1 for image in evaluation.images)
    rows = [
        [name, int(images[label]), *percent(share[:, label])] for label, name in enumerate(names)
    ]
    return Table(
        'Class balance, in percent of the pixels',
        ['class', 'images (aggregate)', *evaluation.setting.mask_names],
        rows,
        'Needs no ground truth.',
    )


def _tag_errors(evaluation: SeedEvaluation) -> Table:
    names = evaluation.setting.mask_names
    rows = [
        [name, *map(int, errors)]
        for name, errors in zip(names, evaluation.counts['tag_errors'], strict=True)
    ]
    lacking = sum(bool(image.missing) for image in evaluation.images)
    untagged = sum(bool(image.untagged) for image in evaluation.images)
    return Table(
        'Masks against the tags, in images',
        ['mask', 'lacks a tag', 'has an untagged class'],
        [*rows, ['all of them', lacking, untagged]],
        'Needs no ground truth. All of them: a tag is in none of the masks, a class without a tag '
        'in at least one.',
    )


def _suspicious(evaluation: SeedEvaluation, number: int) -> Table:
    classes = evaluation.setting.classes
    rows = [
        [
            image.image_id,
            image.quality,
            *percent([image.unanimous, image.coverage]),
            _names(image.missing, classes),
            _names(image.untagged, classes),
            *([percent([image.accuracy])[0]] if evaluation.with_truth else []),
        ]
        for image in rank_suspicious(evaluation.images)[:number]
    ]
    truth = ['pixels right (%)'] if evaluation.with_truth else []
    return Table(
        'Images to look at first',
        ['image', 'quality', 'unanimous (%)', 'coverage (%)', 'missing tags', 'untagged classes']
        + truth,
        rows,
        'Ranked without ground truth: contradictions with the tags first, then the lowest quality, '
        'the soft minimum over the pixels of the share of seeds that agree.',
        decimals=3,
    )


def _names(labels: tuple[int, ...] | None, classes: tuple[str, ...]) -> str | None:
    return None if labels is None else ', '.join(classes[label] for label in labels)


def percent(values: Iterable[float | None]) -> list[float]:
    """Turn shares into percentages, None into NaN."""
    return [float('nan') if value is None else 100 * float(value) for value in values]


def seed_matrix(evaluation: SeedEvaluation, title: str, values: np.ndarray, note: str) -> Table:
    """Make a table of shares for every pair of seeds, float64 (S, S) in [0, 1]."""
    names = evaluation.setting.seed_names
    rows = [[name, *percent(row)] for name, row in zip(names, values, strict=True)]
    return Table(title, ['seed', *names], rows, note)


def _disagreement(evaluation: SeedEvaluation) -> Table:
    return seed_matrix(
        evaluation,
        'Pixels at which two seeds differ, in percent',
        evaluation.pairs.disagreement,
        'No vote (255) counts as a label here.',
    )
