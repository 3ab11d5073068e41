"""Recognises what a source of tags is, and reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from . import coco, fiftyone, folders, imagefolder, labelme, voc_xml, yolo
from .entries import TagEntries, files_below, read_json
from .photographs import ImageTags, Photographs, resolve
from .table import read_table

# By the name of the option --tags-from, with what they are.
SOURCES = {
    'table': 'CSV, JSON or npy file of tags',
    'folders': 'folders named by class',
    'coco': 'COCO annotation files',
    'labelme': 'LabelMe files',
    'voc': "XML files as PASCAL VOC's (LabelImg)",
    'yolo': 'YOLO label files',
    'fiftyone': "FiftyOne's labels.json or samples.json",
    'imagefolder': "Hugging Face's imagefolder",
}
# Those in which one of several fields or columns can be chosen, as fiftyone:ground_truth.
WITH_FIELD = ('fiftyone', 'imagefolder')
# Files of a folder that are looked at to recognise it.
LOOKED_AT = 20


def read_image_tags(
    tags: str | os.PathLike | Sequence[str | os.PathLike],
    paths: Mapping[str, str],
    folder: str | os.PathLike,
    classes: Sequence[str] | None = None,
    tags_from: str = 'auto',
) -> ImageTags:
    """Read the tags of the photographs of a folder from wherever they are.

    Args:
        tags (str | os.PathLike | Sequence[str | os.PathLike]): File or folder, or several files of
            COCO annotations.
        paths (Mapping[str, str]): Path of each photograph by its id.
        folder (str | os.PathLike): Their folder.
        classes (Sequence[str], optional): Foreground classes in order. By default those of the
            source, in the order in which it declares them, else alphabetical.
        tags_from (str): What ``tags`` is, a key of :data:`SOURCES`, for two of them with the field
            or column of the labels (``'fiftyone:ground_truth'``), or ``'auto'`` to recognise it.

    Returns:
        ImageTags: Tags, classes, and what was found wrong.

    Raises:
        FileNotFoundError: If a file or folder is missing.
        ValueError: If it is not clear what the source is, or it is malformed.
    """
    several = [tags] if isinstance(tags, str | os.PathLike) else list(tags)
    places = [Path(one) for one in several]
    kind, _, field = tags_from.partition(':')
    if kind not in ('auto', *SOURCES) or (field and kind not in WITH_FIELD):
        raise ValueError(
            f'tags_from is {tags_from!r}, expected auto, {", ".join(SOURCES)}; a field or column '
            f'can follow {" and ".join(WITH_FIELD)} (fiftyone:ground_truth)'
        )
    if not places:
        raise ValueError('no tags file or folder is given')
    for place in places:
        if not place.exists():
            raise FileNotFoundError(f'{place}: there is no such tags file or folder')
    if kind == 'auto':
        kinds = {recognise(place) for place in places}
        if len(kinds) > 1:
            raise ValueError(
                f'{", ".join(map(str, places))}: are of the kinds {", ".join(sorted(kinds))}; '
                'expected one kind'
            )
        kind = kinds.pop()
    place = places[0]
    if len(places) > 1 and kind != 'coco':
        raise ValueError(
            f'{", ".join(map(str, places))}: several files are read of COCO annotations alone; '
            f'expected one file or folder of {SOURCES[kind]}'
        )
    if kind == 'table':
        return read_table(place, paths, classes)
    images = Photographs(paths, os.fspath(folder))
    found = _read(kind, places, field or None, images, classes)
    result = resolve(found, images, classes, ', '.join(map(str, places)))
    if kind == 'yolo':
        yolo.add_unlabelled(result, paths)
    return result


def _read(
    kind: str,
    places: list[Path],
    field: str | None,
    images: Photographs,
    classes: Sequence[str] | None,
) -> TagEntries:
    place = places[0]
    if kind == 'coco':
        return coco.read(places)
    if kind == 'labelme':
        return labelme.read(place, classes)
    if kind == 'voc':
        return voc_xml.read(place)
    if kind == 'yolo':
        return yolo.read(place, images, classes)
    if kind == 'fiftyone':
        return fiftyone.read(place, field)
    if kind == 'imagefolder' and (field or place.is_file() or imagefolder.find_metadata(place)):
        return imagefolder.read(place, field, classes)
    return folders.read(place, images.paths, classes, innermost=kind == 'imagefolder')


def recognise(path: Path) -> str:
    """Tell what a source of tags is.

    Args:
        path (Path): A file or folder.

    Returns:
        str: A key of :data:`SOURCES`. A folder without any annotation file is ``'folders'``.

    Raises:
        ValueError: If a folder has annotations of several kinds, or a file is of none.
    """
    if path.is_file():
        return _kind_of_file(path)
    kinds: dict[str, Path] = {}
    for metadata in islice(imagefolder.find_metadata(path), 1):
        kinds['imagefolder'] = metadata
    for file in islice(files_below(path, ('.json',)), LOOKED_AT):
        content = read_json(file)
        for kind, is_kind in (
            ('coco', coco.is_coco),
            ('labelme', labelme.is_labelme),
            ('fiftyone', fiftyone.is_fiftyone),
        ):
            if is_kind(content):
                kinds.setdefault(kind, file)
    for file in islice(files_below(path, ('.xml',)), LOOKED_AT):
        if voc_xml.is_voc(file):
            kinds.setdefault('voc', file)
    for file in islice(yolo.find_label_files(path), 10 * LOOKED_AT):  # many may be empty
        if yolo.is_label_file(file):
            kinds.setdefault('yolo', file)
    if len(kinds) > 1:
        shown = [f'{SOURCES[kind]} ({file})' for kind, file in kinds.items()]
        raise ValueError(
            f'{path}: has {" and ".join(shown)}; say which has the tags, as in --tags-from '
            f'{next(iter(kinds))}'
        )
    return next(iter(kinds), 'folders')


def _kind_of_file(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in ('.jsonl', '.parquet'):
        return 'imagefolder'
    if suffix == '.csv' and imagefolder.has_file_names(path):
        return 'imagefolder'
    if suffix in ('.yaml', '.yml', '.names') or path.name in yolo.NAME_FILES:
        return 'yolo'
    if suffix == '.xml':
        return 'voc'
    if suffix == '.json':
        content = read_json(path)
        if coco.looks_like_coco(content):
            return 'coco'
        if labelme.is_labelme(content):
            return 'labelme'
        if fiftyone.is_fiftyone(content):
            return 'fiftyone'
    return 'table'
