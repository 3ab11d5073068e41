"""Image ids: what one may be, as it becomes a path, and the names the field gives an image."""

from __future__ import annotations

import os
import os.path as osp
import re
from collections.abc import Iterator

# Longest name of a file on the usual file systems is 255 bytes, '.png' included.
MAX_BYTES = 251


def check_image_id(image_id: str, source: str) -> str:
    """Make sure that an image id is a plain relative name, e.g. ``2007_000032``, ``train/0001``.

    Blanks and any script are fine; whatever could leave the folder or hide in it is not.

    Args:
        image_id (str): The id, with ``/`` between subfolders.
        source (str): Where it was read (file and line), for the message.

    Returns:
        str: The id itself.

    Raises:
        ValueError: If it is empty, absolute, too long, not printable, or has an empty component,
            a component that starts with a dot (``..``), or a backslash.

    >>> check_image_id('train2014/000001', 'train.txt:1')
    'train2014/000001'
    >>> check_image_id('../secret', 'train.txt:2')
    Traceback (most recent call last):
    ValueError: train.txt:2: image id '../secret' has a part that starts with a dot
    """
    if not isinstance(image_id, str):
        raise ValueError(f'{source}: image id {image_id!r} is no text')
    if not image_id:
        raise ValueError(f'{source}: an image id is empty')
    if image_id.startswith('/') or '\\' in image_id:
        reason = 'must be relative, with / between folders'
    elif not image_id.isprintable():
        reason = 'has a control character'
    elif any(not part for part in image_id.split('/')):
        reason = 'has an empty part'
    elif any(part.startswith('.') for part in image_id.split('/')):
        reason = 'has a part that starts with a dot'
    elif any(len(part.encode('utf-8', 'replace')) > MAX_BYTES for part in image_id.split('/')):
        reason = f'has a part longer than {MAX_BYTES} bytes'
    else:
        return image_id
    shown = image_id if len(image_id) <= 80 else f'{image_id[:80]}...'
    raise ValueError(f'{source}: image id {shown!r} {reason}')


def image_id_of(path: str, folder: str) -> str:
    """Give the id of an image by its file: the path below the folder of the images, no suffix.

    Args:
        path (str): The image.
        folder (str): The folder of the images.

    Returns:
        str: The id, with ``/`` between subfolders.

    Raises:
        ValueError: If the image is not below the folder.

    >>> image_id_of('data/../photos/camera_1/0001.jpg', 'photos')
    'camera_1/0001'
    """
    name = osp.relpath(path, folder or '.').replace(os.sep, '/')
    if name.startswith('../'):
        raise ValueError(f'{path}: is not in the folder of the images, {folder!r}')
    return osp.splitext(name)[0]


# Names that are unique the world over, so that folders before them say nothing more.
UNIQUE_NAME = re.compile(r'[0-9]{4}_[0-9]{6}|COCO_(?:train|val)2014_[0-9]{12}')
COCO_FOLDER = re.compile(r'(?:.*/)?(?:train|val)2014/[0-9]+')
COCO_NAME = re.compile(r'(?:COCO_(?:train|val)2014_)?([0-9]{12})|([1-9][0-9]{0,11}|0)')
VOC_NAME = re.compile(r'([0-9]{4})_([0-9]{6})')


def image_aliases(image_id: str) -> Iterator[str]:
    """Give the names under which an image may be listed.

    The id itself comes first. Names of PASCAL VOC and MS COCO are known without their folders as
    well; others are not, two folders may have images of one name. MS COCO's
    ``COCO_train2014_000000000009``, ``000000000009`` and ``9`` name one image (the numbers of
    train2014 and val2014 do not overlap), and so do PASCAL VOC's ``2007_000032`` and
    ``2007000032``.

    Args:
        image_id (str): The image's id, e.g. of a split list.

    Yields:
        str: A name; some come twice.

    >>> list(image_aliases('animals/2007_000032'))
    ['animals/2007_000032', '2007_000032', '2007000032']
    >>> list(image_aliases('camera_1/0001'))
    ['camera_1/0001']
    """
    yield image_id
    folder, _, name = image_id.rpartition('/')
    if folder and not (UNIQUE_NAME.fullmatch(name) or COCO_FOLDER.fullmatch(image_id)):
        return
    yield name
    if match := VOC_NAME.fullmatch(name):
        yield ''.join(match.groups())
    elif match := COCO_NAME.fullmatch(name):
        number = int(match[1] or match[2])
        yield str(number)
        yield f'{number:012d}'
        yield f'COCO_train2014_{number:012d}'
        yield f'COCO_val2014_{number:012d}'
        if len(name) == 10:
            yield f'{name[:4]}_{name[4:]}'
