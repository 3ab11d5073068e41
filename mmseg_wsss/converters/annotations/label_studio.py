"""Label Studio's tasks: JSON with a region of brush run lengths for each label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from ...utils.pixel_limit import check_pixels
from .annotated import AnnotatedImage, ImageToAnnotate, LabelNames, json_bytes, labels_in, read_json
from .brush_rle import decode, encode

FILE_NAME = 'tasks.json'
CONFIG_NAME = 'label_config.xml'
# Where Label Studio serves local files, see its guide on local storage.
LOCAL_FILES = '/data/local-files/?d='
TAG, OBJECT = 'label', 'image'
# Keys of the names of a region's labels: <BrushLabels>, and <Brush> beside <Labels>.
NAME_KEYS = ('brushlabels', 'labels')


def write(images: Sequence[ImageToAnnotate], labels: LabelNames) -> dict[str, bytes]:
    """Give the tasks, with the masks as predictions to start from, and the labelling interface.

    Args:
        images (Sequence[ImageToAnnotate]): The images; their order is kept.
        labels (LabelNames): The labels.

    Returns:
        dict[str, bytes]: Content by file name.
    """
    tasks = []
    for image in images:
        height, width = image.mask.shape
        names = {label: name for label, name, _ in labels.foreground}
        result = [
            dict(
                id=f'{label:03d}',
                type='brushlabels',
                from_name=TAG,
                to_name=OBJECT,
                original_width=width,
                original_height=height,
                image_rotation=0,
                value=dict(
                    format='rle', rle=encode(image.mask == label), brushlabels=[names[label]]
                ),
            )
            for label in labels_in(image.mask)
        ]
        data = dict(image=f'{LOCAL_FILES}{quote(image.file_name)}', image_id=image.image_id)
        data |= dict(height=height, width=width)
        prediction: dict[str, Any] = dict(model_version='mmseg_wsss', result=result)
        if image.score is not None:
            prediction['score'] = round(image.score, 6)
        tasks.append(dict(data=data, predictions=[prediction]))
    colors = [
        f'    <Label value={quoteattr(name)} background="#{red:02x}{green:02x}{blue:02x}"/>'
        for _, name, (red, green, blue) in labels.foreground
    ]
    config = [
        '<View>',
        f'  <Image name="{OBJECT}" value="${OBJECT}" zoom="true"/>',
        f'  <BrushLabels name="{TAG}" toName="{OBJECT}">',
        *colors,
        '  </BrushLabels>',
        '</View>',
    ]
    return {FILE_NAME: json_bytes(tasks), CONFIG_NAME: ('\n'.join(config) + '\n').encode()}


def read(path: Path, labels: LabelNames) -> Iterator[AnnotatedImage]:
    """Read the submitted annotations of a JSON export; predictions are none.

    Tasks without an annotation, or whose annotation was skipped, are left out. Where regions
    overlap the later one in the annotation is on top. Pixels without a region are background.

    Args:
        path (Path): The file, or a folder with ``tasks.json``.
        labels (LabelNames): The labels.

    Yields:
        AnnotatedImage: In the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file, a task has several annotations, a region is of no class,
            is not drawn with the brush, or is damaged.
    """
    if path.is_dir():
        path = path / FILE_NAME
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(
        isinstance(one, dict) and isinstance(one.get('data'), dict) for one in tasks
    ):
        raise ValueError(
            f"{path}: no export of Label Studio's tasks, expected a list of objects with data and "
            'annotations; choose the export format JSON (not JSON-MIN)'
        )
    for number, task in enumerate(tasks, start=1):
        data = task['data']
        names = [one for one in (data.get('image_id'), data.get(OBJECT)) if isinstance(one, str)]
        source = f'{path}: task {task.get("id", number)}'
        if not names:
            raise ValueError(
                f'{source}: has no image, expected data.image_id or data.{OBJECT} (has '
                f'{", ".join(data)})'
            )
        source = f'{source} ({names[0]})'
        result = _submitted(task, source)
        if result is None:
            continue
        mask = _draw(result, data, labels, source)
        yield AnnotatedImage(names[0], mask, source, is_reviewed=True)


def _submitted(task: Mapping[str, Any], source: str) -> list | None:
    """The result of a task's one annotation; None if there is none."""
    given = task.get('annotations', [])
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ValueError(f'{source}: annotations is no list of objects')
    found = [one for one in given if not one.get('was_cancelled')]
    if len(found) > 1:
        # The star of Label Studio's interface marks the annotation that counts.
        found = [one for one in found if one.get('ground_truth')] or found
    if len(found) > 1:
        ids = ', '.join(str(one.get('id')) for one in found)
        raise ValueError(
            f'{source}: has {len(found)} annotations ({ids}), expected one: delete the others, or '
            'mark the one that counts as ground truth'
        )
    if not found:
        return None
    result = found[0].get('result')
    if not isinstance(result, list) or not all(isinstance(one, dict) for one in result):
        raise ValueError(f'{source}: the annotation has no list of results')
    return result


def _draw(
    result: list[dict], data: Mapping[str, Any], labels: LabelNames, source: str
) -> np.ndarray:
    mask = None
    labelled = {one.get('id') for one in result if _names(one.get('value')) is not None}
    for one in result:
        value = one.get('value')
        where = f'{source}, region {one.get("id")}'
        if not isinstance(value, dict):
            raise ValueError(f'{where}: has no value')
        if 'rle' not in value:
            # Polygons, boxes, ellipses and key points have a place; choices and texts do not.
            if {'points', 'x', 'keypointlabels'} & set(value):
                raise ValueError(
                    f'{where}: is of type {one.get("type")!r}, expected a region that was drawn '
                    'with the brush'
                )
            continue
        names = _names(value)
        if names is None and one.get('id') in labelled:
            continue  # <Brush> beside <Labels>: an entry of the same id says it again, with a label
        if not isinstance(names, list) or len(names) != 1:
            raise ValueError(f'{where}: has the labels {names!r}, expected one')
        shape = _shape(one.get('original_height'), one.get('original_width'), where)
        if one.get('image_rotation'):
            raise ValueError(
                f'{where}: the image was turned by {one["image_rotation"]} degrees; expected none'
            )
        if mask is None:
            mask = np.zeros(shape, np.uint8)
        if mask.shape != shape:
            raise ValueError(f'{where}: is of {shape}, another region of {mask.shape} pixels')
        try:
            region = decode(value['rle'], shape)
        except ValueError as error:
            raise ValueError(f'{where}: {error}') from None
        if not region.any():
            raise ValueError(f'{where}: has no pixel; delete it, or draw it')
        mask[region] = labels.label(str(names[0]), where)
    if mask is None:
        # Nothing is drawn: the size is known of tasks that an export made.
        if 'height' not in data or 'width' not in data:
            raise ValueError(
                f'{source}: nothing is annotated, and the task does not say how large the image '
                'is; draw the background, or take the task out'
            )
        mask = np.zeros(_shape(data['height'], data['width'], source), np.uint8)
    return mask


def _names(value: Any) -> Any:
    """The labels of a region of the brush; None if it has none."""
    if not isinstance(value, dict) or 'rle' not in value:
        return None
    return next((value[key] for key in NAME_KEYS if value.get(key)), None)


def _shape(height: Any, width: Any, source: str) -> tuple[int, int]:
    if not all(isinstance(side, int) and side > 0 for side in (height, width)):
        raise ValueError(
            f'{source}: the image has {height!r} x {width!r} pixels, expected whole numbers above 0'
        )
    check_pixels(source, height, width)
    return height, width
