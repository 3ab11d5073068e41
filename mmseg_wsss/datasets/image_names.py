"""The names that the field gives to one image."""

from __future__ import annotations

import re
from collections.abc import Iterator

COCO_NAME = re.compile(r'(?:COCO_(?:train|val)2014_)?([0-9]{12})|([1-9][0-9]{0,11}|0)')
VOC_NAME = re.compile(r'([0-9]{4})_([0-9]{6})')


def names_of(image_id: str) -> Iterator[str]:
    """Give the names under which an image may be listed.

    The id itself comes first, then without its folders. MS COCO's
    ``COCO_train2014_000000000009``, ``000000000009`` and ``9`` name one image (the numbers of
    train2014 and val2014 do not overlap), and so do PASCAL VOC's ``2007_000032`` and
    ``2007000032``.

    Args:
        image_id (str): The image's id, e.g. of a split list.

    Yields:
        str: A name; some come twice.

    >>> list(names_of('animals/2007_000032'))
    ['animals/2007_000032', '2007_000032', '2007000032']
    """
    yield image_id
    name = image_id.rpartition('/')[2]
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
