"""The page of a seed root or of an evaluation of seeds: head, tables, pictures."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from ..evaluation import evaluate_seed_root
from ..evaluation.image_statistics import ImageStatistics, choose_images
from ..evaluation.scores import GroundTruthFolder
from ..evaluation.seed_root_evaluation import SeedRootEvaluation
from ..generation.images import SeedImage
from ..store import SeedStore, read_mask
from ..utils.atomic import write_atomic
from ..utils.image import read_image, resize_image
from .figures import review_figures
from .gallery import FigureRow, html_rows, thumbnail_size
from .page import html_contents, html_heading, html_key, html_page, html_paragraph, html_table
from .pictures import CONFUSION_COLORS, IGNORE_COLOR
from .tables import Table, evaluation_tables


def review_rows(
    store: SeedStore,
    result: SeedRootEvaluation,
    number: int,
    photograph: Callable[[str], np.ndarray] | None = None,
    truth: GroundTruthFolder | None = None,
) -> list[FigureRow]:
    """Draw the images to look at first, and a sample of the others.

    Args:
        store (SeedStore): The seed root.
        result (SeedRootEvaluation): Its evaluation.
        number (int): Images at most, see :func:`~mmseg_wsss.evaluation.choose_images`.
        photograph (Callable, optional): Gives the photograph of an image id, uint8 (H, W, 3) RGB.
        truth (GroundTruthFolder, optional): The true masks.

    Returns:
        list[FigureRow]: One per image.

    Raises:
        FileNotFoundError, ValueError: If a file is missing or damaged, or the photograph has
            another size than the masks; the image is named.
    """
    setting, manifest = result.evaluation.setting, result.manifest
    classes = manifest.classes
    rows = []
    for one, reason in choose_images(result.evaluation.images, number):
        image_id = one.image_id
        agreement = store.read_agreement(image_id, setting.num_seeds)
        shape = agreement.shape
        # Everything is drawn at the size it is shown at: whole pictures could fill the memory.
        size = thumbnail_size(*shape)
        masks = {
            name: resize_image(read_mask(store.mask_path(name, image_id), shape), size, 'nearest')
            for name in setting.mask_names
        }
        agreement = resize_image(agreement, size, 'nearest')
        image = true = None
        if photograph:
            image = photograph(image_id)
            if image.shape[:2] != shape:
                raise ValueError(
                    f'{image_id}: the photograph has {image.shape[:2]} pixels, its masks are '
                    f'{shape}'
                )
            image = resize_image(image, size, 'area')
        if truth:
            true = resize_image(truth.read(image_id, shape, classes), size, 'nearest')
        figures = review_figures(masks, agreement, setting.num_seeds, manifest.palette, image, true)
        shown = [classes[label] for label in one.classes if label]
        note = '; '.join([f'quality {one.quality:.3f}', *_contradictions(one, classes), reason])
        rows.append(FigureRow(image_id, figures, shown, one.unanimous, note))
    return rows


def _contradictions(one: ImageStatistics, classes: Sequence[str]) -> list[str]:
    found = (('missing tags', one.missing), ('untagged classes', one.untagged))
    return [
        f'{what}: {", ".join(classes[label] for label in labels)}'
        for what, labels in found
        if labels
    ]


PICTURES_TITLE = 'Pictures'


def seed_report(
    title: str,
    head: Sequence[str],
    tables: Sequence[Table],
    rows: Sequence[FigureRow],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    plots: Mapping[str, str] | None = None,
    with_truth: bool = True,
) -> str:
    """Make the page.

    Args:
        title (str): Its title.
        head (Sequence[str]): What was scored and how, a paragraph each.
        tables (Sequence[Table]): In their order.
        rows (Sequence[FigureRow]): The pictures of each image; may be empty.
        classes (Sequence[str]): Names of the classes.
        palette (Sequence[Sequence[int]]): Their RGB colours.
        plots (Mapping[str, str], optional): HTML of a plot by the title of the table it belongs to.
        with_truth (bool): Whether the pictures show right and wrong labels.

    Returns:
        str: A whole HTML document that loads nothing.
    """
    titles = [table.title for table in tables] + [PICTURES_TITLE] * bool(rows)
    sections = [*map(html_paragraph, head), html_contents(titles)]
    for table in tables:
        sections += [
            html_heading(table.title),
            html_table(
                table.header, table.rows, table.note, table.bar, table.strong, table.decimals
            ),
            *([plots[table.title]] if plots and table.title in plots else []),
        ]
    if rows:
        sections += [
            html_heading(PICTURES_TITLE),
            html_key([*classes, '255 (no vote)'], [*palette, IGNORE_COLOR]),
            *([_confusion_key()] if with_truth else []),
            html_paragraph('Agreement: white where all seeds agree, the darker red the fewer.'),
            html_rows(rows, classes),
        ]
    return html_page(title, sections)


def _confusion_key() -> str:
    return html_key(list(CONFUSION_COLORS), list(CONFUSION_COLORS.values()))


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
