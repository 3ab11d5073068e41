"""The photographs of a study: which train, which judge seeds, which are never trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmseg_wsss.datasets.splits import read_split
from mmseg_wsss.datasets.tags import read_tags, write_tags
from mmseg_wsss.evaluation import TruthFolder
from mmseg_wsss.utils.atomic import write_atomic

SPLITS = ('train', 'judge', 'val')


@dataclass(frozen=True)
class DataLayout:
    """Where a data set keeps what, relative to its root.

    Attributes:
        classes (tuple[str, ...]): Class names, background first.
        images, masks (str): Folders.
        train, val (str): Lists of image ids.
        mask_classes (str | None): What ``tools/evaluate_seeds.py --gt-classes`` takes, if the masks
            have other labels than the classes'.
        other_tags (tuple[str, ...]): Tags of the file that are no class.
    """

    classes: tuple[str, ...]
    images: str
    masks: str
    train: str
    val: str
    mask_classes: str | None = None
    other_tags: tuple[str, ...] = ()


class StudyData:
    """The images of a study, and a digest of them for the keys of its steps.

    Args:
        root (Path): The data set, with ``tags.csv``.
        layout (DataLayout): Where it keeps what.
        sizes (dict[str, int | None]): Images of ``train``, ``judge`` (those of ``train`` on whose
            masks seeds are judged) and ``val``; None for all. A part is spread evenly over the
            list.

    Raises:
        FileNotFoundError: If a list, an image or a mask is missing; the message names it.
        ValueError: If a photograph is in the training and in the validation list.
    """

    def __init__(self, root: Path, layout: DataLayout, sizes: dict[str, int | None]) -> None:
        self.root, self.layout = Path(root), layout
        train, val = read_split(self.root / layout.train), read_split(self.root / layout.val)
        both = sorted(set(train) & set(val))
        if both:
            raise ValueError(
                f'{self.root / layout.val}: {len(both)} images are in the training list as well, '
                f'first {both[0]}'
            )
        train = spread(train, sizes['train'])
        self.ids = dict(
            train=train, judge=spread(train, sizes['judge']), val=spread(val, sizes['val'])
        )

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each split: ids, tags, sizes of the files of image and mask."""
        tags = self._tags()
        found = {}
        for split in SPLITS:
            digest = hashlib.sha256()
            for image_id in self.ids[split]:
                sizes = [path.stat().st_size for path in self._files(image_id)]
                digest.update(f'{image_id} {tags[image_id]} {sizes}\n'.encode())
            found[split] = digest.hexdigest()
        return found

    def write_lists(self, folder: Path) -> None:
        """Write ``<split>.txt`` and ``tags.csv`` with the study's classes alone.

        Args:
            folder (Path): Made if needed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for split in SPLITS:
            write_atomic(folder / f'{split}.txt', '\n'.join([*self.ids[split], '']).encode())
        number = len(self.layout.classes)
        tags = {
            image_id: tuple(label for label in labels if label < number)
            for image_id, labels in self._tags().items()
        }
        write_tags(folder / 'tags.csv', tags, self.layout.classes)

    def _tags(self) -> dict[str, tuple[int, ...]]:
        known = read_tags(self.root / 'tags.csv', (*self.layout.classes, *self.layout.other_tags))
        ids = dict.fromkeys([*self.ids['train'], *self.ids['val']])
        missing = [image_id for image_id in ids if image_id not in known]
        if missing:
            raise ValueError(
                f'{self.root / "tags.csv"}: {len(missing)} images have no entry, first {missing[0]}'
            )
        return {image_id: known[image_id] for image_id in ids}

    def _files(self, image_id: str) -> tuple[Path, Path]:
        return (
            self.root / self.layout.images / f'{image_id}.jpg',
            self.root / self.layout.masks / f'{image_id}.png',
        )


def truth_folder(root: Path, layout: DataLayout) -> TruthFolder:
    """The true masks of a data set, with what their labels mean."""
    if layout.mask_classes is None:
        return TruthFolder(root / layout.masks)
    from mmseg.datasets import PascalVOCDataset

    return TruthFolder(root / layout.masks, tuple(PascalVOCDataset.METAINFO['classes']))


def spread(items: Sequence[str], number: int | None) -> list[str]:
    """Take so many items, spread evenly over the list.

    Args:
        items (Sequence[str]): The list.
        number (int, optional): How many; all where None or more than there are.

    Returns:
        list[str]: In their order.

    >>> spread('abcdef', 3)
    ['a', 'c', 'e']
    """
    if number is None or number >= len(items):
        return list(items)
    return [items[index * len(items) // number] for index in range(number)]
