"""Commands of ``tools/`` in forked processes: importing the stack anew takes seconds each time."""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from mmengine.utils import ManagerMixin

CONTEXT = multiprocessing.get_context('fork')


def run_forked(words: Sequence[object], cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Run a script with its arguments in a fork of this process.

    Args:
        words (Sequence): The script and its arguments; a Python interpreter in front is left out.
        cwd (Path, optional): Where it runs.

    Returns:
        subprocess.CompletedProcess: With ``returncode``, ``stdout`` and ``stderr``.
    """
    words = [str(word) for word in words]
    if words[0] == sys.executable:
        words = words[1:]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ('stdout', 'stderr')]
        process = CONTEXT.Process(target=_run, args=(words, files, cwd))
        process.start()
        process.join()
        texts = [file.read_text(errors='replace') for file in files]
    return subprocess.CompletedProcess(words, process.exitcode, *texts)


def _run(words: list[str], files: list[Path], cwd: Path | None) -> None:
    gc.disable()  # a collection inside of ast.parse can end it, a fault of CPython 3.11
    for descriptor, file in enumerate(files, start=1):
        stream = open(file, 'w', buffering=1)
        os.dup2(stream.fileno(), descriptor)
        setattr(sys, 'stdout' if descriptor == 1 else 'stderr', stream)
    if cwd is not None:
        os.chdir(cwd)
    # Loggers, visualizers and scopes of the tests before.
    for kind in _subclasses(ManagerMixin):
        getattr(kind, '_instance_dict', {}).clear()
    sys.argv = words
    sys.path.insert(0, str(Path(words[0]).resolve().parent))
    status = 0
    try:
        runpy.run_path(words[0], run_name='__main__')
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _subclasses(kind: type) -> list[type]:
    found = [kind]
    for one in kind.__subclasses__():
        found += _subclasses(one)
    return found
