"""Evaluation of a seed root, with its files: scores, tables and a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import read_split, read_tags
from ..evaluation import GroundTruthFolder, evaluate_seed_root
from ..reporting.seed_page import evaluation_page, review_rows
from ..reporting.tables import Table, evaluation_head, evaluation_tables
from ..store import MANIFEST_NAME, SeedManifest, SeedStore
from ..utils.atomic import write_atomic
from ..utils.image import read_image

TITLE = 'Evaluation of seeds'


def evaluate_seeds(
    root: str | Path,
    ground_truth: str | Path | None = None,
    ground_truth_classes: str | None = None,
    split: str | Path | None = None,
    tags: str | Path | None = None,
    subsets: bool = False,
    trimap_width: int = 5,
    allow_missing: bool = False,
    out: str | Path | None = None,
    images: str | Path | None = None,
    img_suffix: str = '.jpg',
    pictures: int = 24,
    jobs: int = 1,
) -> dict[str, Any]:
    """Evaluate a seed root and write ``evaluation.json``, ``.md`` and ``.html``.

    Args:
        root (str | Path): The seed root.
        ground_truth (str | Path, optional): Folder of the ground truth, ``<image id>.png``.
        ground_truth_classes (str, optional): Its classes, if others than the seeds':
            ``'voc12'``, ``'coco14'``, a file with one name a line, or names separated by commas.
        split (str | Path, optional): File that lists the images; all of the root without it.
        tags (str | Path, optional): Tags file.
        subsets (bool): Whether to score the vote of every subset of at most eight seeds.
        trimap_width (int): Pixels beside an outline.
        allow_missing (bool): Whether to leave an image out if one of its masks is missing.
        out (str | Path, optional): Folder of the files; none are written without it.
        images (str | Path, optional): Folder of the photographs for the pictures of the page.
        img_suffix (str): Of the photographs.
        pictures (int): Images shown in the page: half those to look at first, half a sample.
        jobs (int): Number of processes; the result does not depend on it.

    Returns:
        dict[str, Any]: The scores, see :func:`~mmseg_wsss.evaluation.evaluation_data`.

    Raises:
        ValueError, FileNotFoundError: As :func:`~mmseg_wsss.evaluation.evaluate_seed_root`, or if
            options contradict each other.
    """
    if ground_truth is None and ground_truth_classes:
        raise ValueError('--gt-classes describes the ground truth of --gt, which is not given')
    if pictures < 0:
        raise ValueError(f'--pictures {pictures}, expected at least 0')
    root = Path(root)
    manifest = SeedManifest.load(root / MANIFEST_NAME)
    truth = None
    if ground_truth is not None:
        truth = GroundTruthFolder.of(Path(ground_truth), ground_truth_classes)
    result = evaluate_seed_root(
        root,
        image_ids=read_split(split) if split else None,
        truth=truth,
        tags=read_tags(tags, manifest.classes) if tags else None,
        subsets=subsets,
        trimap_width=trimap_width,
        allow_missing=allow_missing,
        jobs=jobs,
        split_name=str(split) if split else None,
    )
    data = result.to_dict()
    if out is not None:

        def photograph(image_id: str) -> np.ndarray:
            return read_image(str(Path(images) / f'{image_id}{img_suffix}'))

        rows = review_rows(SeedStore(root), result, pictures, photograph if images else None, truth)
        page = evaluation_page(TITLE, data, rows)
        left_out = [f'Left out: {line}' for line in result.missing]
        head = [*evaluation_head(data), *left_out]
        write_report(Path(out), 'evaluation', TITLE, data, head, evaluation_tables(data), page)
    return data


def write_report(
    out: Path,
    name: str,
    title: str,
    data: dict[str, Any],
    head: Sequence[str],
    tables: Sequence[Table],
    page: str,
) -> None:
    """Write ``<name>.json`` (the data), ``.md`` (head and tables) and ``.html`` (the page)."""
    out.mkdir(parents=True, exist_ok=True)
    content = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + '\n'
    write_atomic(out / f'{name}.json', content.encode())
    lines = [f'# {title}', '', *(f'- {line}' for line in head), '']
    lines += [f'{table.markdown()}\n' for table in tables]
    write_atomic(out / f'{name}.md', '\n'.join(lines).encode())
    write_atomic(out / f'{name}.html', page.encode())
