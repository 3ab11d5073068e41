"""YOLO's label files: a text file for each image, a line for each object, its class a number."""

from __future__ import annotations

import math
import os.path as osp
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from ...checks.report import examples
from ...datasets.splits import read_lines
from .entries import Entry, TagEntries, class_name, files_below
from .photographs import ImageTags, Photographs

NAME_FILES = ('classes.txt', 'obj.names', 'classes.names', 'predefined_classes.txt')
# Texts that data sets in this format have beside their labels.
OTHER_TEXTS = ('train', 'val', 'valid', 'test', 'readme', 'license', 'notes', 'requirements')


def find_label_files(folder: Path) -> list[Path]:
    """List the label files of a data set: the texts below folders ``labels``, or all if none is.

    Lists of images, names of classes and texts that are no labels are left out.
    """
    texts = [
        path
        for path in files_below(folder, ('.txt',))
        if path.name not in NAME_FILES
        and not path.name.lower().split('.')[0].startswith('autosplit')
    ]
    below_labels = [
        path
        for path in texts
        if 'labels' in (folder.resolve().name, *path.relative_to(folder).parts[:-1])
    ]
    if below_labels:
        return below_labels
    return [path for path in texts if path.stem.lower() not in OTHER_TEXTS]


def is_label_file(path: Path) -> bool:
    """Tell whether a text has at least one line and all begin with a class and a box."""
    try:
        rows = [line.split() for line in read_lines(path, 'label file') if line.strip()]
        return bool(rows) and all(_class_of(row) is not None for row in rows)
    except ValueError:
        return False


def find_names(folder: Path) -> Path | None:
    """Find the file that names the classes: in a folder, those in it, or its next two parents.

    Raises:
        ValueError: If several files name them differently.
    """
    places: list[Iterable[Path]] = [files_below(folder, ('.yaml', '.yml', '.txt', '.names'))]
    places += [sorted(parent.iterdir()) for parent in [*folder.resolve().parents][:2]]
    for files in places:
        found = [path for path in files if path.name in NAME_FILES or _is_data_yaml(path)]
        if found:
            found.sort(key=lambda path: (path.suffix.lower() not in ('.yaml', '.yml'), path))
            first = read_names(found[0])
            for other in found[1:]:
                if read_names(other) != first:
                    raise ValueError(
                        f'{found[0]} and {other} name the classes differently: '
                        f'{examples([*first.values()])} and '
                        f'{examples([*read_names(other).values()])}. Give the one that counts '
                        'in the place of the folder.'
                    )
            return found[0]
    return None


def read_names(path: Path) -> dict[int, str]:
    """Read the names of the classes by their number.

    Args:
        path (Path): ``data.yaml`` with ``names``, a list or numbers with names; or a text with a
            name a line, as ``classes.txt``.

    Raises:
        ValueError: If it is malformed, or ``nc`` is another number.
    """
    if path.suffix.lower() not in ('.yaml', '.yml'):
        lines = [line.strip() for line in read_lines(path, 'list of classes')]
        while lines and not lines[-1]:
            lines.pop()
        return {
            number: class_name(line, f'{path}:{number + 1}') for number, line in enumerate(lines)
        }
    content = _load_yaml(path)
    names = content.get('names')
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise ValueError(
            f'{path}: names is {names!r:.80}, expected a list of names, or numbers with names'
        )
    result = {}
    for number, name in names.items():
        text = str(number)
        if isinstance(number, bool) or not (text.isdecimal() and text.isascii()):
            raise ValueError(
                f'{path}: names has the key {number!r}, expected the number of a class'
            )
        if isinstance(name, int) and not isinstance(name, bool):
            name = str(name)
        result[int(text)] = class_name(name, f'{path}: names[{number}]')
    count = content.get('nc', len(result))
    if count != len(result):
        raise ValueError(f'{path}: nc is {count!r}, but names has {len(result)} names')
    return dict(sorted(result.items()))


def read(path: Path, images: Photographs, classes: Sequence[str] | None) -> TagEntries:
    """Read the tags of images from label files.

    An image with an empty label file has no tag, and so has, by YOLO's convention, one without a
    label file beside images that have one.

    Args:
        path (Path): Folder of the data set or of the label files, or its ``data.yaml``.
        images (Photographs): The images.
        classes (Sequence[str], optional): Foreground classes; they are the names in order where no
            file gives them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If there are no label files, or no names of classes.
    """
    folder = path if path.is_dir() else path.parent
    names_file = find_names(folder) if path.is_dir() else path
    roots = _roots(path, folder)
    files = [file for root in roots for file in find_label_files(root)]
    found = TagEntries(
        f'YOLO labels in {examples([str(root) for root in roots])}; boxes and outlines are not used'
    )
    if not files:
        raise ValueError(f'{folder}: no label files of YOLO (labels/<image>.txt) in it')
    if names_file is not None:
        names, names_source = read_names(names_file), str(names_file)
    elif classes is not None:
        names, names_source = dict(enumerate(classes)), '--classes'
        found.remarks.append(
            f'{folder}: no file names the classes; they are those of --classes, in this order.'
        )
    else:
        raise ValueError(
            f'{folder}: label files have numbers of classes, and no file names them. Add data.yaml '
            '(names: [cat, dog]) or classes.txt (a name a line), or list them in the order of the '
            'numbers (--classes).'
        )
    found.classes = list(dict.fromkeys(names.values()))
    skipped = []
    for file in files:
        image_id, name = _image_of(file, images)
        in_labels = 'labels' in file.parent.parts
        if image_id is None and not in_labels and not is_label_file(file):
            skipped.append(str(file))
            continue
        labels = _read_labels(file, names, names_source, found.problems)
        found.entries.append(Entry(name, labels, str(file), str(file.parent)))
    if skipped:
        found.remarks.append(
            f'{len(skipped)} texts are no label files and are not read ({examples(skipped, 3)}).'
        )
    return found


