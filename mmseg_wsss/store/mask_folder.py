"""A folder of masks of a network, all made with the same settings."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.atomic import remove_stale_temporaries, write_atomic
from ..utils.image_info import describe_image
from .image_records import ImageRecord, ImageRecords
from .masks import read_mask, write_mask

SETTINGS_NAME = 'pseudo_masks.json'
# Do not tell masks apart. The first was written by earlier versions, where now each image has a
# record of its own tags; the second follows from the network.
NOT_COMPARED = ('tags_sha256', 'supervision')


class MaskFolder:
    """Masks ``<root>/<image id>.png`` that were all made with the same settings.

    What each was made of is in ``<root>/records``, see :class:`ImageRecord`.

    Args:
        root (str | os.PathLike): The folder.
        settings (Mapping): What its masks are made with, kept in ``pseudo_masks.json``.
    """

    def __init__(self, root: str | os.PathLike, settings: Mapping[str, Any]) -> None:
        self.root, self.settings = Path(root), dict(settings)
        self.records = ImageRecords(root)

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
        text = _as_text(self.settings)
        existing = path.read_text(encoding='utf-8') if path.is_file() else None
        if existing is None and any(self.root.rglob('*.png')):
            raise ValueError(
                f'{self.root}: holds PNG files but no {SETTINGS_NAME}; choose an empty folder.'
            )
        differences = '' if existing is None else _differences(existing, text)
        if differences:
            if not overwrite:
                raise ValueError(
                    f'{path}: the masks there were made otherwise ({differences}). Choose another '
                    'folder, or --overwrite them.'
                )
            shutil.rmtree(self.records.folder, ignore_errors=True)
            for mask in self.root.rglob('*.png'):
                mask.unlink()
        elif existing is not None:  # what they were made from stays known
            known = json.loads(existing).get('supervision')
            text = _as_text({'supervision': known, **self.settings} if known else self.settings)
        self.root.mkdir(parents=True, exist_ok=True)
        remove_stale_temporaries(self.root)
        write_atomic(path, text.encode())

    def has(
        self,
        image_id: str,
        image: str,
        num_classes: int,
        labels: Collection[int],
        tags: Sequence[str] | None,
    ) -> bool:
        """Whether an image's mask is there, whole, and made of what the image is today.

        Args:
            image_id (str): Names the mask.
            image (str): File of the image.
            num_classes (int): Labels are below it.
            labels (Collection[int]): Those that the mask may have.
            tags (Sequence[str], optional): Names of the classes in the image's tags; None where the
                mask does not depend on any.
        """
        path = self.path(image_id)
        if not path.is_file() or self.records.change(image_id, image, tags) is not None:
            return False
        try:
            mask = read_mask(path, num_classes=num_classes)
        except ValueError:
            return False
        info = describe_image(image)
        same_size = sorted((info.height, info.width)) == sorted(mask.shape)  # EXIF may turn it
        return same_size and set(np.unique(mask)) <= set(labels)

    def write(
        self,
        image_id: str,
        mask: np.ndarray,
        palette: Sequence[Sequence[int]],
        record: ImageRecord,
    ) -> None:
        """Write an image's mask, and then its record.

        Args:
            image_id (str): Names the mask.
            mask (np.ndarray): uint8 (H, W).
            palette (Sequence[Sequence[int]]): RGB colours of the classes.
            record (ImageRecord): What the mask was made of.

        Raises:
            OSError: If a file cannot be written; it is not left half-written.
        """
        self.records.remove(image_id)
        write_mask(self.path(image_id), mask, palette)
        self.records.write(image_id, record)


def _as_text(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, indent=2, sort_keys=True, default=str) + '\n'


def _differences(existing: str, wanted: str) -> str:
    """Say which settings differ; empty if none does."""
    try:
        old = dict(json.loads(existing))
    except (ValueError, TypeError):
        return 'the file is damaged'
    new = json.loads(wanted)
    keys = sorted({*old, *new} - set(NOT_COMPARED))
    others = [key for key in keys if (key in old, old.get(key)) != (key in new, new.get(key))]
    return 'other ' + ', '.join(others) if others else ''
