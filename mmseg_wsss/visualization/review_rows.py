"""The pictures of a seed root that its report shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mmseg_wsss.evaluation.image_choice import choose_images
from mmseg_wsss.evaluation.image_statistics import ImageStatistics
from mmseg_wsss.evaluation.seed_root_evaluation import SeedRootEvaluation
from mmseg_wsss.evaluation.truth_folder import TruthFolder
from mmseg_wsss.seeds import SeedStore, read_mask
from mmseg_wsss.utils.image import resize_image

from .figure_row import FigureRow
from .gallery import thumbnail_size
from .review_figures import review_figures


def review_rows(
    store: SeedStore,
    result: SeedRootEvaluation,
    number: int,
    photograph: Callable[[str], np.ndarray] | None = None,
    truth: TruthFolder | None = None,
) -> list[FigureRow]:
    """Draw the images to look at first, and a sample of the others.

    Args:
        store (SeedStore): The seed root.
        result (SeedRootEvaluation): Its evaluation.
        number (int): Images at most, see :func:`~mmseg_wsss.evaluation.choose_images`.
        photograph (Callable, optional): Gives the photograph of an image id, uint8 (H, W, 3) RGB.
        truth (TruthFolder, optional): The true masks.

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
