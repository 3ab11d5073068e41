"""Masks of a seed root that a person corrected."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np

from ..seeds.codec import IGNORE_INDEX
from .image_ids import check_image_id
from .losing_votes import no_losing_votes, read_losing_votes, write_losing_votes
from .manifest import (
    AGGREGATED_FOLDER,
    AGREEMENT_FOLDER,
    CORRECTED_FOLDER,
    LOSING_VOTES_FOLDER,
    MANIFEST_NAME,
    SeedManifest,
)
from .masks import decode_mask, read_mask, write_mask
from .root_lock import lock_root


class Corrections:
    """The corrected masks of a seed root, ``<root>/corrected/<image id>.png``.

    The mask of a corrected image is its aggregate, with the agreement of all seeds, so that each of
    its pixels is clean at any threshold and no label lost; 255 stays 255, with an agreement of 0.
    The manifest lists the images. Whatever writes the masks of such an image anew keeps the
    corrected one, see :meth:`SeedStore.write <mmseg_wsss.store.SeedStore.write>`.

    Args:
        root (str | os.PathLike): The seed root.
    """

    def __init__(self, root: str | os.PathLike) -> None:
        self.root = Path(root)
        self.folder = self.root / CORRECTED_FOLDER

    def path(self, image_id: str) -> Path:
        """The file of an image's corrected mask.

        Raises:
            ValueError: If it could lie outside of the folder.
        """
        return self.folder / f'{check_image_id(image_id, str(self.folder))}.png'

    def has(self, image_id: str) -> bool:
        """Whether an image has a corrected mask."""
        return self.path(image_id).is_file()

    def image_ids(self) -> Iterator[str]:
        """Give the ids of the images that have a corrected mask, in no order."""
        for path in self.folder.rglob('*.png'):
            yield path.relative_to(self.folder).as_posix().removesuffix('.png')

    def read(self, image_id: str, shape: tuple[int, int] | None = None) -> np.ndarray:
        """Read an image's corrected mask.

        Args:
            image_id (str): The image's id.
            shape (tuple[int, int], optional): The (H, W) of its other masks.

        Returns:
            np.ndarray: uint8 (H, W), labels below K or 255.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If it is damaged, has a label out of range or another size.
        """
        mask = read_mask(self.path(image_id), num_classes=len(self._manifest.classes))
        if shape is not None and mask.shape != tuple(shape):
            raise ValueError(
                f'{self.path(image_id)}: the corrected mask is {mask.shape[0]} x {mask.shape[1]} '
                f'(height x width), the masks that are to be written are {shape[0]} x {shape[1]}: '
                'was the photograph replaced? Give the correction up '
                f'(tools/import_annotations.py {self.root} --discard {image_id}) or correct the '
                'new photograph.'
            )
        return mask

    def agreement(self, mask: np.ndarray) -> np.ndarray:
        """Give the agreement of a corrected mask.

        Args:
            mask (np.ndarray): uint8 (H, W).

        Returns:
            np.ndarray: uint8 (H, W), the number of seeds; 0 where the mask is 255.
        """
        votes = np.full(mask.shape, len(self._manifest.seeds), np.uint8)
        votes[mask == IGNORE_INDEX] = 0
        return votes

    def is_applied(self, image_id: str) -> bool:
        """Whether an image's aggregate and agreement are those of its corrected mask, and no label
        lost, where losing votes are there at all.

        Raises:
            FileNotFoundError, ValueError: As :meth:`read`.
        """
        mask = self.read(image_id)
        wanted = {AGGREGATED_FOLDER: mask, AGREEMENT_FOLDER: self.agreement(mask)}
        try:
            return all(
                np.array_equal(read_mask(self.root / folder / f'{image_id}.png'), one)
                for folder, one in wanted.items()
            ) and self._has_no_losing_votes(image_id, mask.shape)
        except (FileNotFoundError, ValueError):
            return False

    def apply(self, masks: Mapping[str, bytes]) -> None:
        """Make masks the aggregates of their images, and list these in the manifest.

        Stopped at any moment, the same call completes it: the corrected masks come first, then the
        manifest, and only then the aggregates change. Records stay, so that a photograph which is
        replaced later is noticed.

        Args:
            masks (Mapping[str, bytes]): By image id of the manifest, the content of a mask file.
        """
        with self._changing() as manifest:
            decoded = ((one, decode_mask(content, one)) for one, content in masks.items())
            for image_id, mask in decoded:
                write_mask(self.path(image_id), mask, manifest.palette)
            self._save_list({*manifest.corrected, *masks})
            for image_id in masks:
                if not self.is_applied(image_id):
                    self._apply(image_id)

    def forget(self, image_ids: Sequence[str]) -> None:
        """Remove corrected masks and their marks in the manifest; the aggregates are left.

        Args:
            image_ids (Sequence[str]): Ids of the images.
        """
        with self._changing() as manifest:
            for image_id in image_ids:
                self.path(image_id).unlink(missing_ok=True)
            self._save_list({*manifest.corrected} - {*image_ids})

    def _has_no_losing_votes(self, image_id: str, shape: tuple[int, int]) -> bool:
        path = self.root / LOSING_VOTES_FOLDER / f'{image_id}.png'
        if not path.exists():  # of a root of an earlier version
            return True
        found = read_losing_votes(path, shape, len(self._manifest.classes))
        return bool((found == IGNORE_INDEX).all())

    @contextmanager
    def _changing(self) -> Iterator[SeedManifest]:
        with lock_root(self.root):
            # It may have been changed since this object read it.
            self.__dict__.pop('_manifest', None)
            yield self._manifest

    def _apply(self, image_id: str) -> None:
        mask = self.read(image_id)
        palette = self._manifest.palette
        losing_votes = self.root / LOSING_VOTES_FOLDER
        if losing_votes.is_dir():  # not in a root of an earlier version
            write_losing_votes(losing_votes / f'{image_id}.png', no_losing_votes(mask.shape))
        write_mask(self.root / AGREEMENT_FOLDER / f'{image_id}.png', self.agreement(mask))
        write_mask(self.root / AGGREGATED_FOLDER / f'{image_id}.png', mask, palette)

    @cached_property
    def _manifest(self) -> SeedManifest:
        return SeedManifest.load(self.root / MANIFEST_NAME)

    def _save_list(self, corrected: set[str]) -> None:
        ordered = [image_id for image_id in self._manifest.images if image_id in corrected]
        if ordered != self._manifest.corrected:
            self._manifest = dataclasses.replace(self._manifest, corrected=ordered)
            self._manifest.save(self.root / MANIFEST_NAME)
