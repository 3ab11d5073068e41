"""Files are whole or not there, and what killed processes leave is removed."""

import os
import subprocess
import sys

import pytest

from mmseg_wsss.utils.atomic import PREFIX, _owner, remove_stale_temporaries, write_atomic


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, '-c', ''])
    process.wait()
    return process.pid


def test_writes_and_replaces(tmp_path):
    path = tmp_path / 'a'
    write_atomic(path, b'old')
    write_atomic(path, b'new')
    assert path.read_bytes() == b'new'
    assert os.listdir(tmp_path) == ['a']


def test_longest_file_name(tmp_path):
    write_atomic(tmp_path / ('x' * 255), b'content')
    assert os.listdir(tmp_path) == ['x' * 255]


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / 'none' / 'a', b'')


def test_failed_rename_removes_the_temporary_file(tmp_path):
    (tmp_path / 'folder').mkdir()
    with pytest.raises(OSError):
        write_atomic(tmp_path / 'folder', b'')
    assert os.listdir(tmp_path) == ['folder']


def test_only_files_of_dead_processes_of_this_machine_are_removed(tmp_path):
    folder = tmp_path / 'a' / 'b'
    folder.mkdir(parents=True)
    dead = folder / f'{PREFIX}{_owner()}-{dead_pid()}-0'
    kept = [
        folder / f'{PREFIX}{_owner()}-{os.getpid()}-0',
        folder / f'{PREFIX}00000000-{dead_pid()}-0',
        folder / f'{PREFIX}something',
        folder / 'image.png',
    ]
    for path in [dead, *kept]:
        path.touch()
    assert remove_stale_temporaries(tmp_path) == 1
    assert set(folder.iterdir()) == set(kept)
    assert remove_stale_temporaries(tmp_path / 'none') == 0
