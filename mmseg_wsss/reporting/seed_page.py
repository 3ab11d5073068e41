"""The pages of seeds: of an evaluation, of a background curve, and beside freshly made seeds."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from ..evaluation import evaluate_seed_root
from ..evaluation.image_statistics import ImageStatistics, choose_images
from ..evaluation.scores import GroundTruthFolder
from ..evaluation.seed_root_evaluation import SeedRootEvaluation
from ..generation.images import SeedImage
from ..store import AGGREGATED_FOLDER, SeedStore, read_mask
from ..utils.atomic import write_atomic
from ..utils.image import read_image, resize_image
from .figures import review_figures
from .page import Block, FigureRow, Key, Page, Plots, Rows, Section, thumbnail_size
from .pictures import CONFUSION_COLORS, IGNORE_COLOR
from .plots import (
    agreement_plot,
    background_fit_plot,
    calibration_plot,
    class_plot,
    threshold_plot,
)
from .tables import background_tables, evaluation_head, evaluation_tables

PICTURES_TITLE = 'Pictures'
PAGE_NAME = 'report.html'
# Enough to see what is wrong, few enough for a page of a few megabytes.
NUM_PICTURES = 24


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
        truth (GroundTruthFolder, optional): The ground truth.

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
        marks = ['corrected by hand'] * one.corrected
        note = '; '.join(
            [f'quality {one.quality:.3f}', *_contradictions(one, classes), *marks, reason]
        )
        rows.append(FigureRow(image_id, figures, shown, one.unanimous, note))
    return rows


def _contradictions(one: ImageStatistics, classes: Sequence[str]) -> list[str]:
    found = (('missing tags', one.missing), ('untagged classes', one.untagged))
    return [
        f'{what}: {", ".join(classes[label] for label in labels)}'
        for what, labels in found
        if labels
    ]


def evaluation_page(title: str, data: Mapping[str, Any], rows: Sequence[FigureRow]) -> str:
    """Make the page of an evaluation: figures, plots, pictures, tables.

    Args:
        title (str): Its title.
        data (Mapping): See :func:`~mmseg_wsss.evaluation.evaluation_data`.
        rows (Sequence[FigureRow]): The pictures of each image; may be empty.

    Returns:
        str: A whole HTML document that loads nothing.
    """
    head = data['head']
    with_truth = 'thresholds' in data
    pixels = data['agreement']['pixels']
    figures = [(f'images, {len(head["seeds"])} seeds each', f'{head["images"]:,}')]
    plots = [agreement_plot(data)]
    if with_truth:
        scores = data['masks'][AGGREGATED_FOLDER]
        figures += [
            ('mIoU of the aggregate', _percent(scores['miou'])),
            ('pixel accuracy of the aggregate', _percent(scores['pixel_accuracy'])),
        ]
        plots += [calibration_plot(data), class_plot(data)]
    if head['background_fit']:
        plots.append(background_fit_plot(data))
    if head['corrected']:
        figures.append(('images corrected by hand', f'{head["corrected"]:,}'))
    figures.append(('of the pixels unanimous', _percent(pixels[-1] / sum(pixels))))
    if with_truth:
        clean = data['thresholds'][str(len(head['seeds']))]['clean_accuracy']
        figures.append(('accuracy of the unanimous pixels', _percent(clean)))
    if 'tags' in data:
        wrong = data['tags']['images_lacking_a_tag']
        figures.append(('images whose masks lack a tag', f'{wrong:,}'))
    sections = [Section('Plots', [Plots(plots)])]
    if rows:
        sections.append(Section(PICTURES_TITLE, _pictures(head, rows, with_truth)))
    sections += [Section(table.title, [table]) for table in evaluation_tables(data)]
    missing = [f'Left out: {line}' for line in head['missing']]
    return Page(
        title,
        sections,
        figures=figures,
        details=[*evaluation_head(data), *missing],
        colors=dict(zip(head['classes'], head['palette'], strict=True)),
    ).html()


def background_page(data: Mapping[str, Any], head: Sequence[str]) -> str:
    """Make the page of a background curve.

    Args:
        data (Mapping): See :func:`~mmseg_wsss.evaluation.background_data`.
        head (Sequence[str]): What was evaluated and how, a paragraph each.
    """
    sections = [Section('Curve', [Plots([threshold_plot(data)])])]
    sections += [Section(table.title, [table]) for table in background_tables(data)]
    return Page('Background threshold', sections, lead=head).html()


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

    rows = review_rows(SeedStore(root), result, NUM_PICTURES, photograph)
    return evaluation_page('Seeds', result.to_dict(), rows)


def _pictures(head: Mapping[str, Any], rows: Sequence[FigureRow], with_truth: bool) -> list[Block]:
    colors = [*head['palette'], IGNORE_COLOR]
    keys = [Key(list(zip([*head['classes'], '255 (no vote)'], colors, strict=True)))]
    if with_truth:
        keys.append(Key(list(CONFUSION_COLORS.items())))
    return [
        *keys,
        'Agreement: white where all seeds agree, the darker red the fewer do.',
        Rows(rows, head['classes']),
    ]


def _percent(share: float | None) -> str:
    return '–' if share is None else f'{100 * share:.1f} %'
