"""Writes generated scenes as an ordinary folder of images, masks, tags and splits."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mmseg_wsss.datasets.tags import write_tags
from mmseg_wsss.store import write_mask
from mmseg_wsss.utils.atomic import write_atomic

from .scene import CLASSES, PALETTE, draw_scene

JPEG_QUALITY = 92


@dataclass(frozen=True)
class SceneSet:
    """How many scenes, and which.

    Args:
        num_train (int): Scenes of ``train.txt``, at least 1.
        num_val (int): Scenes of ``val.txt``, at least 1.
        seed (int): Random seed, 0 or above; another one gives other scenes.

    Raises:
        ValueError: If a number is out of range.
    """

    num_train: int = 320
    num_val: int = 96
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_train < 1 or self.num_val < 1:
            raise ValueError(
                f'{self.num_train} training and {self.num_val} validation scenes, expected at '
                'least 1 of each'
            )
        if self.seed < 0:
            raise ValueError(f'seed {self.seed}, expected 0 or above')


def write_scenes(
    folder: str | os.PathLike,
    scenes: SceneSet | None = None,
    progress: Callable[[], None] | None = None,
) -> str:
    """Write ``images/<id>.jpg``, ``masks/<id>.png``, ``tags.csv``, ``train.txt`` and ``val.txt``.

    The same scenes give the same bytes. The splits are written last: a folder that has both is
    whole.

    Args:
        folder (str | os.PathLike): Made if needed.
        scenes (SceneSet, optional): How many and which.
        progress (Callable, optional): Called after each scene.

    Returns:
        str: SHA-256 over all images and masks.
    """
    scenes = scenes or SceneSet()
    folder = Path(folder)
    (folder / 'images').mkdir(parents=True, exist_ok=True)
    splits = {'train': scenes.num_train, 'val': scenes.num_val}
    ids: dict[str, list[str]] = {}
    tags: dict[str, tuple[int, ...]] = {}
    digest = hashlib.sha256()
    index = 0
    for split, count in splits.items():
        ids[split] = [f'{split}_{number:04d}' for number in range(count)]
        for image_id in ids[split]:
            scene = draw_scene(scenes.seed, index)
            index += 1
            content = io.BytesIO()
            Image.fromarray(scene.image).save(content, 'JPEG', quality=JPEG_QUALITY)
            write_atomic(folder / 'images' / f'{image_id}.jpg', content.getvalue())
            write_mask(folder / 'masks' / f'{image_id}.png', scene.mask, PALETTE)
            digest.update(content.getvalue() + scene.mask.tobytes())
            tags[image_id] = scene.tags
            if progress is not None:
                progress()
    write_tags(folder / 'tags.csv', tags, CLASSES)
    for split, image_ids in ids.items():
        write_atomic(folder / f'{split}.txt', '\n'.join([*image_ids, '']).encode())
    return digest.hexdigest()
