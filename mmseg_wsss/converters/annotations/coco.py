"""COCO's JSON: ``images``, ``annotations`` with run lengths or polygons, ``categories``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from ...utils.pixel_limit import check_pixels
from ..coco_annotations import draw_instances
from .annotated import AnnotatedImage, ImageToAnnotate, LabelNames, json_bytes, labels_in, read_json

FILE_NAME = 'annotations.json'


def write(images: Sequence[ImageToAnnotate], labels: LabelNames) -> dict[str, bytes]:
    """Give the file for images: one annotation a class and image, 255 included.

    Args:
        images (Sequence[ImageToAnnotate]): The images; their order is kept.
        labels (LabelNames): The labels.

    Returns:
        dict[str, bytes]: Content by file name.
    """
    entries, annotations = [], []
    for number, image in enumerate(images, start=1):
        height, width = image.mask.shape
        entries.append(dict(id=number, file_name=image.file_name, height=height, width=width))
        for label in labels_in(image.mask):
            region = np.asfortranarray(image.mask == label, dtype=np.uint8)
            encoding = coco_mask.encode(region)
            score = {} if image.score is None else dict(score=round(image.score, 6))
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=number,
                    category_id=label,
                    iscrowd=1,  # what COCO calls a segmentation of run lengths
                    area=int(region.sum()),
                    bbox=[float(value) for value in coco_mask.toBbox(encoding)],
                    segmentation=dict(
                        size=[height, width], counts=encoding['counts'].decode('ascii')
                    ),
                    **score,
                )
            )
    categories = [
        dict(id=label, name=name, supercategory='') for label, name, _ in labels.foreground
    ]
    content = dict(
        info=dict(description='Masks to correct'),
        licenses=[],
        images=entries,
        annotations=annotations,
        categories=categories,
    )
    return {FILE_NAME: json_bytes(content)}


def read(path: Path, labels: LabelNames) -> Iterator[AnnotatedImage]:
    """Read the masks of a file.

    Where regions overlap the later one in the file is on top. Pixels without a region are
    background.

    Args:
        path (Path): The file, or a folder with ``annotations.json``.
        labels (LabelNames): The labels.

    Yields:
        AnnotatedImage: In the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file, an annotation is malformed, is of an image that is not
            listed or of no class, or a region has another size than its image.
    """
    if path.is_dir():
        path = path / FILE_NAME
    content = read_json(path)
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), list) for key in ('images', 'annotations', 'categories')
    ):
        raise ValueError(
            f"{path}: no file of COCO's annotations, expected an object with the lists images, "
            'annotations and categories'
        )
    categories: dict[int, str] = {}
    for one in content['categories']:
        number = _value(one, 'id', int, f'{path}: a category')
        name = _value(one, 'name', str, f'{path}: category {number}')
        if categories.setdefault(number, name) != name:
            raise ValueError(
                f'{path}: category {number} is {categories[number]!r} and {name!r}, expected one'
            )
    regions = _group(path, content['annotations'], categories, labels)
    seen: set[int] = set()
    for one in content['images']:
        source = f'{path}: image {one.get("id") if isinstance(one, Mapping) else one!r}'
        number = _value(one, 'id', int, source)
        name = _value(one, 'file_name', str, source)
        shape = (_value(one, 'height', int, source), _value(one, 'width', int, source))
        source = f'{path}: {name}'
        if number in seen:
            raise ValueError(f'{source}: two images have the id {number}')
        seen.add(number)
        if min(shape) < 1:
            raise ValueError(f'{source}: {shape[0]} x {shape[1]} pixels, expected at least 1')
        check_pixels(source, *shape)
        yield AnnotatedImage(name, _draw(shape, regions.pop(number, []), source), source)
    if regions:
        number, first = next(iter(regions.items()))
        raise ValueError(
            f'{path}: annotation {first[0][0]} is of image {number}, which is not in the list '
            'of images'
        )


def _group(
    path: Path, annotations: list, categories: Mapping[int, str], labels: LabelNames
) -> dict[int, list[tuple[Any, int, Any]]]:
    """Id, label and segmentation of the annotations by the number of their image."""
    regions: dict[int, list[tuple[Any, int, Any]]] = {}
    for one in annotations:
        number = one.get('id') if isinstance(one, Mapping) else None
        source = f'{path}: annotation {number}'
        category = _value(one, 'category_id', int, source)
        if category not in categories:
            raise ValueError(f'{source}: category {category} is not in the list of categories')
        label = labels.label(categories[category], source)
        image = _value(one, 'image_id', int, source)
        if not one.get('segmentation'):
            raise ValueError(
                f'{source}: has no segmentation (is it a box?), expected run lengths or polygons'
            )
        regions.setdefault(image, []).append((number, label, one['segmentation']))
    return regions


def _draw(shape: tuple[int, int], regions: list[tuple[Any, int, Any]], source: str) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    for number, label, segmentation in regions:
        try:
            # Drawn by itself as 1: label 0, of a background that was drawn, is a label as well.
            drawn, degenerate = draw_instances(shape, [(1, segmentation)])
        except (ValueError, TypeError) as error:
            raise ValueError(f'{source}, annotation {number}: {error}') from None
        if degenerate:
            raise ValueError(
                f'{source}, annotation {number}: a polygon has fewer than three corners'
            )
        if not drawn.any():
            raise ValueError(
                f'{source}, annotation {number}: the region has no pixel; delete it, or draw it'
            )
        mask[drawn == 1] = label
    return mask


def _value(entry: Any, key: str, kind: type, source: str) -> Any:
    if not isinstance(entry, Mapping):
        raise ValueError(f'{source}: {entry!r}, expected an object')
    value = entry.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f'{source}: {key} is {value!r}, expected {kind.__name__}')
    return value
