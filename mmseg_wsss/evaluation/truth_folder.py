"""A folder of true masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmseg_wsss.datasets.class_list import read_class_list
from mmseg_wsss.seeds import IGNORE_INDEX, read_mask


@dataclass(frozen=True)
class TruthFolder:
    """Where the true masks are, and what their labels mean.

    Attributes:
        folder (Path): Has ``<image id>.png`` of every image.
        classes (tuple[str, ...] | None): Class names of the masks, background first, where they
            are others than the seeds'. They are matched by name; a class that the seeds do not
            know becomes 255.
    """

    folder: Path
    classes: tuple[str, ...] | None = None

    @classmethod
    def of(cls, folder: Path, class_list: str | None) -> TruthFolder:
        """The folder of a command whose masks have the seeds' classes or those of a list.

        Args:
            folder (Path): Has the masks.
            class_list (str, optional): What
                :func:`mmseg_wsss.datasets.class_list.read_class_list` reads.
        """
        return cls(folder, tuple(read_class_list(class_list)) if class_list else None)

    def path(self, image_id: str) -> Path:
        """Path of the true mask of an image."""
        return self.folder / f'{image_id}.png'

    def read(self, image_id: str, shape: tuple[int, int], classes: Sequence[str]) -> np.ndarray:
        """Read the true mask of an image, uint8 (H, W) with the labels of ``classes``.

        Raises:
            FileNotFoundError, ValueError: As :func:`~mmseg_wsss.seeds.read_mask`.
        """
        own = self.classes or classes
        truth = read_mask(self.path(image_id), shape, len(own))
        table = np.full(256, IGNORE_INDEX, np.uint8)
        for label, name in enumerate(own):
            if name in classes:
                table[label] = list(classes).index(name)
        return table[truth]
