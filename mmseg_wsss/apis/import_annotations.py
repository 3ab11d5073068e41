"""Corrected masks of annotation tools become the labels of a seed root."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..converters.annotations import FORMATS, AnnotatedImage, LabelNames
from ..converters.annotations.image_names import ImageNames
from ..datasets.splits import read_split
from ..seeds import IGNORE_INDEX
from ..store import (
    AGGREGATED_FOLDER,
    SeedManifest,
    SeedStore,
    encode_mask,
    read_mask,
)
from ..store.image_records import NO_RECORD

SHOWN = 20  # problems named in one message


@dataclass
class Import:
    """What became of the images of a file.

    Attributes:
        corrected (list[str]): Ids of the images whose mask was corrected or confirmed.
        kept (list[str]): Those that were corrected alike before.
        unchanged (list[str]): Those whose mask is that of the seeds: they are not marked.
        total (int): Images of the seed root that are corrected now.
    """

    corrected: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    total: int = 0


def import_annotations(
    root: str | os.PathLike,
    source: str | os.PathLike,
    file_format: str,
    split: str | os.PathLike | None = None,
    accept_unchanged: bool = False,
    allow_empty: bool = False,
    replace: bool = False,
) -> Import:
    """Take corrected masks into a seed root.

    Each becomes the aggregate of its image, with the agreement of all seeds: its pixels are clean
    at any threshold, and 255 stays 255. The manifest lists the images as corrected, the mask itself
    is kept in ``<root>/corrected``. The same call again changes nothing.

    Args:
        root (str | os.PathLike): The seed root.
        source (str | os.PathLike): The file, archive or folder of the annotation tool.
        file_format (str): ``'coco'``, ``'label-studio'``, ``'cvat'`` or ``'png'``.
        split (str | os.PathLike, optional): File that lists the images to take; all without it.
        accept_unchanged (bool): Whether masks that are still those of the seeds count as looked at
            and found right. Annotations that were submitted in Label Studio do in any case.
        allow_empty (bool): Whether a mask may be background all over, where the seeds show a class.
        replace (bool): Whether a mask may replace another one of an image that is corrected.

    Returns:
        Import: What was taken.

    Raises:
        FileNotFoundError: If there is no such file or seed root.
        ValueError: If a file, an image or a mask does not fit; the message names each, and nothing
            is written.
    """
    if file_format not in FORMATS:
        raise ValueError(f'format {file_format!r}, expected one of {", ".join(FORMATS)}')
    store = SeedStore(root)
    manifest = SeedManifest.load(store.manifest_path)
    if manifest.ignore_index != IGNORE_INDEX:
        raise ValueError(
            f'{store.manifest_path}: ignore_index is {manifest.ignore_index}, only {IGNORE_INDEX} '
            'can be corrected'
        )
    names = ImageNames(manifest.images)
    wanted = None if split is None else read_split(split)
    problems = [
        f'{split}: {image_id} is no image of the seed root'
        for image_id in wanted or ()
        if image_id not in names.image_ids
    ]
    result = Import()
    found: dict[str, str] = {}
    masks: dict[str, bytes] = {}
    labels = LabelNames(manifest.classes, manifest.palette)
    for one in FORMATS[file_format].read(Path(source), labels):
        try:
            image_id = names.find(one.name, one.source)
            if wanted is not None and image_id not in wanted:
                continue
            if image_id in found:
                raise ValueError(
                    f'{one.source}: {image_id} comes twice, also as {found[image_id]}; take one out'
                )
            found[image_id] = one.source
            current = _current_mask(store, manifest, image_id)
            _check(one, image_id, current, allow_empty)
        except (ValueError, FileNotFoundError) as error:
            problems.append(str(error))
            continue
        is_same = np.array_equal(one.mask, current)
        if is_same and image_id in manifest.corrected:
            result.kept.append(image_id)
        elif image_id in manifest.corrected and not replace:
            # It may be an export that is older than the correction, with the mask of the seeds.
            problems.append(
                f'{one.source}: {image_id} is corrected by hand already, with another mask than '
                'this one; --replace takes this one, --split leaves images out'
            )
            continue
        elif is_same and not (accept_unchanged or one.is_reviewed):
            result.unchanged.append(image_id)
            continue
        else:
            result.corrected.append(image_id)
        # Encoded: the masks of a large file would not fit into memory.
        masks[image_id] = encode_mask(one.mask, manifest.palette)
    problems += [
        f'{source}: has no annotation of {image_id}, which {split} lists'
        for image_id in wanted or ()
        if image_id in names.image_ids and image_id not in found
    ]
    if not found and not problems:
        problems.append(f'{source}: holds no annotated image')
    if problems:
        more = [f'... and {len(problems) - SHOWN} more'] * (len(problems) > SHOWN)
        raise ValueError('\n'.join([*problems[:SHOWN], *more, 'Nothing was imported.']))
    if masks:
        store.corrections.apply(masks)
    result.total = len(SeedManifest.load(store.manifest_path).corrected)
    return result


def discard_corrections(root: str | os.PathLike, image_ids: Sequence[str]) -> None:
    """Give up the corrected masks of images. All of their masks are removed from the seed root.

    ``tools/make_seeds.py`` or ``tools/aggregate_seeds.py``, whichever made the root, makes them
    anew. Stopped, the same call completes it.

    Args:
        root (str | os.PathLike): The seed root.
        image_ids (Sequence[str]): Ids of the images.

    Raises:
        FileNotFoundError: If there is no manifest.
        ValueError: If an image is not corrected; nothing is removed then.
    """
    store = SeedStore(root)
    manifest = SeedManifest.load(store.manifest_path)
    others = [image_id for image_id in image_ids if image_id not in manifest.corrected]
    if others:
        raise ValueError(
            f'{store.manifest_path}: {", ".join(others[:3])} '
            f'{"is" if len(others) == 1 else "are"} not corrected by hand; corrected: '
            f'{", ".join(manifest.corrected[:10]) or "none"}'
        )
    # The marks last: with the masks but without the marks, hand-drawn masks would pass for votes.
    for image_id in image_ids:
        store.remove(image_id, manifest.seed_names)
    store.corrections.forget(image_ids)


def _current_mask(store: SeedStore, manifest: SeedManifest, image_id: str) -> np.ndarray:
    """The mask that a person has corrected, or that of the seeds."""
    if image_id in manifest.corrected and store.corrections.has(image_id):
        return store.corrections.read(image_id)
    if store.records.folder.is_dir() and store.records.read(image_id) is None:
        raise ValueError(
            f'{store.root}: the masks of {image_id} {NO_RECORD}; run tools/make_seeds.py to its '
            'end first'
        )
    path = store.mask_path(AGGREGATED_FOLDER, image_id)
    return read_mask(path, num_classes=len(manifest.classes))


def _check(one: AnnotatedImage, image_id: str, current: np.ndarray, allow_empty: bool) -> None:
    if one.mask.shape != current.shape:
        raise ValueError(
            f'{one.source}: {image_id} is {one.mask.shape[0]} x {one.mask.shape[1]} (height x '
            f'width), its masks in the seed root are {current.shape[0]} x {current.shape[1]}: '
            'annotate the photographs at their own size'
        )
    if not one.mask.any() and current.any() and not allow_empty:
        raise ValueError(
            f'{one.source}: {image_id} has no annotation, so that all of it would be background; '
            '--allow-empty if it is'
        )
