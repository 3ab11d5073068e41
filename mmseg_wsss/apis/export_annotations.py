"""Masks for annotation tools, the worst first."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..checks.report import examples
from ..converters.annotations import FORMATS, ImageToAnnotate, LabelNames
from ..converters.folder_inputs import list_images
from ..datasets.splits import read_split
from ..datasets.tags import read_tags
from ..evaluation import evaluate_seed_root, rank_suspicious
from ..store import (
    AGGREGATED_FOLDER,
    MANIFEST_NAME,
    ImageRecords,
    SeedManifest,
    SeedStore,
    read_mask,
)
from ..store.mask_folder import SETTINGS_NAME
from ..utils.atomic import write_atomic
from ..utils.palette import label_palette

LIST_NAME = 'images.txt'


@dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
        images (list[str]): Ids of the images, the one to look at first in front.
        files (list[Path]): Files for the annotation tool; masks of the format ``'png'`` are not
            listed.
        ranking (str): What the order follows, in words.
        corrected (int): How many of the images are corrected already.
    """

    images: list[str]
    files: list[Path]
    ranking: str
    corrected: int = 0


@dataclass(frozen=True)
class _Source:
    """Where masks come from: ids with scores, the worst first, and how to read one."""

    folder: Path
    labels: LabelNames
    ranked: list[tuple[str, float | None]]
    ranking: str
    img_suffix: str = '.jpg'
    corrected: frozenset[str] = frozenset()

    def read(self, image_id: str) -> np.ndarray:
        path = self.folder / f'{image_id}.png'
        return read_mask(path, num_classes=len(self.labels.classes))


def export_annotations(
    source: str | os.PathLike,
    out: str | os.PathLike,
    file_format: str,
    number: int | None = None,
    tags: str | os.PathLike | None = None,
    split: str | os.PathLike | None = None,
    images: str | os.PathLike | None = None,
    img_suffix: str | None = None,
    overwrite: bool = False,
    jobs: int = 1,
) -> Export:
    """Write masks for an annotation tool, the worst first, and ``images.txt``, their list.

    The aggregates of a seed root are ranked by
    :func:`~mmseg_wsss.evaluation.rank_suspicious`: those that contradict their tags first, then
    those on whose pixels the seeds agree least; images that are corrected come last. Masks of a
    network are ranked by its mean confidence, where that was recorded.

    Args:
        source (str | os.PathLike): A seed root, or a folder of masks that ``tools/predict.py`` or
            ``tools/make_pseudo_masks.py`` wrote.
        out (str | os.PathLike): The folder to write.
        file_format (str): ``'coco'``, ``'label-studio'``, ``'cvat'`` or ``'png'``.
        number (int, optional): So many images, the worst; all without it.
        tags (str | os.PathLike, optional): Tags file, for the ranking of a seed root; without it
            the tags that its masks were made with, if they are recorded.
        split (str | os.PathLike, optional): File that lists the images; all without it.
        images (str | os.PathLike, optional): Folder of the photographs, to name their files.
        img_suffix (str, optional): Suffix of the photographs without ``images``; by default that
            of the config that made the seeds, else ``.jpg``.
        overwrite (bool): Whether to replace files of an earlier export to ``out`` that differ.
        jobs (int): Number of processes that rank.

    Returns:
        Export: What was written. The same call writes the same files.

    Raises:
        FileNotFoundError: If a file or a mask is missing.
        ValueError: If an option or a file is wrong, or ``out`` holds other files; nothing is
            written then.
    """
    if file_format not in FORMATS:
        raise ValueError(f'format {file_format!r}, expected one of {", ".join(FORMATS)}')
    if number is not None and number < 1:
        raise ValueError(f'--number {number}, expected at least 1')
    wanted = None if split is None else read_split(split)
    found = _find_source(Path(source), wanted, tags, jobs)
    ranked = found.ranked[:number]
    files = _file_names([one for one, _ in ranked], images, img_suffix or found.img_suffix)
    annotated = [
        ImageToAnnotate(image_id, files[image_id], found.read(image_id), score)
        for image_id, score in ranked
    ]
    content = FORMATS[file_format].write(annotated, found.labels)
    content[LIST_NAME] = ''.join(f'{one.image_id}\n' for one in annotated).encode()
    _write(Path(out), content, overwrite)
    written = [Path(out) / name for name in content if not name.endswith('.png')]
    ids = [image_id for image_id, _ in ranked]
    return Export(ids, written, found.ranking, len(found.corrected & {*ids}))


