"""Reading and checking of COCO's instance annotations."""

from __future__ import annotations

import json
import os.path as osp
from collections import defaultdict
from dataclasses import dataclass, field

from .checks import find_duplicates
from .coco_masks import LABEL_OF_CATEGORY
from .report import examples


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
