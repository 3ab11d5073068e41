"""Finds the photographs that a source of tags speaks of, and gives them their tags."""

from __future__ import annotations

import difflib
import itertools
import os
import os.path as osp
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from ...checks.report import examples
from ...datasets.tags import check_spellings, spelling_key
from ...store.image_ids import image_aliases
from ..annotations.image_names import UPLOADED
from ..folder_inputs import SUFFIXES
from .entries import BACKGROUND_NAMES, Entry, TagEntries

# More folders than those in which a name and its image may differ.
UNLIKE = 1000


@dataclass
class ImageTags:
    """The tags of the photographs of a folder.

    Attributes:
        tags (dict[str, tuple[str, ...]]): Class names by image id, in the order of the classes.
        classes (list[str]): Foreground classes in order.
        title (str): What was read, for the report; empty for a table of tags.
        remarks (list[str]): Found and dealt with.
        problems (list[str]): Entries that are wrong.
        absent (list[str]): Names of images that the source has and the folder has not.
    """

    tags: dict[str, tuple[str, ...]]
    classes: list[str]
    title: str = ''
    remarks: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


class Photographs:
    """The images of a folder by the names that others give them.

    A name fits an image if one is the end of the other, folder by folder: ``train/1.jpg`` fits the
    images ``train/1`` and ``cats/train/1``, and ``/home/me/train/1.jpg`` fits ``train/1``.

    Args:
        paths (Mapping[str, str]): Path of each image by id.
        folder (str): The folder of the images.

    >>> paths = {'train/1': 'photos/train/1.jpg', 'val/1': 'photos/val/1.jpg'}
    >>> images = Photographs(paths, 'photos')
    >>> images.fitting('C:\\\\data\\\\train\\\\1.jpg'), images.fitting('1.png')
    (['train/1'], ['train/1', 'val/1'])
    """

    def __init__(self, paths: Mapping[str, str], folder: str) -> None:
        self.folder = folder
        self.paths = dict(paths)
        self.real_folders: dict[str, str] = {}
        self.by_place = {_key(self._place(path)): one for one, path in paths.items()}
        self.by_last_part: dict[str, list[str]] = defaultdict(list)
        for image_id in paths:
            for name in {one.rpartition('/')[2] for one in image_aliases(image_id)}:
                self.by_last_part[_normal(name)].append(image_id)

    def at(self, name: str, folder: str) -> str | None:
        """Give the image that a path leads to, whatever its suffix; None if there is none."""
        for form in _forms(name):
            found = self.by_place.get(_key(self._place(osp.join(folder, form))))
            if found is not None:
                return found
        return None

    def _place(self, path: str) -> str:
        """Give the path of a file that does not depend on links to its folders."""
        folder, name = osp.split(osp.normpath(path))
        if folder not in self.real_folders:
            self.real_folders[folder] = osp.realpath(folder)
        return osp.join(self.real_folders[folder], name)

    def fitting(self, name: str) -> list[str]:
        """Give the images that a name fits; the one that it names with all folders alone."""
        for form in _forms(name):
            *folders, last = _parts(form) or ['']
            candidates = self.by_last_part.get(last, [])
            whole = [one for one in candidates if _ends_with(folders, _folders(one))]
            if whole:
                # The image with the most folders is the one that is meant.
                return [max(whole, key=lambda one: one.count('/'))]
            found = [one for one in candidates if _ends_with(_folders(one), folders)]
            if found:
                return found
        return []

    def of_last_part(self, name: str) -> list[str]:
        """Give the images whose file has the name's last part, whatever the folders say."""
        for form in _forms(name):
            parts = _parts(form)
            if parts and (found := self.by_last_part.get(parts[-1])):
                return found
        return []

    def differing(self, name: str, image_id: str) -> int:
        """Count the folders of a name from the last one on that the image's path has not."""
        folders = _parts(osp.abspath(self.paths[image_id]))[-2::-1]
        counts = []
        for form in _forms(name):
            named = _parts(form)[-2::-1]
            pairs = zip(named, folders, strict=False)
            same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
            counts.append(len(named) - same)
        return min(counts)


def resolve(
    found: TagEntries, images: Photographs, classes: Sequence[str] | None, source: str
) -> ImageTags:
    """Give each photograph the tags of its entry.

    Args:
        found (TagEntries): What the source says.
        images (Photographs): The photographs.
        classes (Sequence[str], optional): Foreground classes to restrict to, in order; objects of
            other classes are ignored with a remark.
        source (str): The source, for messages.

    Raises:
        ValueError: If it is not clear which names are one class, no class is left, or no entry
            has an image.
    """
    result = ImageTags({}, [], found.title, list(found.remarks), list(found.problems))
    result.classes = _choose_classes(found, classes, source, result)
    if not found.entries and not result.problems:
        raise ValueError(f'{source}: {found.title} without any image, expected an entry per image')
    by_image = _assign(found, images, source, result)
    if found.entries and not by_image and not result.problems:
        names = [entry.name for entry in found.entries]
        raise ValueError(
            f'{source}: none of the {len(names)} images that are named there ({examples(names, 2)})'
            f' is in {images.folder} ({examples(list(images.paths.values()), 2)}). Give the folder '
            'that has these photographs.'
        )
    allowed = set(result.classes)
    ignored: Counter[str] = Counter()
    for image_id in sorted(by_image):
        labels = {label for entry in by_image[image_id] for label in entry.labels}
        ignored.update(labels - allowed)
        result.tags[image_id] = tuple(name for name in result.classes if name in labels)
    _remark_ignored(ignored, result)
    return result


