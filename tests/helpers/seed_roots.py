"""Small seed roots and folders of images for tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mmseg_wsss.seeds import aggregate_seeds, find_losing_votes
from mmseg_wsss.store import SeedManifest, SeedStore

CLASSES = ('background', 'cat', 'dog')
PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
SEED_NAMES = ('a', 'b', 'c')


def write_images(folder: Path, image_ids: list[str], shape: tuple[int, int] = (24, 32)) -> None:
    """Write noise photographs as ``folder/<id>.jpg``."""
    rng = np.random.default_rng(0)
    for image_id in image_ids:
        image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        path = folder / f'{image_id}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), image)


def write_seed_root(
    root: Path,
    image_ids: list[str],
    shape: tuple[int, int] = (24, 32),
    classes: tuple[str, ...] = CLASSES,
    losing_votes: bool = False,
) -> dict[str, np.ndarray]:
    """Write a root of three random seeds with their aggregate; return the seeds by image id."""
    palette = [[index, index, index] for index in range(len(classes))]
    manifest = SeedManifest(
        classes=classes,
        palette=palette,
        seeds=[dict(name=name, dropout=None, scale=None) for name in SEED_NAMES],
        images=image_ids,
    )
    store = SeedStore(root)
    store.open(manifest)
    rng = np.random.default_rng(1)
    written = {}
    for image_id in image_ids:
        seeds = rng.integers(0, len(classes), (len(SEED_NAMES), *shape), dtype=np.uint8)
        seeds[:, :2] = 255
        label, agreement = aggregate_seeds(seeds, len(classes))
        losers = find_losing_votes(seeds, len(classes)) if losing_votes else None
        masks = dict(zip(SEED_NAMES, seeds, strict=True))
        store.write(image_id, masks, label, agreement, palette, losing_votes=losers)
        written[image_id] = seeds
    return written


def write_split(path: Path, image_ids: list[str]) -> None:
    """Write a split list."""
    path.write_text(''.join(f'{image_id}\n' for image_id in image_ids), encoding='utf-8')
