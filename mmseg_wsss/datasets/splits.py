"""Split lists: which images belong to a data set."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from ..store import check_image_id

# '/JPEGImages/2007_000032.jpg' or that and '/SegmentationClassAug/2007_000032.png'.
FILE_NAMES = re.compile(r'(\S+)\.(?:jpe?g|png)(?:\s+(\S+)\.png)?', re.IGNORECASE)


def read_split(path: str | os.PathLike) -> list[str]:
    """Read a split list.

    One image id a line, UTF-8, blank lines ignored. Two further habits of the field are reduced to
    the id: the image's file (``/JPEGImages/2007_000032.jpg``) and the image's and the mask's file
    (``/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png``); folders in them are
    dropped.

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
    image_id = PurePosixPath(image).name
    if mask is not None and PurePosixPath(mask).name != image_id:
        raise ValueError(f'{source}: image {image} and mask {mask} have different names')
    return image_id
