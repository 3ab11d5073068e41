"""The report that lies beside freshly made seeds."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from mmseg_wsss.evaluation import evaluate_seed_root, evaluation_tables
from mmseg_wsss.seeds import SeedStore
from mmseg_wsss.utils.atomic import write_atomic
from mmseg_wsss.utils.image import read_image
from mmseg_wsss.visualization import review_rows, seed_report

from .seed_image import SeedImage

PAGE_NAME = 'report.html'
# Enough to see what is wrong, few enough for a page of a few megabytes.
NUM_PICTURES = 24


def write_seed_root_page(
    root: str | os.PathLike, images: Sequence[SeedImage], jobs: int = 1
) -> Path | None:
    """Write ``<seed root>/report.html``: what votes and tags tell, and pictures.

    No ground truth is read. Seeds are worth hours, a page is not: whatever fails here is logged and
    the seeds are left as they are.

    Args:
        root (str | os.PathLike): A whole seed root.
        images (Sequence[SeedImage]): Its images.
        jobs (int): Number of processes.

    Returns:
        Path | None: The page; None if it could not be written.
    """
    page = Path(root) / PAGE_NAME
    try:
        write_atomic(page, _page(Path(root), images, jobs).encode())
    except Exception as error:
        print_log(
            f'{page} could not be written ({type(error).__name__}: {error}); the seeds are whole. '
            'tools/evaluate_seeds.py makes a page of them.',
            'current',
            level=logging.WARNING,
        )
        with suppress(OSError):
            page.unlink(missing_ok=True)  # an older one would show other seeds
        return None
    print_log(f'Look at the seeds: {page}', 'current')
    return page


def _page(root: Path, images: Sequence[SeedImage], jobs: int) -> str:
    by_id = {image.image_id: image for image in images}
    tags = {image_id: image.tags for image_id, image in by_id.items()}
    result = evaluate_seed_root(root, list(by_id), tags=tags, jobs=jobs)

    def photograph(image_id: str) -> np.ndarray:
        return read_image(by_id[image_id].path)

    return seed_report(
        'Seeds',
        [f'Seed root: {root}', *result.head],
        evaluation_tables(result.evaluation),
        review_rows(SeedStore(root), result, NUM_PICTURES, photograph),
        result.manifest.classes,
        result.manifest.palette,
        with_truth=False,
    )