def add_unlabelled(result: ImageTags, images: Mapping[str, str]) -> None:
    """Give images without a label file no tag if others in their folder have one.

    That is YOLO's convention. It is not followed if label files are left without an image: they
    may be those of images that have been renamed.

    Args:
        result (ImageTags): Tags and remarks are added to it.
        images (Mapping[str, str]): Path of each image by id.
    """
    folders = {osp.dirname(images[image_id]) for image_id in result.tags}
    bare = [
        image_id
        for image_id, path in images.items()
        if image_id not in result.tags and osp.dirname(path) in folders
    ]
    if bare and result.absent:
        result.remarks.append(
            f'{len(bare)} images have no label file ({examples(bare)}), and {len(result.absent)} '
            f'label files have no image ({examples(result.absent)}): are they called otherwise? '
            'These images are in no list. Without such label files they would be images that show '
            'none of the classes.'
        )
    elif bare:
        result.tags |= dict.fromkeys(bare, ())
        result.remarks.append(
            f"{len(bare)} images have no label file and so, by YOLO's convention, show none of the "
            f'classes ({examples(bare)}). If they have not been labelled yet, take them out of the '
            'folder: as images without tags they teach the classifier that nothing is there.'
        )


def _roots(path: Path, folder: Path) -> list[Path]:
    """Give the folders to look for labels in: ``path`` of a data.yaml may lead elsewhere."""
    if path.is_dir() or path.suffix.lower() not in ('.yaml', '.yml'):
        return [folder]
    root = _load_yaml(path).get('path')
    if isinstance(root, str) and (folder / root).is_dir():
        return [folder / root]
    return [folder]


def _image_of(file: Path, images: Photographs) -> tuple[str | None, str]:
    """Give the image of a label file, if it is where YOLO looks for it, and its likely name."""
    stem = file.name[: -len(file.suffix)]
    parts = [*file.parent.resolve().parts]
    if 'labels' in parts:
        last = len(parts) - 1 - parts[::-1].index('labels')
        mirrored = Path(*parts[:last], 'images', *parts[last + 1 :], stem)
        for candidate in (mirrored, Path(*parts[:last], *parts[last + 1 :], stem)):
            if (image_id := images.at(str(candidate), '.')) is not None:
                return image_id, str(candidate)
        return images.at(stem, str(file.parent)), '/'.join([*parts[last + 1 :], stem])
    return images.at(stem, str(file.parent)), stem


def _read_labels(
    file: Path, names: Mapping[int, str], names_source: str, problems: list[str]
) -> tuple[str, ...]:
    labels: dict[str, None] = {}
    try:
        lines = read_lines(file, 'label file')
    except ValueError as error:
        problems.append(str(error))
        return ()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        label = _class_of(line.split())
        if label is None:
            problems.append(
                f'{file}:{number}: {line.strip()[:60]!r}, expected the number of a class and a box '
                '(class x y width height) or an outline.'
            )
        elif label not in names:
            problems.append(
                f'{file}:{number}: class {label}, expected one of the {len(names)} of '
                f'{names_source}, {min(names)} to {max(names)}.'
            )
        else:
            labels[names[label]] = None
    return tuple(labels)


def _class_of(words: Sequence[str]) -> int | None:
    """Give the number of the class of a line; None if it is no label."""
    try:
        label, *values = (float(word) for word in words)
    except ValueError:
        return None
    if len(values) < 4 or not all(math.isfinite(value) for value in (label, *values)):
        return None
    return int(label) if label >= 0 and label.is_integer() else None


def _is_data_yaml(path: Path) -> bool:
    if path.suffix.lower() not in ('.yaml', '.yml') or not path.is_file():
        return False
    try:
        return 'names' in _load_yaml(path)
    except ValueError:
        return path.stem == 'data'  # its fault is to be named


def _load_yaml(path: Path) -> dict:
    text = '\n'.join(read_lines(path, 'YAML file'))
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f'{path}: no valid YAML ({" ".join(str(error).split())})') from None
    if not isinstance(content, dict):
        raise ValueError(f'{path}: expected YAML with names of classes')
    return content
