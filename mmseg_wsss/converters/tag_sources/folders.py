"""Folders that are named by the class of the images in them."""

from __future__ import annotations

import hashlib
import os
import os.path as osp
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ...checks.report import examples
from ..folder_inputs import SUFFIXES, is_split_name, means_nothing
from .entries import Entry, TagEntries, class_name, files_below

# What FiftyOne calls the folder of images without a label.
UNLABELLED = '_unlabeled'


def read(
    path: Path,
    images: Mapping[str, str],
    classes: Sequence[str] | None,
    innermost: bool = False,
) -> TagEntries:
    """Read the tags of images from the names of their folders.

    Folders ``train``, ``val`` and the like, if there are no others, hold folders of classes. A
    folder ``none`` (or another word that says so) holds images without any class. Copies of one
    image in folders of several classes are one image with several tags.

    Args:
        path (Path): Folder of the folders; that of the photographs, one around it or within it, or
            one that has images of the same names.
        images (Mapping[str, str]): Path of each photograph by id.
        classes (Sequence[str], optional): Foreground classes that are listed.
        innermost (bool): Whether the class is the last folder, as in Hugging Face's imagefolder,
            not the first.

    Raises:
        ValueError: If there is no folder of a class.
    """
    if not path.is_dir():
        raise ValueError(f'{path}: expected a folder with a folder of images for each class')
    files, by_name = _files(path, images)
    splits = split_folders([parts for parts, _ in files.values()])
    by_class: dict[str, list[str]] = defaultdict(list)
    deeper, outside = [], []
    classes_of: dict[str, tuple[str, str]] = {}
    for file, (parts, _) in files.items():
        folders = parts[:-1]
        split = folders[0] if splits else ''
        folders = folders[1:] if splits else folders
        if not folders or folders[0] == UNLABELLED:
            outside.append(file)
            continue
        if len(folders) > 1:
            deeper.append(file)
        name = class_name(folders[-1 if innermost else 0], f'{path}: folder')
        by_class[name].append(file)
        classes_of[file] = (split, name)
    found = TagEntries(f'folders in {path} that are named by class', merges=True)
    if not by_class:
        raise ValueError(
            f'{path}: no tags in it: neither annotation files (JSON of COCO, LabelMe or FiftyOne, '
            'label files of YOLO, metadata.csv) nor folders of classes (<class>/<image>)'
        )
    if deeper:
        which = 'last' if innermost else 'first'
        other = 'folders takes the first' if innermost else 'imagefolder takes the last'
        found.remarks.append(
            f'{len(deeper)} images lie in folders within folders ({examples(deeper, 2)}); the '
            f'{which} folder is the class (--tags-from {other}).'
        )
    if outside:
        found.remarks.append(
            f'{len(outside)} images lie in no folder of a class and are left out '
            f'({examples(outside)}).'
        )
    nothing = [
        name for name in sorted(by_class) if means_nothing(name) and name not in (classes or ())
    ]
    for name in nothing:
        found.remarks.append(
            f'images in {name!r} show none of the classes; if it is a class, list it with the '
            'others (--classes).'
        )
    found.classes = sorted(set(by_class) - set(nothing))
    first_copy = {} if by_name else _copies(classes_of, found)
    tags_of: dict[str, set[str]] = defaultdict(set)
    for file, (_, name) in classes_of.items():
        _, image = files[first_copy.get(file, file)]
        tags_of[image].add(name)
        labels = () if name in nothing else (name,)
        found.entries.append(Entry(image, labels, file, str(path)))
    for image, names in tags_of.items():
        if len(names) > 1 and names & set(nothing):
            found.problems.append(
                f'{path}: {image} lies in {" and ".join(sorted(names))}, and '
                f'{min(names & set(nothing))} says that it shows no class.'
            )
    return found


def split_folders(parts: Collection[Sequence[str]]) -> bool:
    """Tell whether the first folders of images are those of a split, with folders in them.

    >>> split_folders([('train', 'cat', '1.jpg'), ('val', 'cat', '2.jpg')])
    True
    >>> split_folders([('train', '1.jpg'), ('car', '2.jpg')])
    False
    """
    first = {one[0] for one in parts if len(one) > 1}
    return all(is_split_name(name) for name in first) and any(len(one) > 2 for one in parts)


def _files(
    path: Path, images: Mapping[str, str]
) -> tuple[dict[str, tuple[tuple[str, ...], str]], bool]:
    """Give for each image file its parts below the folder and the name of its photograph.

    Also whether the files are others than the photographs, which have their names.
    """
    files = {}
    for image in images.values():
        # The place of a link counts, not that of what it leads to.
        place = osp.join(osp.realpath(osp.dirname(image)), osp.basename(image))
        below = osp.relpath(place, osp.realpath(path)).split(os.sep)
        if below[0] != osp.pardir:
            files[image] = (tuple(below), osp.abspath(image))
    if files:
        return files, False
    for file in files_below(path, SUFFIXES):
        parts = file.relative_to(path).parts
        files[str(file)] = (parts, parts[-1])
    return files, True


def _copies(classes_of: Mapping[str, tuple[str, str]], found: TagEntries) -> dict[str, str]:
    """Give the first copy of each image that lies in folders of several classes."""
    by_size: dict[tuple[str, int], list[str]] = defaultdict(list)
    for file, (split, _) in classes_of.items():
        by_size[split, osp.getsize(file)].append(file)
    first_copy: dict[str, str] = {}
    for files in by_size.values():
        if len({classes_of[file] for file in files}) < 2:
            continue
        by_content: dict[bytes, list[str]] = defaultdict(list)
        for file in sorted(files):
            by_content[hashlib.sha256(Path(file).read_bytes()).digest()].append(file)
        for copies in by_content.values():
            if len({classes_of[file] for file in copies}) > 1:
                first_copy |= dict.fromkeys(copies[1:], copies[0])
    if first_copy:
        pairs = [f'{file} is {first}' for file, first in sorted(first_copy.items())]
        found.remarks.append(
            f'{len(first_copy)} images are copies of one in the folder of another class '
            f'({examples(pairs, 2)}): the first has the tags of all, the copies are in no list.'
        )
    return first_copy
