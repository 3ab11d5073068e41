"""FiftyOne's exports: ``labels.json`` of images or objects, and ``samples.json`` of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...checks.report import examples
from .entries import Entry, TagEntries, class_name, files_below, read_json

FILE_NAMES = ('labels.json', 'samples.json')
DEFAULT_FIELD = 'ground_truth'
# Kinds of labels by their _cls, and where a list of them is kept.
SINGLE = ('Classification', 'Detection', 'Polyline')
LISTS = {'Classifications': 'classifications', 'Detections': 'detections', 'Polylines': 'polylines'}


def is_fiftyone(content: Any) -> bool:
    """Tell whether a parsed JSON file is one of FiftyOne's."""
    if not isinstance(content, dict):
        return False
    samples = content.get('samples')
    if isinstance(samples, list) and all(isinstance(one, dict) for one in samples):
        return bool(samples) and 'filepath' in samples[0]
    classes = content.get('classes')
    return isinstance(content.get('labels'), dict) and (
        classes is None or isinstance(classes, list)
    )


def read(path: Path, field: str | None) -> TagEntries:
    """Read the tags of images from the labels of an export.

    An image whose label is null has not been labelled and is left out; one with an empty list of
    objects has no tag.

    Args:
        path (Path): A file, or a folder with ``labels.json`` or ``samples.json``, also one for each
            of its folders ``train``, ``validation`` and ``test``.
        field (str, optional): Field of the labels in ``samples.json``; by default ``ground_truth``,
            or the only one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no export of FiftyOne, or has several fields of labels.
    """
    files = [path]
    if path.is_dir():
        files = [one for one in files_below(path, ('.json',)) if one.name in FILE_NAMES]
        files = [one for one in files if is_fiftyone(read_json(one))]
    found = TagEntries(f'FiftyOne labels in {path}; boxes and masks are not used', classes=[])
    if not files:
        raise ValueError(f"{path}: no labels.json or samples.json of FiftyOne's in it")
    unlabelled: list[str] = []
    classes: dict[str, None] = {}
    for file in files:
        content = read_json(file)
        if not is_fiftyone(content):
            raise ValueError(
                f'{file}: no export of FiftyOne, expected an object with labels (and classes), or '
                'with samples that have a filepath'
            )
        if 'samples' in content:
            classes |= dict.fromkeys(_read_samples(file, content, field, found, unlabelled))
        else:
            classes |= dict.fromkeys(_read_labels(file, content, found, unlabelled))
    found.classes = list(classes) or None
    if unlabelled:
        found.remarks.append(
            f'{len(unlabelled)} images have no label (null), not even an empty one, and are left '
            f'out ({examples(unlabelled)}).'
        )
    return found


def _read_labels(
    path: Path, content: Mapping[str, Any], found: TagEntries, unlabelled: list[str]
) -> list[str]:
    classes = [
        class_name(name, f'{path}: classes[{number}]')
        for number, name in enumerate(content.get('classes') or [])
    ]
    for name, target in content['labels'].items():
        source = f'{path}: labels[{name!r}]'
        if target is None:
            unlabelled.append(name)
            continue
        try:
            labels = tuple(_target_name(one, classes, source) for one in _targets(target))
        except ValueError as error:
            found.problems.append(str(error))
            continue
        found.entries.append(
            Entry(name, tuple(dict.fromkeys(labels)), source, str(path.parent / 'data'))
        )
    return classes


def _targets(target: Any) -> list[Any]:
    """Give the classes of one image, as numbers or names, however they are wrapped."""
    if isinstance(target, list):
        return [value for one in target for value in _targets(one)]
    if isinstance(target, dict):
        values = next((target[key] for key in ('label', 'labels') if key in target), target)
        return values if isinstance(values, list) else [values]
    return [target]


def _target_name(target: Any, classes: list[str], source: str) -> str:
    if isinstance(target, int) and not isinstance(target, bool):
        if not 0 <= target < len(classes):
            raise ValueError(
                f'{source}: class {target}, expected a number from 0 to {len(classes) - 1} of '
                'classes' if classes else
                f'{source}: class {target}, and the file has no classes that name it'
            )  # fmt: skip
        return classes[target]
    name = class_name(target, source)
    if classes and name not in classes:
        raise ValueError(f'{source}: {name!r} is not among classes ({examples(classes, 10)})')
    return name


def _read_samples(
    path: Path,
    content: Mapping[str, Any],
    field: str | None,
    found: TagEntries,
    unlabelled: list[str],
) -> list[str]:
    samples = content['samples']
    field = _choose_field(path, samples, field)
    for number, sample in enumerate(samples):
        source = f'{path}: samples[{number}]'
        name, label = sample.get('filepath'), sample.get(field)
        if not isinstance(name, str) or not name:
            found.problems.append(f'{source}: filepath is {name!r:.80}, expected a path')
            continue
        if label is None:
            unlabelled.append(name)
            continue
        try:
            labels = _label_names(label, f'{source}.{field}')
        except ValueError as error:
            found.problems.append(str(error))
            continue
        found.entries.append(Entry(name, labels, f'{source} ({name})', str(path.parent)))
    metadata = path.parent / 'metadata.json'
    content = read_json(metadata) if metadata.is_file() else {}
    if not isinstance(content, dict):
        return []
    by_field = content.get('classes')
    names = by_field.get(field) if isinstance(by_field, dict) else None
    names = names or content.get('default_classes') or []
    return [class_name(name, f'{metadata}: classes') for name in names]


def _choose_field(path: Path, samples: list[dict], field: str | None) -> str:
    kinds: dict[str, str] = {}
    for sample in samples:
        for name, value in sample.items():
            if isinstance(value, dict) and value.get('_cls') in (*SINGLE, *LISTS):
                kinds[name] = value['_cls']
    shown = ', '.join(f'{name} ({kind})' for name, kind in sorted(kinds.items())) or 'none'
    if field is not None:
        if field not in kinds:
            raise ValueError(f'{path}: there is no field {field!r} of labels; it has {shown}')
        return field
    if DEFAULT_FIELD in kinds:
        return DEFAULT_FIELD
    if len(kinds) != 1:
        raise ValueError(
            f'{path}: fields of labels: {shown}; expected {DEFAULT_FIELD} or a single one. Say '
            'which one has the tags: --tags-from fiftyone:FIELD'
        )
    return next(iter(kinds))


def _label_names(label: Any, source: str) -> tuple[str, ...]:
    kind = label.get('_cls') if isinstance(label, dict) else None
    if kind in SINGLE:
        labels = [label]
    elif kind in LISTS:
        labels = label.get(LISTS[kind]) or []
    else:
        raise ValueError(f'{source}: {label!r:.80}, expected a {", ".join((*SINGLE, *LISTS))}')
    names: dict[str, None] = {}
    for number, one in enumerate(labels):
        where = f'{source}[{number}]'
        names[class_name(one.get('label') if isinstance(one, dict) else one, where)] = None
    return tuple(names)
