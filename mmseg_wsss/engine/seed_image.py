"""One image of which seeds are made."""

from __future__ import annotations

from collections.abc import Sequence
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


def check_seed_images(images: Sequence[SeedImage], num_classes: int) -> None:
    """Make sure that there are images, with different ids and valid tags.

    Args:
        images (Sequence[SeedImage]): The images.
        num_classes (int): K, background included.

    Raises:
        ValueError: If there is no image, an id comes twice, or a tag is not 1 to K-1.
    """
    if not images:
        raise ValueError('There are no images to make seeds of: the data set is empty.')
    seen: set[str] = set()
    for image in images:
        if image.image_id in seen:
            raise ValueError(f'Image id {image.image_id} comes twice in the data set.')
        seen.add(image.image_id)
        outside = [tag for tag in image.tags if not 1 <= tag < num_classes]
        if outside:
            raise ValueError(
                f'Image {image.image_id} has the tags {outside}; labels of foreground classes '
                f'are 1 to {num_classes - 1}.'
            )