def _assign(
    found: TagEntries, images: Photographs, source: str, result: ImageTags
) -> dict[str, list[Entry]]:
    """Find the image of each entry; what cannot be found is remarked or a problem."""
    # Of train/1.jpg and val/1.jpg the first is meant where the photographs are in train.
    claims: dict[str, dict[int, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    loose, missing = [], []
    for entry in found.entries:
        if (image_id := images.at(entry.name, entry.folder)) is not None:
            claims[image_id][0].append(entry)
            continue
        fitting = images.fitting(entry.name)
        if len(fitting) == 1:
            claims[fitting[0]][images.differing(entry.name, fitting[0])].append(entry)
        elif fitting:
            result.problems.append(
                f'{entry.source}: {entry.name!r} may be any of {examples(fitting, 3)}; name images '
                'with their folders.'
            )
        else:
            loose.append(entry)
    for entry in loose:
        names = (entry.name, *entry.other_names)
        fits = [one for name in names if len(one := images.of_last_part(name)) == 1]
        if fits:
            claims[fits[0][0]][UNLIKE].append(entry)
        else:
            missing.append(entry)
    by_image: dict[str, list[Entry]] = {}
    renamed = []
    for image_id, by_difference in claims.items():
        least = min(by_difference)
        entry, *others = by_image[image_id] = by_difference.pop(least)
        missing += [one for entries in by_difference.values() for one in entries]
        others = [one for one in others if not found.merges or one.name != entry.name]
        if others:
            result.problems.append(
                f'{others[0].source}: image {image_id} has another entry, {entry.source}; expected '
                'one.'
            )
        if least:
            renamed.append(f'{entry.name} is {image_id}')
    if renamed:
        result.remarks.append(
            f'{source}: {len(renamed)} images are found by their file names, the folders differ '
            f'({examples(renamed, 3)}).'
        )
    result.absent = [entry.name for entry in missing]
    if missing and by_image:
        result.remarks.append(
            f'{source}: {len(missing)} of {len(found.entries)} images that are named there are '
            f'not in {images.folder} and left out ({examples(result.absent, 3)}).'
        )
    return by_image


def _choose_classes(
    found: TagEntries, classes: Sequence[str] | None, source: str, result: ImageTags
) -> list[str]:
    used = {label for entry in found.entries for label in entry.labels}
    names = list(dict.fromkeys([*(found.classes or []), *sorted(used)]))
    if classes is None:
        dropped = [name for name in names if name.casefold() in BACKGROUND_NAMES]
        if dropped:
            result.remarks.append(f'{", ".join(dropped)}: no tag, such objects are ignored.')
        names = [name for name in names if name not in dropped]
        if not names and not result.problems:
            raise ValueError(f'{source}: {found.title} in which no class is named.')
        check_spellings(names, source)
        return names
    wanted = [name for name in classes if name != 'background']
    for name in wanted:
        if name in names:
            continue
        alike = [one for one in names if spelling_key(one) == spelling_key(name)]
        close = alike or difflib.get_close_matches(name, names, n=1)
        if alike or found.classes is not None:
            raise ValueError(
                f'{source}: there is no class {name!r} (--classes); it has '
                f'{examples(names, 10)}{f"; did you mean {close[0]!r}?" if close else ""}'
            )
    return wanted


def _remark_ignored(ignored: Counter[str], result: ImageTags) -> None:
    counts = [
        f'{name} ({number} images)'
        for name, number in sorted(ignored.items())
        if name.casefold() not in BACKGROUND_NAMES
    ]
    if counts:
        result.remarks.append(
            f'objects of {len(counts)} classes that are not among --classes are ignored '
            f'({examples(counts, 10)}).'
        )


def _forms(name: str) -> Iterator[str]:
    """Give the ways to read a name: as it is, without escapes, without Label Studio's prefix."""
    name = name.strip().replace('\\', '/')
    if '://' in name:
        # The query may hold the path: /data/local-files/?d=folder/name.jpg
        rest = name.partition('://')[2].partition('/')[2]
        name = rest.partition('?d=')[2] or rest.partition('?')[0]
    elif '?d=' in name:
        name = name.partition('?d=')[2]
    yield name
    plain = unquote(name)
    if plain != name:
        yield plain
    folder, slash, last = plain.rpartition('/')
    if uploaded := UPLOADED.fullmatch(last):
        yield f'{folder}{slash}{uploaded[1]}'


def _normal(name: str) -> str:
    """Letters with accents are one or two characters, depending on the machine."""
    return unicodedata.normalize('NFC', name)


def _key(path: str) -> str:
    stem, suffix = osp.splitext(path)
    return _normal((stem if suffix.lower() in SUFFIXES else path).replace(os.sep, '/'))


def _parts(name: str) -> list[str]:
    return [part for part in _key(name).split('/') if part not in ('', '.', '..')]


def _folders(image_id: str) -> list[str]:
    return [_normal(part) for part in image_id.split('/')[:-1]]


def _ends_with(parts: Sequence[str], end: Sequence[str]) -> bool:
    return not end or list(parts[-len(end) :]) == list(end)
