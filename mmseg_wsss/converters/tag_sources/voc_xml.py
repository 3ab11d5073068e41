"""PASCAL VOC's annotations, which LabelImg and many others write: an XML file for each image."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from ...checks.report import examples
from ..voc_sources import read_xml
from .entries import Entry, TagEntries, class_name, files_below


def is_voc(path: Path) -> bool:
    """Tell whether an XML file is an annotation of one image, as PASCAL VOC has them."""
    try:
        return read_xml(path).tag == 'annotation'
    except ValueError:
        return False


def read(path: Path) -> TagEntries:
    """Read the tags of images from the names of their objects.

    Objects marked ``difficult`` count, as in the field; parts of objects (VOC's ``head``, ``hand``,
    ``foot``) do not. An image whose file has no object has no tag; an image without a file has not
    been annotated.

    Args:
        path (Path): A folder, those in it included, or one file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is no XML, or there is no annotation.
    """
    files = files_below(path, ('.xml',)) if path.is_dir() else [path]
    found = TagEntries(f"annotations as PASCAL VOC's in {path}; boxes are not used")
    others = []
    for file in files:
        root = read_xml(file)
        if root.tag == 'annotation':
            found.entries.append(_entry(file, root, found))
        else:
            others.append(str(file))
    if not found.entries:
        raise ValueError(
            f"{path}: no annotation as PASCAL VOC's, expected XML files whose outermost element is "
            'annotation'
        )
    if others:
        found.remarks.append(
            f'{len(others)} XML files are no annotations and are not read ({examples(others, 3)}).'
        )
    return found


def _entry(file: Path, root: ElementTree.Element, found: TagEntries) -> Entry:
    labels = []
    for number, item in enumerate(root.findall('object')):
        try:
            labels.append(class_name(item.findtext('name'), f'{file}: name of object {number}'))
        except ValueError as error:
            found.problems.append(str(error))
    # Tools keep the name of a photograph that was renamed with its file; some write none.
    name = (root.findtext('filename') or '').strip() or file.stem
    labels = tuple(dict.fromkeys(labels))
    return Entry(name, labels, str(file), str(file.parent), other_names=(file.stem,))
