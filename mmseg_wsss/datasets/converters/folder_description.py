"""What the configs of an own data set need to know."""

from __future__ import annotations

import json
import os.path as osp
from dataclasses import asdict, dataclass

from mmseg_wsss.utils.atomic import write_atomic

DESCRIPTION = 'dataset.json'


@dataclass(frozen=True)
class FolderDescription:
    """What the configs of an own data set need to know, kept in ``dataset.json``.

    Attributes:
        classes (list[str]): Background first.
        palette (list[list[int]]): RGB colours.
        img_path (str): Folder of the images, relative to the data set's.
        img_suffix (str): Suffix of all images.
        has_val (bool): Whether there is ``val.txt``.
        has_masks (bool): Whether the images of ``val.txt`` have true masks.
    """

    classes: list[str]
    palette: list[list[int]]
    img_path: str
    img_suffix: str
    has_val: bool
    has_masks: bool

    @classmethod
    def load(cls, root: str) -> FolderDescription:
        """Read the description of a prepared data set.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If it is damaged.
        """
        path = osp.join(root, DESCRIPTION)
        if not osp.isfile(path):
            raise FileNotFoundError(f'{path}: no such file; prepare the data set first.')
        with open(path, encoding='utf-8') as file:
            try:
                return cls(**json.load(file))
            except (ValueError, TypeError) as error:
                raise ValueError(f'{path}: not a description of a data set ({error}).') from None

    def save(self, root: str) -> None:
        """Write the description into the folder of a data set, which must exist."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        write_atomic(osp.join(root, DESCRIPTION), (text + '\n').encode())
