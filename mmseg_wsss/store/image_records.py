"""What the masks of an image were made of: the tags it had and a fingerprint of its file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..utils.atomic import write_atomic
from .image_ids import check_image_id

RECORDS_FOLDER = 'records'
# Three letters, as those of the masks: the name of an image may be as long as a mask's allows.
RECORD_SUFFIX = '.txt'
NO_RECORD = 'have no record of what they were made of (a run was cut off, or of an earlier version)'


@dataclass(frozen=True)
class Fingerprint:
    """Tells a file from any other, whatever the two are called.

    Attributes:
        num_bytes (int): Size of the file.
        sha256 (str): Of its content, 64 hexadecimal digits.

    >>> Fingerprint.of_content(b'abc') == Fingerprint.of_content(b'abd')
    False
    """

    num_bytes: int
    sha256: str

    @classmethod
    def of_content(cls, content: bytes) -> Fingerprint:
        """Take the fingerprint of a file that was read."""
        return cls(len(content), hashlib.sha256(content).hexdigest())

    @classmethod
    def of_file(cls, path: str | os.PathLike) -> Fingerprint:
        """Read a file to its end and take its fingerprint.

        Raises:
            OSError: If it cannot be read.
        """
        digest, size = hashlib.sha256(), 0
        with open(path, 'rb') as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
        return cls(size, digest.hexdigest())

    def is_of(self, path: str | os.PathLike, whole: bool = True) -> bool:
        """Tell whether a file has this fingerprint.

        Args:
            path (str | os.PathLike): The file.
            whole (bool): Whether to read it; else its size alone is compared.

        Raises:
            OSError: If there is no such file.
        """
        if os.stat(path).st_size != self.num_bytes:
            return False
        return not whole or Fingerprint.of_file(path) == self


@dataclass(frozen=True)
class ImageRecord:
    """What the masks of an image were made of.

    Nothing in it depends on time or on who made the masks.

    Attributes:
        tags (tuple[str, ...], optional): Names of the classes in its tags; None for masks that do
            not depend on tags.
        photograph (Fingerprint): Of the image's file.
        confidence (float, optional): Mean probability that a network gave the labels of the mask,
            where that is known.

    >>> record = ImageRecord(('cat',), Fingerprint.of_content(b'abc'))
    >>> ImageRecord.from_bytes(record.to_bytes()) == record
    True
    """

    tags: tuple[str, ...] | None
    photograph: Fingerprint
    confidence: float | None = None

    @classmethod
    def from_bytes(cls, content: bytes) -> ImageRecord:
        """Read the content of a record's file.

        Raises:
            ValueError: If it is damaged.
        """
        try:
            values = json.loads(content)
            tags, size, sha256 = values['tags'], values['bytes'], values['sha256']
            confidence = values.get('confidence')
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f'the record is damaged ({error!r})') from None
        texts = [sha256, *([] if tags is None else tags if isinstance(tags, list) else [None])]
        numbers = (float, int, type(None))
        if (
            type(confidence) not in numbers
            or type(size) is not int
            or not all(isinstance(text, str) for text in texts)
        ):
            raise ValueError('the record is damaged (a value is of another type)')
        fingerprint = Fingerprint(size, sha256)
        return cls(None if tags is None else tuple(tags), fingerprint, confidence)

    def to_bytes(self) -> bytes:
        """Give the content of the record's file, UTF-8 JSON; equal records give equal bytes."""
        values = dict(
            bytes=self.photograph.num_bytes,
            sha256=self.photograph.sha256,
            tags=None if self.tags is None else list(self.tags),
        )
        if self.confidence is not None:
            values['confidence'] = round(self.confidence, 6)
        return (json.dumps(values, ensure_ascii=False) + '\n').encode()

    def change_of_tags(self, tags: Iterable[str] | None) -> str | None:
        """Say how the tags differ from those the masks were made with.

        Args:
            tags (Iterable[str], optional): Names of the classes in the image's tags of today, in
                any order.

        Returns:
            str | None: The end of a sentence on the masks; None if the tags are the same.

        >>> ImageRecord(('cat',), Fingerprint.of_content(b'')).change_of_tags(['dog'])
        'were made with the tags "cat", the image has "dog" now'
        """
        if _key(tags) == _key(self.tags):
            return None
        return f'were made with the tags {_quote(self.tags)}, the image has {_quote(tags)} now'

    def change_of_photograph(self, path: str | os.PathLike, whole: bool = True) -> str | None:
        """Say whether the photograph is another than the one the masks were made of.

        Args:
            path (str | os.PathLike): The image's file of today.
            whole (bool): Whether to read the file; else its size alone is compared.

        Returns:
            str | None: The end of a sentence on the masks; None if the photograph is the same.
        """
        try:
            if self.photograph.is_of(path, whole):
                return None
        except OSError:
            return f'were made of {path}, which cannot be read any more'
        return f'were made of another photograph than {path} is now'


class ImageRecords:
    """The records of a folder of masks, ``<root>/records/<image id>.txt``.

    Masks are those of the record only while it is there: it goes before the first of them is
    written and comes after the last, so that masks of a run that was killed have none.

    Args:
        root (str | os.PathLike): The folder of the masks.
    """

    def __init__(self, root: str | os.PathLike) -> None:
        self.folder = Path(root) / RECORDS_FOLDER

    def path(self, image_id: str) -> Path:
        """The file of an image's record.

        Raises:
            ValueError: If it could lie outside of the folder.
        """
        return self.folder / f'{check_image_id(image_id, str(self.folder))}{RECORD_SUFFIX}'

    def read(self, image_id: str) -> ImageRecord | None:
        """Read an image's record; None if there is none, or a damaged one."""
        path = self.path(image_id)
        try:
            return ImageRecord.from_bytes(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None

    def change(
        self, image_id: str, path: str | os.PathLike, tags: Iterable[str] | None
    ) -> str | None:
        """Say what has changed since the masks of an image were made; the photograph is read.

        Args:
            image_id (str): The image's id.
            path (str | os.PathLike): Its file of today.
            tags (Iterable[str], optional): Names of the classes in its tags of today; None for
                masks that do not depend on tags.

        Returns:
            str | None: The end of a sentence on the masks; None if nothing has changed.
        """
        record = self.read(image_id)
        if record is None:
            return NO_RECORD
        return record.change_of_tags(tags) or record.change_of_photograph(path)

    def write(self, image_id: str, record: ImageRecord) -> None:
        """Write an image's record atomically, after its masks."""
        path = self.path(image_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, record.to_bytes())

    def remove(self, image_id: str) -> None:
        """Remove an image's record, if there is one, before its masks change."""
        with suppress(NotADirectoryError):
            self.path(image_id).unlink(missing_ok=True)

    def image_ids(self) -> Iterator[str]:
        """Give the ids of the images that have a record, in no order."""
        for path in self.folder.rglob(f'*{RECORD_SUFFIX}'):
            yield path.relative_to(self.folder).as_posix().removesuffix(RECORD_SUFFIX)


def _key(tags: Iterable[str] | None) -> frozenset[str] | None:
    return None if tags is None else frozenset(tags)


def _quote(tags: Iterable[str] | None) -> str:
    return '"any"' if tags is None else f'"{", ".join(sorted(tags))}"'
