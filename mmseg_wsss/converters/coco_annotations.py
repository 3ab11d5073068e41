"""COCO's instance annotations: reading, checking, and drawing as semantic masks."""

from __future__ import annotations

import json
import os.path as osp
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from pycocotools import mask as coco_mask

from ..checks.images import find_duplicates
from ..checks.report import examples


@dataclass
class CocoImage:
    """One image with its instances.

    Attributes:
        image_id (int): COCO's id.
        file_name (str): As in the annotations.
        shape (tuple[int, int]): Height and width as in the annotations.
        instances (list[tuple[int, list | dict]]): Label and segmentation, in the file's order,
            crowds left out.
    """

    image_id: int
    file_name: str
    shape: tuple[int, int]
    instances: list[tuple[int, list | dict]] = field(default_factory=list)

    @property
    def tags(self) -> tuple[int, ...]:
        """Sorted label indices of the instances."""
        return tuple(sorted({label for label, _ in self.instances}))


@dataclass
class CocoInstances:
    """What an ``instances_*.json`` holds.

    Attributes:
        images (list[CocoImage]): Images that have at least one instance, by id, without those
            that a problem concerns.
        num_images (int): All images in the file.
        num_crowds (int): Crowd annotations left out.
        problems (list[str]): Entries that are wrong.
    """

    images: list[CocoImage]
    num_images: int
    num_crowds: int
    problems: list[str]


def read_instances(path: str, classes: tuple[str, ...]) -> CocoInstances:
    """Read ``instances_train2014.json`` or another file of its kind.

    Args:
        path (str): Path of the file.
        classes (tuple[str, ...]): The 81 names, background first. The categories that the file
            declares must be these.

    Returns:
        CocoInstances: Images with instances, counts and problems: ids that occur twice, categories
        outside of COCO's 80, annotations of images that are not there, missing fields.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no JSON or has no images, annotations or categories.
    """
    content = _load(path)
    problems = []
    _check_categories(path, content['categories'], classes, problems)
    images: dict[int, CocoImage] = {}
    broken: set[int] = set()
    for entry in content['images']:
        try:
            shape = int(entry['height']), int(entry['width'])
            image = CocoImage(int(entry['id']), str(entry['file_name']), shape)
        except (KeyError, TypeError, ValueError):
            problems.append(
                f'{path}: image {entry!r:.100}: expected id, file_name, height and width.'
            )
            continue
        if image.image_id in images:
            problems.append(f'{path}: image id {image.image_id} occurs more than once.')
            broken.add(image.image_id)
        images[image.image_id] = image
    names = find_duplicates([image.file_name for image in images.values()])
    if names:
        problems.append(f'{path}: several image ids share a file_name ({examples(names)}).')
    num_crowds = 0
    seen: set[int] = set()
    strangers: dict[object, list[object]] = defaultdict(list)
    for entry in content['annotations']:
        try:
            number, image_id, category = entry['id'], entry['image_id'], entry['category_id']
            crowd, segmentation = bool(entry['iscrowd']), entry['segmentation']
        except (KeyError, TypeError):
            problems.append(
                f'{path}: annotation {entry!r:.100}: expected id, image_id, category_id, iscrowd '
                'and segmentation.'
            )
            if isinstance(entry, dict):
                broken.add(entry.get('image_id'))
            continue
        if number in seen:
            problems.append(f'{path}: annotation id {number} occurs more than once.')
            broken.add(image_id)
        seen.add(number)
        if category not in LABEL_OF_CATEGORY:
            problems.append(
                f'{path}: annotation {number} of image {image_id}: category id {category} is none '
                "of COCO's 80."
            )
            broken.add(image_id)
        elif image_id not in images:
            strangers[image_id].append(number)
        elif crowd:
            num_crowds += 1
        else:
            images[image_id].instances.append((LABEL_OF_CATEGORY[category], segmentation))
    problems += [
        f'{path}: annotations {examples([str(n) for n in numbers])} belong to image {image_id}, '
        'which is not in the file.'
        for image_id, numbers in strangers.items()
    ]
    kept = [
        image
        for image_id, image in sorted(images.items())
        if image.instances and image_id not in broken
    ]
    return CocoInstances(kept, len(images), num_crowds, problems)


def _load(path: str) -> dict:
    if not osp.isfile(path):
        raise FileNotFoundError(
            f'{path}: no such file; expected the official annotations_trainval2014 unpacked.'
        )
    with open(path, encoding='utf-8') as file:
        try:
            content = json.load(file)
        except ValueError as error:
            raise ValueError(f'{path}: not readable as JSON ({error}).') from None
    for key in ('images', 'annotations', 'categories'):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise ValueError(f'{path}: no list {key!r}, expected instance annotations of COCO.')
    return content


