"""One image of which seeds are made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SeedImage:
    """An image and its tags.

    Attributes:
        image_id (str): Id, the name of its masks in the seed root.
        path (str): Path of the image.
        tags (tuple[int, ...]): Label indices of its tags, ascending, 1 to K-1; may be empty.
    """

    image_id: str
    path: str
    tags: tuple[int, ...]
