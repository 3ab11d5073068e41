"""Finds the image of a seed root by what an annotation tool calls it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

from ...store.image_ids import image_aliases

# Label Studio puts eight digits before the name of a file that is uploaded.
UPLOADED = re.compile(r'[0-9a-f]{8}-(.+)')


class ImageNames:
    """The images of a seed root by name.

    Args:
        image_ids (Sequence[str]): Their ids.

    >>> names = ImageNames(['train/0001', 'train/0002', 'val/0001'])
    >>> names.find('photos/train/0001.jpg', 'a.json')
    'train/0001'
    >>> names.find('/data/upload/7/1f2e3d4c-0002.jpg', 'a.json')
    'train/0002'
    """

    def __init__(self, image_ids: Sequence[str]) -> None:
        self.image_ids = set(image_ids)
        self.aliases: dict[str, set[str]] = defaultdict(set)
        self.last_parts: dict[str, set[str]] = defaultdict(set)
        for image_id in image_ids:
            for alias in image_aliases(image_id):
                self.aliases[alias].add(image_id)
            self.last_parts[image_id.rpartition('/')[2]].add(image_id)

    def find(self, name: str, source: str) -> str:
        """Give the id of an image.

        The id itself is known, with or without a suffix, below other folders or without some of its
        own, and in a URL; and the other names of images of PASCAL VOC and MS COCO.

        Args:
            name (str): What a file calls the image.
            source (str): File and entry, for messages.

        Returns:
            str: The id.

        Raises:
            ValueError: If there is no such image, or several have the name.
        """
        for found in self._candidates(name):
            if len(found) == 1:
                return next(iter(found))
            if found:
                raise ValueError(
                    f'{source}: {name!r} may be any of {", ".join(sorted(found)[:3])}; '
                    'keep the folders of the images in their names'
                )
        raise ValueError(f'{source}: {name!r} is no image of the seed root')

    def _candidates(self, name: str) -> Iterator[set[str]]:
        paths = [name]
        if '://' in name or name.startswith('/'):
            url = urlsplit(name)
            # Local files of Label Studio: /data/local-files/?d=folder/name.jpg
            local = url.query.removeprefix('d=') if url.query.startswith('d=') else ''
            paths = [unquote(local or url.path).lstrip('/')]
        paths = [path.replace('\\', '/') for path in paths]
        forms = [form for path in paths for form in (path, _without_suffix(path))]
        for form in forms:
            yield {form} & self.image_ids
        for form in forms:
            parts = form.split('/')
            for start in range(len(parts)):
                yield self.aliases.get('/'.join(parts[start:]), set())
        for form in forms:
            last = form.rpartition('/')[2]
            named = self.last_parts.get(last, set())
            yield {one for one in named if one == form or one.endswith(f'/{form}')} or named
            if uploaded := UPLOADED.fullmatch(last):
                yield self.last_parts.get(uploaded[1], set())


def _without_suffix(path: str) -> str:
    folder, slash, name = path.rpartition('/')
    return f'{folder}{slash}{name.rpartition(".")[0] or name}'
