"""A folder of seeds, their aggregate and its agreement, safe to write from many processes."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..utils.atomic import remove_stale_temporaries
from .corrections import Corrections
from .image_ids import check_image_id
from .image_records import RECORDS_FOLDER, ImageRecord, ImageRecords
from .losing_votes import no_losing_votes, read_losing_votes, write_losing_votes
from .manifest import (
    AGGREGATED_FOLDER,
    AGREEMENT_FOLDER,
    CORRECTED_FOLDER,
    LOSING_VOTES_FOLDER,
    MANIFEST_NAME,
    MASK_FOLDERS,
    SeedManifest,
    check_seed_name,
)
from .masks import read_mask, write_mask
from .root_lock import lock_root

# Of the images of a root, those that a run drops without being told to.
MAX_DROPPED_SHARE = 0.5


class SeedStore:
    """The masks of a seed root.

    Layout: ``<root>/<seed name>/<image id>.png``, ``<root>/aggregated/<image id>.png``,
    ``<root>/agreement/<image id>.png``, ``<root>/losing_votes/<image id>.png``,
    ``<root>/records/<image id>.txt``, ``<root>/manifest.json``, and
    ``<root>/corrected/<image id>.png`` where a person corrected a mask, which is the aggregate
    then. Every file appears whole or not at all, so that a run that was killed at any moment can be
    run again.

    Args:
        root (str | os.PathLike): The folder; made by :meth:`open`.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> folder = tempfile.TemporaryDirectory()
        >>> manifest = SeedManifest(
        ...     classes=['background', 'cat'],
        ...     palette=[[0, 0, 0], [128, 0, 0]],
        ...     seeds=[dict(name='mine', dropout=None, scale=None)],
        ...     images=['a'],
        ... )
        >>> store = SeedStore(folder.name)
        >>> dropped = store.open(manifest)
        >>> mask = np.array([[0, 1]], np.uint8)
        >>> _ = store.write('a', dict(mine=mask), mask, np.ones_like(mask), manifest.palette)
        >>> store.read_seeds('a', ['mine', 'aggregated']).tolist()
        [[[0, 1]], [[0, 1]]]
        >>> store.is_complete('a', ['mine'], num_seeds=1, num_classes=2)
        True
        >>> folder.cleanup()
    """

    def __init__(self, root: str | os.PathLike) -> None:
        self.root = Path(root)
        self.records = ImageRecords(root)
        self.corrections = Corrections(root)

    @property
    def manifest_path(self) -> Path:
        """Path of the manifest."""
        return self.root / MANIFEST_NAME

    def open(self, manifest: SeedManifest, overwrite: bool = False) -> list[str]:
        """Make the root for a manifest, or make sure that it was made with the same settings.

        Many processes may open one root at once. What killed processes left half-written is
        removed. With the same settings the masks are kept, ``overwrite`` or not, but for those of
        images that the manifest no longer lists: they are dropped, and the list is that of the
        manifest. Images that are corrected stay so.

        Args:
            manifest (SeedManifest): What this run is going to write.
            overwrite (bool): Delete the masks of a root that was made with other settings; drop
                more than half of the images.

        Returns:
            list[str]: Ids of the images that were dropped.

        Raises:
            ValueError: If the root was made with other settings, holds masks without a manifest, or
                lists more than twice as many images as stay, and ``overwrite`` is False; the
                message names each difference. If images that are corrected would be lost, in any
                case.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with lock_root(self.root):
            remove_stale_temporaries(self.root)
            found, folders = self._examine(manifest, overwrite)
            if found is not None:
                return self._update(found, manifest)
            # The manifest goes first: if this is interrupted, masks without one are refused.
            self.manifest_path.unlink(missing_ok=True)
            for folder in folders:
                if (self.root / folder).exists():
                    shutil.rmtree(self.root / folder)
            manifest.save(self.manifest_path)
            return []

    def check(self, manifest: SeedManifest, overwrite: bool = False) -> bool:
        """Refuse what :meth:`open` would refuse, and change nothing.

        Args:
            manifest (SeedManifest): As for :meth:`open`.
            overwrite (bool): Likewise.

        Returns:
            bool: Whether there are masks of the same settings, which :meth:`open` would keep.

        Raises:
            ValueError: As :meth:`open`.
        """
        return self._examine(manifest, overwrite)[0] is not None

    def _examine(
        self, manifest: SeedManifest, overwrite: bool
    ) -> tuple[SeedManifest | None, list[str]]:
        """Give the root's manifest where its masks stay, else the folders that are to go."""
        folders = [RECORDS_FOLDER, *manifest.seed_names, *MASK_FOLDERS, CORRECTED_FOLDER]
        if os.path.lexists(self.manifest_path):
            try:
                found = SeedManifest.load(self.manifest_path)
            except ValueError as error:
                problems = [str(error)]
            else:
                here, there = manifest.settings(), found.settings()
                if 'supervision' not in there.parameters:  # as votes of an earlier version
                    here.parameters.pop('supervision', None)
                problems = here.differences(there)
                if not problems:
                    self._refuse_dropped(found, manifest, overwrite)
                    return found, []
                folders += found.seed_names
        elif any((self.root / folder).exists() for folder in folders):
            problems = [f'there are masks but no {MANIFEST_NAME}: nothing says what they are']
        else:
            return None, []
        corrected = sorted(self.corrections.image_ids())
        remedy = 'Choose a new root, or --overwrite to delete its masks and start anew.'
        if corrected:
            remedy = (
                f'{len(corrected)} of its images are corrected by hand (first '
                f'{", ".join(corrected[:3])}). Choose a new root, and take these masks there: '
                'tools/import_annotations.py NEW_ROOT '
                f'{self.corrections.folder} --format png'
            )
        if corrected or not overwrite:
            raise ValueError(
                f'{self.root}: this root was made by another run (here: this run, there: the '
                'root):\n  ' + '\n  '.join(problems) + f'\n{remedy}'
            )
        return None, list(dict.fromkeys(folders))

    def _refuse_dropped(self, found: SeedManifest, manifest: SeedManifest, overwrite: bool) -> None:
        """Refuse to drop most images of the root, unless told to, or any that is corrected."""
        dropped = _dropped(found, manifest)
        if len(dropped) > MAX_DROPPED_SHARE * len(found.images) and not overwrite:
            raise ValueError(
                f'{self.root}: the masks of {len(dropped)} of its {len(found.images)} images would '
                f'be dropped (first {", ".join(dropped[:3])}): this run lists '
                f'{len(manifest.images)} images without them. Is it the right list? Choose a new '
                'root for a part of the images, or --overwrite to drop these masks and keep the '
                'others.'
            )
        gone = set(dropped)
        corrected = [image_id for image_id in found.corrected if image_id in gone]
        if corrected:
            raise ValueError(
                f'{self.root}: {len(corrected)} images that are corrected by hand would be dropped '
                f'(first {", ".join(corrected[:3])}): this run does not list them. Choose a new '
                'root, or give these corrections up: tools/import_annotations.py '
                f'{self.root} --discard ID ...'
            )

    def _update(self, found: SeedManifest, manifest: SeedManifest) -> list[str]:
        """Let the root list the images of another manifest with the same settings."""
        dropped = _dropped(found, manifest)
        manifest = dataclasses.replace(manifest, corrected=found.corrected)
        for image_id in dropped:
            self.remove(image_id, manifest.seed_names)
        # Last: where this is interrupted, the next run drops what is left.
        if manifest != found:
            manifest.save(self.manifest_path)
        return dropped

    def remove(self, image_id: str, seed_names: Sequence[str]) -> None:
        """Remove the masks of an image and its record.

        Args:
            image_id (str): The image's id.
            seed_names (Sequence[str]): All seeds of the root, whether they are kept in it or not.
        """
        self.records.remove(image_id)
        for name in (*seed_names, *MASK_FOLDERS):
            self.mask_path(name, image_id).unlink(missing_ok=True)

    def mask_path(self, seed_name: str, image_id: str) -> Path:
        """Path of one mask.

        Args:
            seed_name (str): Name of a seed, ``'aggregated'``, ``'agreement'`` or
                ``'losing_votes'``.
            image_id (str): The image's id.

        Raises:
            ValueError: If either could leave the root.
        """
        if seed_name not in MASK_FOLDERS:
            check_seed_name(seed_name)
        check_image_id(image_id, str(self.root))
        return self.root / seed_name / f'{image_id}.png'

    def write(
        self,
        image_id: str,
        seeds: Mapping[str, np.ndarray],
        label: np.ndarray,
        agreement: np.ndarray,
        palette: Sequence[Sequence[int]],
        record: ImageRecord | None = None,
        losing_votes: np.ndarray | None = None,
    ) -> int:
        """Write all masks of an image, the aggregate last, and its record after them.

        Of an image that is corrected, the aggregate stays the corrected mask, and no label lost.

        Args:
            image_id (str): The image's id.
            seeds (Mapping[str, np.ndarray]): Masks uint8 (H, W) by seed name; empty to keep the
                aggregate alone.
            label (np.ndarray): The aggregate, uint8 (H, W).
            agreement (np.ndarray): Votes for it, uint8 (H, W).
            palette (Sequence[Sequence[int]]): RGB colours of the classes.
            record (ImageRecord, optional): What the masks were made of, where that is known.
            losing_votes (np.ndarray, optional): The other labels that seeds voted for, uint8
                (L, H, W), see :func:`~mmseg_wsss.seeds.find_losing_votes`. None where they are not
                known: the image has none then that a training could read.

        Returns:
            int: Bytes of the masks.

        Raises:
            ValueError: If the masks differ in size, also from a corrected one, or the id could
                leave the root.
            OSError: If a file cannot be written; it is not left half-written.
        """
        if self.corrections.has(image_id):
            label = self.corrections.read(image_id, label.shape)
            agreement = self.corrections.agreement(label)
            losing_votes = no_losing_votes(label.shape)
        masks = {**seeds, AGREEMENT_FOLDER: agreement, AGGREGATED_FOLDER: label}
        for name, mask in masks.items():
            if mask.shape != label.shape:
                raise ValueError(
                    f'{image_id}: {name} has shape {mask.shape}, the aggregate {label.shape}'
                )
        if losing_votes is not None and losing_votes.shape[1:] != label.shape:
            raise ValueError(
                f'{image_id}: the losing votes have shape {losing_votes.shape}, the aggregate '
                f'{label.shape}'
            )
        self.records.remove(image_id)
        size = 0
        if losing_votes is None:
            # Those of other masks would be wrong.
            self.mask_path(LOSING_VOTES_FOLDER, image_id).unlink(missing_ok=True)
        else:
            size = self.write_losing_votes(image_id, losing_votes)
        size += sum(
            write_mask(
                self.mask_path(name, image_id), mask, None if name == AGREEMENT_FOLDER else palette
            )
            for name, mask in masks.items()
        )
        if record is not None:
            self.records.write(image_id, record)
        return size

    def is_complete(
        self,
        image_id: str,
        seed_names: Sequence[str],
        num_seeds: int,
        num_classes: int,
        shape: tuple[int, int] | None = None,
        losing_votes: bool = False,
    ) -> bool:
        """Tell whether all masks of an image are there, whole and valid.

        What they were made of is another question, which ``records`` answers.

        Args:
            image_id (str): The image's id.
            seed_names (Sequence[str]): Seeds whose masks are kept in the root; may be empty.
            num_seeds (int): S, the number of seeds that voted.
            num_classes (int): K, background included.
            shape (tuple[int, int], optional): The image's (H, W).
            losing_votes (bool): Whether the labels that lost the vote have to be there too. Roots
                of earlier versions have none.
        """
        try:
            label = read_mask(self.mask_path(AGGREGATED_FOLDER, image_id), shape, num_classes)
            self.read_agreement(image_id, num_seeds, label.shape)
            for name in seed_names:
                read_mask(self.mask_path(name, image_id), label.shape, num_classes)
            if losing_votes:
                self.read_losing_votes(image_id, num_classes, label.shape)
        except (FileNotFoundError, ValueError):
            return False
        return True

    def read_seeds(
        self,
        image_id: str,
        seed_names: Sequence[str],
        shape: tuple[int, int] | None = None,
        num_classes: int | None = None,
    ) -> np.ndarray:
        """Read the seeds of an image.

        Args:
            image_id (str): The image's id.
            seed_names (Sequence[str]): Names of the seeds, at least one.
            shape (tuple[int, int], optional): The image's (H, W); the first seed's where None.
            num_classes (int, optional): K; labels must be below it or 255.

        Returns:
            np.ndarray: uint8 (S, H, W).

        Raises:
            FileNotFoundError: If a mask is missing.
            ValueError: If a mask is damaged, of another size, or has a label out of range.
        """
        masks: list[np.ndarray] = []
        for name in seed_names:
            masks.append(read_mask(self.mask_path(name, image_id), shape, num_classes))
            shape = masks[0].shape
        return np.stack(masks)

    def read_agreement(
        self, image_id: str, num_seeds: int, shape: tuple[int, int] | None = None
    ) -> np.ndarray:
        """Read the agreement of an image, uint8 (H, W), 0 to ``num_seeds``.

        Raises:
            FileNotFoundError, ValueError: As :meth:`read_seeds`.
        """
        path = self.mask_path(AGREEMENT_FOLDER, image_id)
        return read_mask(path, shape, num_classes=num_seeds + 1, ignore_index=None)

    def write_losing_votes(self, image_id: str, losing_votes: np.ndarray) -> int:
        """Write the labels that lost the vote, without changing the other masks of an image.

        Args:
            image_id (str): The image's id.
            losing_votes (np.ndarray): uint8 (L, H, W), see
                :func:`~mmseg_wsss.seeds.find_losing_votes`; none are kept of an image that is
                corrected.

        Returns:
            int: Bytes written.
        """
        if self.corrections.has(image_id):
            losing_votes = no_losing_votes(losing_votes.shape[1:])
        return write_losing_votes(self.mask_path(LOSING_VOTES_FOLDER, image_id), losing_votes)

    def read_losing_votes(
        self, image_id: str, num_classes: int, shape: tuple[int, int]
    ) -> np.ndarray:
        """Read the labels that lost the vote, uint8 (L, H, W), 1 <= L <= 5; 255 is none.

        Raises:
            FileNotFoundError, ValueError: As :meth:`read_seeds`.
        """
        path = self.mask_path(LOSING_VOTES_FOLDER, image_id)
        return read_losing_votes(path, shape, num_classes)


def _dropped(found: SeedManifest, manifest: SeedManifest) -> list[str]:
    """Images of a root that another manifest does not list."""
    listed = set(manifest.images)
    return [image_id for image_id in found.images if image_id not in listed]
