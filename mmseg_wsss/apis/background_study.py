"""How good the activation maps of a classifier are at every background threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from ..datasets import read_split
from ..evaluation import background_data
from ..evaluation.background_curve import (
    NUM_THRESHOLDS,
    BackgroundCurve,
    count_background,
    rank_activation,
)
from ..evaluation.scores import GroundTruthFolder
from ..generation.activations import activation_stream
from ..generation.background_fit import sample_images
from ..generation.images import SeedImage
from ..generation.settings import SeedSettings
from ..reporting.seed_page import background_page
from ..reporting.tables import background_tables
from ..seeds import Seed
from ..utils.image import resize_image
from ..utils.progress import Progress
from .evaluate_seeds import write_report


def background_curve(
    config: Config,
    model: nn.Module,
    ground_truth: str | Path,
    ground_truth_classes: str | None = None,
    split: str | Path | None = None,
    seeds: Sequence[Seed] | None = None,
    max_images: int | None = None,
    out: str | Path | None = None,
    device: str | torch.device = 'cpu',
) -> tuple[dict[str, Any], list[str]]:
    """Score the activation maps of a classifier at the thresholds 0.01 to 0.99.

    Args:
        config (Config): The classifier's config; images and settings are those of its
            ``seed_generation``.
        model (nn.Module): The trained classifier.
        ground_truth (str | Path): Folder of the ground truth.
        ground_truth_classes (str, optional): Its classes, if others than the data set's.
        split (str | Path, optional): File that lists the images; all of the data set without it.
        seeds (Sequence[Seed], optional): Whose maps; the config's first without it.
        max_images (int, optional): A sample of so many, the same in every run.
        out (str | Path, optional): Folder of ``background_curve.json``, ``.md`` and ``.html``.
        device (str | torch.device): Where the network runs.

    Returns:
        tuple: The scores, see :func:`~mmseg_wsss.evaluation.background_data`, and in sentences what
        was evaluated.

    Raises:
        FileNotFoundError, ValueError: As :func:`study_background`, or if an image of the split is
            not in the data set or no pixel has ground truth.
    """
    settings = SeedSettings.from_config(config)
    images, classes, _ = settings.read_images()
    name = str(split or settings.dataset.get('ann_file') or 'the whole data set')
    if split:
        wanted = set(read_split(split))
        strangers = sorted(wanted - {image.image_id for image in images})
        if strangers:
            raise ValueError(
                f'{split}: {len(strangers)} of its {len(wanted)} images are not in the data set '
                f'of the config, first {", ".join(strangers[:3])}'
            )
        images = [image for image in images if image.image_id in wanted]
    if max_images is not None:
        images = sample_images(images, max_images)
    folder = Path(ground_truth)
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: there is no such folder of ground truth')
    truth = GroundTruthFolder.of(folder, ground_truth_classes)
    if seeds is None:
        seeds = [settings.seeds[0]]
    curves = study_background(settings, model, images, classes, seeds, truth, device)
    if not all(curve.counts.any() for curve in curves.values()):
        raise ValueError(f'{folder}: every pixel of the {len(images)} images is 255')
    backgrounds = settings.backgrounds
    current = _threshold(backgrounds[0]) if len(backgrounds) == 1 else None
    head = [
        f'Images: {len(images):,} ({name})'
        + (f', a sample of at most {max_images:,}' if max_images else ''),
        f'Ground truth: {folder}; pixels of 255 do not count.',
        'Before the dense CRF, which moves the best threshold.',
        'Tuned on the ground truth: a threshold chosen here is chosen by the ground truth of '
        f'{name}. Say so with every figure that follows from it.',
    ]
    if len(backgrounds) > 1:
        head.append(f'The seeds of the config take several backgrounds: {backgrounds}')
    elif current is None:
        head.append(f'The background of the config is none of these thresholds: {backgrounds[0]}')
    values = dict(split=name, images=len(images), ground_truth=str(folder), current=current)
    data = background_data(curves, classes, values)
    if out is not None:
        title, tables = 'Background threshold', background_tables(data)
        page = background_page(data, head)
        write_report(Path(out), 'background_curve', title, data, head, tables, page)
    return data, head


def _threshold(background: Mapping[str, Any]) -> float | None:
    """Give the threshold of a config, if it is one of those on the curve."""
    threshold = background.get('threshold', 0.2)
    if 'type' in background or threshold == 'auto':
        return None
    whole = abs(100 * threshold - round(100 * threshold)) < 1e-9
    return threshold if background.get('kind', 'constant') == 'constant' and whole else None


def study_background(
    settings: SeedSettings,
    model: nn.Module,
    images: Sequence[SeedImage],
    classes: Sequence[str],
    seeds: Sequence[Seed],
    truth: GroundTruthFolder,
    device: str | torch.device = 'cpu',
) -> dict[str, BackgroundCurve]:
    """Count the activation maps of images against their ground-truth masks.

    Args:
        settings (SeedSettings): Of the classifier's config.
        model (nn.Module): The trained classifier.
        images (Sequence[SeedImage]): The images.
        classes (Sequence[str]): All K class names, background first.
        seeds (Sequence[Seed]): Whose maps; one curve each.
        truth (GroundTruthFolder): The ground-truth masks, at the images' own size.
        device (str | torch.device): Where the network runs.

    Returns:
        dict[str, BackgroundCurve]: By name of the seed.

    Raises:
        FileNotFoundError: If ground-truth masks are missing, before any map is made.
        ValueError: If a ground-truth mask is damaged, of another size or has a label out of range,
            or as :func:`~mmseg_wsss.generation.activation_stream`.
    """
    missing = [
        str(path) for path in (truth.path(image.image_id) for image in images) if not path.is_file()
    ]
    if missing:
        raise FileNotFoundError(
            f'{len(missing)} of {len(images)} ground-truth masks are missing, first '
            f'{", ".join(missing[:3])}'
        )
    num_classes = len(classes)
    counts = {
        seed.name: np.zeros((num_classes, num_classes, NUM_THRESHOLDS + 1), np.int64)
        for seed in seeds
    }
    progress = Progress(len(images), 'images to evaluate')
    for sample, maps in activation_stream(settings, model, images, seeds, device):
        true = truth.read(sample.info.image_id, sample.size, classes)
        for name, activation in zip(counts, maps.cpu().numpy(), strict=True):
            label, exceeded = (
                # As the masks of seeds: those of a shrunk image are enlarged.
                resize_image(values, sample.size, 'nearest')
                for values in rank_activation(activation, sample.info.tags)
            )
            counts[name] += count_background(true, label, exceeded, num_classes).counts
        progress.step()
    return {name: BackgroundCurve(values) for name, values in counts.items()}
