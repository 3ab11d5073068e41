"""Reads what the command of a step has measured from the files it left."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from mmseg_wsss.datasets.splits import read_split
from mmseg_wsss.evaluation import TruthFolder, score_masks
from mmseg_wsss.seeds import AGGREGATED_FOLDER, read_mask

SCORES = 'Scores of the seeds and of the aggregate'
THRESHOLDS = 'Right and wrong, clean and noisy by agreement threshold'
BEST = 'Best subset of each size'
NO_SEEDS = (AGGREGATED_FOLDER, 'union (oracle)', 'intersection')
# mmseg rounds its scores to two decimals.
ROUNDING = 0.0051


def judge_metrics(path: Path) -> dict[str, float]:
    """Read an evaluation of seeds.

    Args:
        path (Path): ``evaluation.json`` of ``tools/evaluate_seeds.py``.

    Returns:
        dict[str, float]: In percent: ``<mask>/miou`` and ``/accuracy`` of each seed, the aggregate
        and the oracles, ``singles/...`` the mean over the seeds, ``threshold/<t>/<share>``,
        ``best/<size>/...`` of the best subset of a size.

    Raises:
        ValueError: If the file has no such tables.
    """
    tables = json.loads(path.read_text(encoding='utf-8'))['tables']
    found: dict[str, float] = {}
    seeds = []
    for row in _rows(tables, SCORES, path):
        name = row['mask']
        if name not in NO_SEEDS:
            seeds.append(name)
        found |= {f'{name}/miou': row['mIoU'], f'{name}/accuracy': row['pixels right']}
    for kind in ('miou', 'accuracy') if seeds else ():
        found[f'singles/{kind}'] = fmean(found[f'{name}/{kind}'] for name in seeds)
    for row in _rows(tables, THRESHOLDS, path):
        shares = {key: value for key, value in row.items() if key != 'threshold'}
        found |= {f'threshold/{row["threshold"]}/{key}': value for key, value in shares.items()}
    if any(table['title'].startswith(BEST) for table in tables):
        for row in _rows(tables, BEST, path):
            size = row['number']
            found |= {
                f'best/{size}/miou': row['mIoU'],
                f'best/{size}/accuracy': row['pixels right'],
            }
    return {key: value for key, value in found.items() if value is not None}


def _rows(tables: Sequence[dict], title: str, path: Path) -> list[dict]:
    for table in tables:
        if table['title'].startswith(title):
            return [dict(zip(table['header'], row, strict=True)) for row in table['rows']]
    raise ValueError(f'{path}: there is no table {title!r}')


def network_metrics(
    folder: Path, ids: Sequence[str], truth: TruthFolder, classes: Sequence[str]
) -> dict[str, float]:
    """Read a test, and check its score against the masks it left.

    Args:
        folder (Path): Work dir of ``tools/test.py``, with the masks in ``masks``.
        ids (Sequence[str]): The tested images.
        truth (TruthFolder): Their true masks.
        classes (Sequence[str]): Class names, background first.

    Returns:
        dict[str, float]: In percent: mmseg's ``mIoU``, ``aAcc`` and ``mAcc`` of the last test, and
        ``classes/<name>``, the IoU of each class.

    Raises:
        FileNotFoundError: If there is no score or a mask is missing.
        ValueError: If masks and score do not belong together.
    """
    files = sorted(path for path in folder.glob('*/*.json') if path.stem == path.parent.name)
    if not files:
        raise FileNotFoundError(f'{folder}: the test left no scores')
    found = json.loads(files[-1].read_text())
    metrics = {key: float(found[key]) for key in ('mIoU', 'aAcc', 'mAcc')}

    def pairs():
        for image_id in ids:
            mask = read_mask(folder / 'masks' / f'{image_id}.png')
            yield truth.read(image_id, mask.shape, classes), mask

    score = score_masks(pairs(), len(classes))
    if not math.isclose(100 * score.miou, metrics['mIoU'], abs_tol=ROUNDING):
        raise ValueError(
            f'{folder}: the masks have {100 * score.miou:.2f} mIoU, the test says '
            f'{metrics["mIoU"]:.2f}'
        )
    for name, value in zip(classes, score.iou, strict=True):
        if not math.isnan(value):
            metrics[f'classes/{name}'] = 100 * float(value)
    return metrics


def training_metrics(folder: Path) -> dict[str, float]:
    """Read the log of a training.

    Args:
        folder (Path): Work dir of ``tools/train.py``.

    Returns:
        dict[str, float]: The figures of its last validation, if it had any, else those of its last
        logged iteration.

    Raises:
        FileNotFoundError: If there is no log.
    """
    lines = []
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        lines += [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    if not lines:
        # A training of few iterations logs nothing; that it ended is told by its weights.
        return {}
    # A line of a validation has no loss.
    scores = [line for line in lines if 'loss' not in line]
    last = (scores or lines)[-1]
    return {
        key: float(value)
        for key, value in last.items()
        if isinstance(value, (int, float)) and math.isfinite(value)
    }


def split_ids(lists: Path, split: str) -> list[str]:
    """Read the ids of a split of the study."""
    return read_split(lists / f'{split}.txt')
