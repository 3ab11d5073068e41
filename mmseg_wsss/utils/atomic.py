"""Files that are either whole or not there, whenever the process dies."""

from __future__ import annotations

import itertools
import os
import socket
import zlib
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
    path = Path(path)
    # Short, whatever the length of the name: both must fit the file system's limit.
    temporary = path.parent / f'{PREFIX}{_owner()}-{os.getpid()}-{next(_counter)}'
    try:
        with open(temporary, 'xb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
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
    return True