def _check_categories(
    path: str, categories: list, classes: tuple[str, ...], problems: list[str]
) -> None:
    for entry in categories:
        number = entry.get('id') if isinstance(entry, dict) else None
        name = entry.get('name') if isinstance(entry, dict) else None
        expected = classes[LABEL_OF_CATEGORY[number]] if number in LABEL_OF_CATEGORY else None
        if name != expected or expected is None:
            problems.append(
                f'{path}: category {number} is {name!r}, expected {expected!r}.'
                if expected
                else f"{path}: category {number} ({name!r}) is none of COCO's 80."
            )


# The ids of the 80 classes among COCO's 91; in this order they become labels 1 to 80.
CATEGORY_IDS = tuple(
    category
    for category in range(1, 91)
    if category not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
)
LABEL_OF_CATEGORY = {category: label for label, category in enumerate(CATEGORY_IDS, start=1)}
# A corner may be so many longer sides of its image away. pycocotools takes memory for each
# pixel of an outline, also outside of the image, and its process dies where there is too little.
FAR = 10


def draw_instances(
    shape: tuple[int, int], instances: Sequence[tuple[int, list | dict]]
) -> tuple[np.ndarray, int]:
    """Draw instances over each other, later ones on top.

    Args:
        shape (tuple[int, int]): Height and width of the image.
        instances (Sequence[tuple[int, list | dict]]): Label (1 to K-1) and ``segmentation``: a list
            of polygons (x and y in turn) or a run-length encoding (``size``, ``counts``).

    Returns:
        tuple[np.ndarray, int]: The mask, uint8 (H, W), 0 where no instance is, and the number of
        polygons left out since they have fewer than three corners and so no area.

    Raises:
        ValueError: If a segmentation is malformed or a run-length encoding has another size.

    >>> draw_instances((2, 3), [(1, [[0, 0, 2, 0, 2, 2, 0, 2]]), (7, [[1, 0, 2, 0, 2, 1, 1, 1]])])
    (array([[1, 7, 0],
           [1, 1, 0]], dtype=uint8), 0)
    """
    mask = np.zeros(shape, np.uint8)
    degenerate = 0
    for label, segmentation in instances:
        if isinstance(segmentation, dict):
            mask[decode_run_lengths(segmentation, shape)] = label
            continue
        if not isinstance(segmentation, list):
            raise ValueError(
                f'segmentation is {type(segmentation).__name__}, expected polygons or run lengths'
            )
        for polygon in segmentation:
            if not isinstance(polygon, list) or len(polygon) % 2:
                raise ValueError('a polygon is no list of x, y pairs')
            if len(polygon) < 6:
                degenerate += 1
                continue
            if not np.isfinite(polygon).all():
                raise ValueError('a polygon has a corner that is not finite')
            if np.abs(polygon).max() > FAR * max(shape):
                raise ValueError('a polygon has a corner far outside of the image')
            mask[fill_polygon(polygon, shape)] = label
    return mask, degenerate


def fill_polygon(polygon: list[float], shape: tuple[int, int]) -> np.ndarray:
    """Fill a polygon as COCO's own tools do.

    Args:
        polygon (list[float]): x and y in turn, at least three corners; pixel (row, column) covers
            the square from (column, row) to (column + 1, row + 1).
        shape (tuple[int, int]): Height and width of the image.

    Returns:
        np.ndarray: bool (H, W).

    >>> fill_polygon([0, 0, 2, 0, 2, 1, 0, 1], (2, 3)).astype(int)
    array([[1, 1, 0],
           [0, 0, 0]])
    """
    return coco_mask.decode(coco_mask.frPyObjects([polygon], *shape))[..., 0].astype(bool)


def decode_run_lengths(encoding: dict, shape: tuple[int, int]) -> np.ndarray:
    """Decode COCO's run lengths: columns first, outside and inside in turn.

    Args:
        encoding (dict): ``size`` (H, W) and ``counts``, a list of lengths or COCO's compressed
            string.
        shape (tuple[int, int]): Height and width of the image.

    Returns:
        np.ndarray: bool (H, W).

    Raises:
        ValueError: If the size is another or the counts do not fill it.

    >>> decode_run_lengths({'size': [2, 2], 'counts': [1, 2, 1]}, (2, 2)).astype(int)
    array([[0, 1],
           [1, 0]])
    """
    if tuple(encoding.get('size', ())) != tuple(shape):
        raise ValueError(f'run lengths of size {encoding.get("size")}, expected {list(shape)}')
    counts = encoding.get('counts')
    if isinstance(counts, str):
        counts = _unpack_counts(counts)
    counts = np.asarray(counts)
    if counts.ndim != 1 or counts.dtype.kind not in 'iu' or (counts < 0).any():
        raise ValueError('the counts of run lengths are no list of lengths')
    if counts.sum() != shape[0] * shape[1]:
        raise ValueError(f'run lengths of {counts.sum()} pixels, expected {shape[0] * shape[1]}')
    inside = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return inside.reshape(shape, order='F')


def _unpack_counts(text: str) -> list[int]:
    """Unpack COCO's string: 5 bits a character, from the third on differences to two before."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:  # more characters follow
            continue
        if bits & 16:  # negative
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts
