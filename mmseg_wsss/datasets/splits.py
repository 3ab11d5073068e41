"""Split lists: which images belong to a data set."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..store import check_image_id

# An image's file: 'camera_1/0001.jpg', '/JPEGImages/2007_000032.jpg'; or that and its mask's.
_SUFFIX = r'\.(?:jpe?g|png|bmp|tiff?|webp)'
FILE_NAMES = re.compile(rf'(.+?){_SUFFIX}(?:\s+(.+)\.png)?', re.IGNORECASE)
# Folders of images in the field's data sets, whose lists name them; they are no part of an id.
IMAGE_FOLDERS = ('JPEGImages', 'train2014', 'val2014')


def read_split(path: str | os.PathLike) -> list[str]:
    """Read a split list.

    One image id a line, UTF-8, blank lines ignored. An id is the path below the folder of the
    images without suffix. Names of files are reduced to it:

    * ``camera_1/0001.jpg`` is ``camera_1/0001``: folders are kept.
    * ``/JPEGImages/2007_000032.jpg`` is a path below the folder of the data set, whose first folder
      holds the images; ``JPEGImages``, ``train2014`` and ``val2014`` are left out without the
      slash as well.
    * ``/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png``, image and mask: the id
      is what they have in common.

    Args:
        path (str | os.PathLike): The list.

    Returns:
        list[str]: Image ids in the order of the list, at least one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it names no image or is not UTF-8, or a line is a duplicate or no valid
            image id (see :func:`~mmseg_wsss.store.check_image_id`), with the line's number.
    """
    first_lines: dict[str, int] = {}
    for number, line in enumerate(read_lines(path, 'split list'), start=1):
        line = line.strip()
        if not line:
            continue
        image_id = _reduce(line, f'{path}:{number}')
        if image_id in first_lines:
            raise ValueError(
                f'{path}:{number}: duplicate image id {image_id!r}, first in line '
                f'{first_lines[image_id]}'
            )
        first_lines[image_id] = number
    if not first_lines:
        raise ValueError(f'{path}: the split list is empty, expected one image id a line')
    return list(first_lines)


def read_lines(path: str | os.PathLike, what: str) -> list[str]:
    """Read the lines of a UTF-8 text file, with or without byte order mark.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not UTF-8.
    """
    try:
        content = Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f'{path}: there is no such {what}') from None
    except IsADirectoryError:
        raise ValueError(f'{path}: is a folder, expected a {what}') from None
    try:
        text = content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b'\n') + 1
        raise ValueError(f'{path}:{line}: the {what} is not UTF-8 text') from None
    # Not str.splitlines, which also breaks at characters that are no line ends.
    return re.split('\r\n|\r|\n', text)


def _reduce(line: str, source: str) -> str:
    """Reduce one line to the image id it names."""
    files = FILE_NAMES.fullmatch(line)
    if not files:
        return check_image_id(line, source)
    image, mask = files.groups()
    # The paths are relative to the data set whatever the leading slash says.
    for file in filter(None, (image, mask)):
        check_image_id(file.removeprefix('/'), source)
    parts = image.removeprefix('/').split('/')
    if mask is not None:
        common = []
        for one, other in zip(parts[::-1], mask.removeprefix('/').split('/')[::-1], strict=False):
            if one != other:
                break
            common.append(one)
        if not common:
            raise ValueError(f'{source}: image {image} and mask {mask} have different names')
        return '/'.join(common[::-1])
    if len(parts) > 1 and (image.startswith('/') or parts[0] in IMAGE_FOLDERS):
        parts = parts[1:]
    return '/'.join(parts)
