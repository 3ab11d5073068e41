"""Photographs and annotation files that tests of tag sources write."""

from __future__ import annotations

import json
from pathlib import Path


def write_files(root: Path, *names: str) -> dict[str, str]:
    """Write files that only look like images, and give their paths by image id."""
    paths = {}
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        paths[name.rpartition('.')[0]] = str(path)
    return paths


def write_json(path: Path, content: object, bom: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding='utf-8-sig' if bom else 'utf-8')
    return path


def coco(images: dict[str, list[str]], *classes: str) -> dict:
    """Give COCO annotations with a box for each class of an image, by its file name."""
    numbers = {name: number for number, name in enumerate(classes, start=1)}
    return dict(
        images=[
            dict(id=number, file_name=name, height=4, width=4) for number, name in enumerate(images)
        ],
        annotations=[
            dict(id=100 * number + one, image_id=number, category_id=numbers[name], iscrowd=0)
            for number, names in enumerate(images.values())
            for one, name in enumerate(names)
        ],
        categories=[dict(id=number, name=name) for name, number in numbers.items()],
    )


def write_text(path: Path, text: str, encoding: str = 'utf-8') -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path
