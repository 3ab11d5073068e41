"""A folder of masks of a network, all made with the same settings."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.atomic import remove_stale_temporaries, write_atomic
from ..utils.image_info import describe_image
from .masks import read_mask

SETTINGS_NAME = 'pseudo_masks.json'


class MaskFolder:
    """Masks ``<root>/<image id>.png`` that were all made with the same settings.

    Args:
        root (str | os.PathLike): The folder.
        settings (Mapping): What its masks are made with, kept in ``pseudo_masks.json``.
    """

    def __init__(self, root: str | os.PathLike, settings: Mapping[str, Any]) -> None:
        self.root, self.settings = Path(root), dict(settings)

    def path(self, image_id: str) -> Path:
        """The file of an image's mask."""
        return self.root / f'{image_id}.png'

    def open(self, overwrite: bool = False) -> None:
        """Make the folder, or make sure that its masks were made with the same settings.

        Args:
            overwrite (bool): Delete masks made with others, instead of refusing.

        Raises:
            ValueError: If there are masks made with other settings, or with unknown ones.
        """
        path = self.root / SETTINGS_NAME
        text = json.dumps(self.settings, indent=2, sort_keys=True, default=str) + '\n'
        existing = path.read_text(encoding='utf-8') if path.is_file() else None
        if existing is None and any(self.root.rglob('*.png')):
            raise ValueError(
                f'{self.root}: holds PNG files but no {SETTINGS_NAME}; choose an empty folder.'
            )
        if existing is not None and existing != text:
            if not overwrite:
                raise ValueError(
                    f'{path}: the masks there were made otherwise '
                    f'({_differences(existing, text)}). Choose another folder, or --overwrite them.'
                )
            for mask in self.root.rglob('*.png'):
                mask.unlink()
        self.root.mkdir(parents=True, exist_ok=True)
        remove_stale_temporaries(self.root)
        write_atomic(path, text.encode())

    def has(self, image_id: str, image: str, num_classes: int, labels: Collection[int]) -> bool:
        """Whether an image's mask is there, whole, of the image's size and of no other labels.

        Args:
            image_id (str): Names the mask.
            image (str): File of the image.
            num_classes (int): Labels are below it.
            labels (Collection[int]): Those that the mask may have.
        """
        path = self.path(image_id)
        if not path.is_file():
            return False
        try:
            mask = read_mask(path, num_classes=num_classes)
        except ValueError:
            return False
        info = describe_image(image)
        same_size = sorted((info.height, info.width)) == sorted(mask.shape)  # EXIF may turn it
        return same_size and set(np.unique(mask)) <= set(labels)


def _differences(existing: str, wanted: str) -> str:
    try:
        old = json.loads(existing)
    except ValueError:
        return 'the file is damaged'
    new = json.loads(wanted)
    keys = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    return 'other ' + ', '.join(keys)
