"""Pictures of the masks of a seed root."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..evaluation import GroundTruthFolder
from ..reporting import SeedVisualizer
from ..store import AGGREGATED_FOLDER, SeedManifest, SeedStore, check_image_id, read_mask
from ..utils.image import read_image
from ..utils.progress import Progress


def visualize_seeds(
    root: str | Path,
    images: str | Path,
    out: str | Path,
    img_suffix: str = '.jpg',
    ground_truth: str | Path | None = None,
    ground_truth_classes: str | None = None,
    predictions: str | Path | None = None,
    image_ids: Sequence[str] | None = None,
    threshold: int | None = None,
    separate: bool = False,
) -> int:
    """Draw a contact sheet, or single pictures, of images of a seed root.

    Args:
        root (str | Path): The seed root.
        images (str | Path): Folder of the photographs.
        out (str | Path): Folder of the pictures, ``<image id>.png`` or ``<image id>/<what>.png``.
        img_suffix (str): Of the photographs.
        ground_truth (str | Path, optional): Folder of the ground truth.
        ground_truth_classes (str, optional): Its classes, if others than the seeds'.
        predictions (str | Path, optional): Folder of a network's masks.
        image_ids (Sequence[str], optional): Which images; all without it.
        threshold (int, optional): Votes of a clean pixel; all seeds without it.
        separate (bool): Whether each picture is a file of its own at full size.

    Returns:
        int: Number of images drawn.

    Raises:
        ValueError, FileNotFoundError: If an option or a file is wrong; the message names it.
    """
    store = SeedStore(Path(root))
    manifest = SeedManifest.load(store.manifest_path)
    ids = list(manifest.images if image_ids is None else image_ids)
    num_seeds, num_classes = len(manifest.seeds), len(manifest.classes)
    if threshold is not None and not 1 <= threshold <= num_seeds:
        raise ValueError(f'--threshold {threshold}, expected 1 to {num_seeds}')
    if ground_truth_classes and ground_truth is None:
        raise ValueError('--gt-classes describes the ground truth of --gt, which is not given')
    for image_id in ids:
        check_image_id(image_id, 'the images to draw')
    truth = None
    if ground_truth is not None:
        truth = GroundTruthFolder.of(Path(ground_truth), ground_truth_classes)
    names = [name for name in manifest.seed_names if (store.root / name).is_dir()]
    visualizer = SeedVisualizer(classes=list(manifest.classes), palette=list(manifest.palette))
    progress = Progress(len(ids), 'images to draw')
    for image_id in ids:
        image = read_image(str(Path(images) / f'{image_id}{img_suffix}'))
        shape = image.shape[:2]
        parts: dict[str, Any] = dict(
            image=image,
            masks={
                name: read_mask(store.mask_path(name, image_id), shape, num_classes)
                for name in [*names, AGGREGATED_FOLDER]
            },
            agreement=store.read_agreement(image_id, num_seeds, shape),
            truth=None if truth is None else truth.read(image_id, shape, manifest.classes),
            prediction=None,
        )
        if predictions is not None:
            path = Path(predictions) / f'{image_id}.png'
            parts['prediction'] = read_mask(path, shape, num_classes)
        if separate:
            folder = Path(out) / image_id
            _draw_separately(visualizer, folder, num_seeds, threshold or num_seeds, **parts)
        else:
            visualizer.add_seed_sheet(
                image_id,
                num_seeds=num_seeds,
                threshold=threshold,
                out_file=Path(out) / f'{image_id}.png',
                **parts,
            )
        progress.step()
    return len(ids)


def _draw_separately(
    visualizer: SeedVisualizer,
    folder: Path,
    num_seeds: int,
    threshold: int,
    image: Any,
    masks: dict[str, Any],
    agreement: Any,
    truth: Any,
    prediction: Any,
) -> None:
    """Draw one file per picture, each at the size of the image."""
    overlays = {f'seed {name}': mask for name, mask in masks.items() if name != AGGREGATED_FOLDER}
    overlays |= dict(aggregate=masks[AGGREGATED_FOLDER])
    overlays |= {'ground truth': truth, 'prediction': prediction}
    for name, mask in overlays.items():
        if mask is not None:
            visualizer.add_overlay(name, image, mask, out_file=folder / f'{name}.png')
    visualizer.add_agreement('agreement', agreement, num_seeds, out_file=folder / 'agreement.png')
    if truth is not None:
        name = 'right and wrong'
        label = masks[AGGREGATED_FOLDER]
        file = folder / f'{name}.png'
        visualizer.add_confusion(name, truth, label, agreement, threshold, out_file=file)
        if prediction is not None:
            name = 'prediction and ground truth'
            file = folder / f'{name}.png'
            visualizer.add_comparison(name, image, prediction, truth, out_file=file)
