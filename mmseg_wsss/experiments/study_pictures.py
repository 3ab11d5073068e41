"""Pictures of a study: the labels of some training images, predictions on validation images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmseg_wsss.datasets.splits import read_split
from mmseg_wsss.evaluation import TruthFolder
from mmseg_wsss.seeds import AGGREGATED_FOLDER, SeedManifest, SeedStore, read_mask
from mmseg_wsss.utils.atomic import write_atomic
from mmseg_wsss.utils.image import read_image
from mmseg_wsss.visualization import (
    FigureRow,
    html_heading,
    html_key,
    html_page,
    html_paragraph,
    html_rows,
    prediction_figures,
    seed_figures,
)

from .results import Results
from .study_data import spread
from .variants import HYBRID

GROUP = 'training'
NUM_IMAGES = 12


def write_pictures(folder: Path, images: Path, truth: TruthFolder) -> Path | None:
    """Write ``pictures.html`` from the masks of the first random seed.

    Args:
        folder (Path): Of the study.
        images (Path): Has ``<image id>.jpg``.
        truth (TruthFolder): True masks, only shown.

    Returns:
        Path: The page; None while the hybrid network of the first random seed is not tested, and
        where its masks or those that it was trained on are gone. Rows without masks are left out.
    """
    results = Results(folder)
    tests = {
        variant['name']: variant['records'][0]
        for variant in results.group(GROUP)['variants']
        if variant['records'][0] in results.records
        and (folder / 'steps' / variant['records'][0] / 'masks').is_dir()
    }
    if HYBRID not in tests:
        return None
    network = results.records[results.records[tests[HYBRID]]['inputs']['network']]
    vote = results.records[network['inputs']['labels']]
    store = SeedStore(folder / 'steps' / vote['name'] / 'seeds')
    manifest = SeedManifest.load(store.manifest_path)
    voters = {
        name: folder / 'steps' / vote['inputs'][role] / place
        for role, place, name in vote['settings']['voters']
    }
    if not all(place.exists() for place in (store.manifest_path, *voters.values())):
        return None
    labels = []
    for image_id in _ids(folder, 'train'):
        aggregate = read_mask(store.mask_path(AGGREGATED_FOLDER, image_id))
        agreement = store.read_agreement(image_id, len(voters))
        shown = truth.read(image_id, aggregate.shape, manifest.classes)
        image = read_image(str(images / f'{image_id}.jpg'))
        seeds = {name: read_mask(place / f'{image_id}.png') for name, place in voters.items()}
        figures = seed_figures(image, {}, seeds, aggregate, agreement, shown, manifest.palette)
        unanimous = float((agreement == len(voters)).mean())
        labels.append(FigureRow(image_id, figures[1:], _names(shown, manifest), unanimous))
    predictions = []
    for image_id in _ids(folder, 'val'):
        masks = {
            name: read_mask(folder / 'steps' / test / 'masks' / f'{image_id}.png')
            for name, test in tests.items()
        }
        shown = truth.read(image_id, masks[HYBRID].shape, manifest.classes)
        image = read_image(str(images / f'{image_id}.jpg'))
        figures = prediction_figures(image, masks, shown, manifest.palette)
        predictions.append(FigureRow(image_id, figures, _names(shown, manifest)))
    page = folder / 'pictures.html'
    write_atomic(page, _page(manifest, labels, predictions).encode())
    return page


def _ids(folder: Path, split: str) -> list[str]:
    return spread(read_split(folder / 'lists' / f'{split}.txt'), NUM_IMAGES)


def _names(truth: np.ndarray, manifest: SeedManifest) -> list[str]:
    """Classes of the foreground in a mask."""
    return [manifest.classes[label] for label in np.unique(truth) if label not in (0, 255)]


def _page(
    manifest: SeedManifest, labels: Sequence[FigureRow], predictions: Sequence[FigureRow]
) -> str:
    sections = [
        html_key(manifest.classes, manifest.palette),
        html_heading('Labels of training images'),
        html_paragraph('The seeds, their vote and its agreement; the truth is only shown.'),
        html_rows(labels, manifest.classes),
        html_heading('Predictions on validation images'),
        html_paragraph('Networks of the first random seed, by what they were trained on.'),
        html_rows(predictions, manifest.classes),
    ]
    return html_page('Pictures of the study', sections)
