"""Files that are either whole or not there, whenever the process dies."""

from __future__ import annotations

import itertools
import os
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = '.tmp-'
_counter = itertools.count()


def write_atomic(path: str | os.PathLike, content: bytes) -> None:
    """Write a file so that a reader, or a rerun after a crash, sees the old or the whole new one.

    The content goes to a temporary file in the same folder, is flushed to the disk, and the file
    is renamed. Several processes may write one path: the last rename wins.

    Args:
        path (str | os.PathLike): The file; its folder must exist.
        content (bytes): The whole content.

    Raises:
        OSError: If the disk is full or the folder cannot be written to; the temporary file is
            removed and an existing file at ``path`` left as it was.
    """
    with atomic_path(path) as temporary, open(temporary, 'xb') as file:
        file.write(content)


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path to write to, which becomes the file when all went well.

    Args:
        path (str | os.PathLike): The file; its folder must exist.

    Yields:
        Path: A path in the same folder.

    Raises:
        OSError: As :func:`write_atomic`.
    """
    path = Path(path)
    # Short, whatever the length of the name: both must fit the file system's limit.
    temporary = path.parent / f'{PREFIX}{_owner()}-{os.getpid()}-{next(_counter)}'
    try:
        yield temporary
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_stale_temporaries(folder: str | os.PathLike) -> int:
    """Remove what killed processes of this machine left behind, in a folder and below it.

    Temporary files of living processes, and of other machines on a shared disk, are left alone.

    Args:
        folder (str | os.PathLike): The folder; nothing happens if it does not exist.

    Returns:
        int: The number of files removed.
    """
    removed = 0
    for path in Path(folder).rglob(f'{PREFIX}*'):
        parts = path.name.removeprefix(PREFIX).split('-')
        if len(parts) != 3 or parts[0] != _owner() or not parts[1].isdecimal():
            continue
        if not _is_alive(int(parts[1])):
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _owner() -> str:
    """Name the space in which process ids mean something: the host and its pid namespace."""
    try:
        namespace = os.readlink('/proc/self/ns/pid')
    except OSError:
        namespace = ''
    return f'{zlib.crc32((socket.gethostname() + namespace).encode()):08x}'


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    try:
        # A killed process that nobody has asked for its status keeps its id, but writes no more.
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except (OSError, IndexError):
        return True
    return state not in ('Z', 'X')