def _find_source(
    source: Path, wanted: Sequence[str] | None, tags: str | os.PathLike | None, jobs: int
) -> _Source:
    if (source / MANIFEST_NAME).is_file():
        return _seed_root(source, wanted, tags, jobs)
    for folder in (source, source / 'masks'):
        if (folder / SETTINGS_NAME).is_file():
            if tags is not None:
                raise ValueError(
                    f'{folder}: masks of a network are ranked by its confidence, not by --tags'
                )
            return _predictions(folder, wanted)
    raise FileNotFoundError(
        f'{source}: neither a seed root (no {MANIFEST_NAME}) nor a folder of masks of '
        f'tools/predict.py or tools/make_pseudo_masks.py (no {SETTINGS_NAME})'
    )


def _seed_root(
    root: Path, wanted: Sequence[str] | None, tags: str | os.PathLike | None, jobs: int
) -> _Source:
    manifest = SeedManifest.load(root / MANIFEST_NAME)
    ids = manifest.images if wanted is None else list(wanted)
    known = read_tags(tags, manifest.classes) if tags else _recorded_tags(root, ids, manifest)
    result = evaluate_seed_root(root, ids, tags=known, jobs=jobs)
    ranked = [(one.image_id, one.quality) for one in rank_suspicious(result.evaluation.images)]
    ranking = 'the agreement of the seeds'
    dataset = (manifest.parameters.get('config') or {}).get('dataset') or {}
    return _Source(
        SeedStore(root).root / AGGREGATED_FOLDER,
        LabelNames(manifest.classes, manifest.palette),
        ranked,
        f'contradictions with the tags and {ranking}' if known else ranking,
        dataset.get('img_suffix') or '.jpg',
        frozenset(manifest.corrected),
    )


def _recorded_tags(
    root: Path, ids: Sequence[str], manifest: SeedManifest
) -> dict[str, tuple[int, ...]] | None:
    """The tags that the masks were made with; None where they are not all recorded."""
    labels = {name: label for label, name in enumerate(manifest.classes)}
    found = {}
    for image_id in ids:
        record = ImageRecords(root).read(image_id)
        if record is None or record.tags is None or not {*record.tags} <= {*labels}:
            return None
        found[image_id] = tuple(labels[name] for name in record.tags)
    return found


def _predictions(folder: Path, wanted: Sequence[str] | None) -> _Source:
    try:
        classes = json.loads((folder / SETTINGS_NAME).read_bytes())['classes']
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{folder / SETTINGS_NAME}: the file is damaged ({error!r})') from None
    ids = wanted
    if ids is None:
        ids = sorted(
            one.relative_to(folder).as_posix().removesuffix('.png') for one in folder.rglob('*.png')
        )
    if not ids:
        raise ValueError(f'{folder}: there is no mask in it')
    records = ImageRecords(folder)
    scores: dict[str, float | None] = {}
    for image_id in ids:
        record = records.read(image_id)
        scores[image_id] = None if record is None else record.confidence
    # Those of which nothing is known come first.
    ranked = sorted(scores.items(), key=lambda one: (-1.0 if one[1] is None else one[1], one[0]))
    known = any(score is not None for score in scores.values())
    return _Source(
        folder,
        LabelNames(classes, label_palette(len(classes))),
        ranked,
        "the network's mean confidence" if known else 'their names (no confidence is recorded)',
    )


def _file_names(
    ids: Sequence[str], images: str | os.PathLike | None, img_suffix: str
) -> Mapping[str, str]:
    """Files of images, relative to their folder."""
    if images is None:
        return {image_id: f'{image_id}{img_suffix}' for image_id in ids}
    paths = list_images(images)
    missing = [image_id for image_id in ids if image_id not in paths]
    if missing:
        raise FileNotFoundError(
            f'{images}: {len(missing)} of {len(ids)} photographs are not there: {examples(missing)}'
        )
    return {one: Path(os.path.relpath(paths[one], images)).as_posix() for one in ids}


def _write(out: Path, content: Mapping[str, bytes], overwrite: bool) -> None:
    """Write files, if the folder holds no other ones; equal files are left as they are."""
    there = {
        path.relative_to(out).as_posix(): path
        for path in (out.rglob('*') if out.is_dir() else ())
        if path.is_file()
    }
    others = sorted(set(there) - set(content))
    if others:
        raise ValueError(f'{out}: holds other files ({examples(others)}); choose a new folder')
    changed = sorted(name for name, path in there.items() if content[name] != path.read_bytes())
    if changed and not overwrite:
        raise ValueError(
            f'{out}: holds other masks, which may be corrections ({examples(changed)}); choose a '
            'new folder, or --overwrite'
        )
    for name, data in content.items():
        if name not in there or name in changed:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(out / name, data)
