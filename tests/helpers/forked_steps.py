"""Run a script whose steps are forked, not started anew: ``forked_steps.py SCRIPT ARGUMENTS``."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .commands import run_forked


def launch(command: Sequence[str], log: Path, show: Callable[[str], None]) -> int:
    """Do what :func:`mmseg_wsss.apis.run_steps.launch_process` does, without new imports."""
    done = run_forked(command)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(done.stdout + done.stderr)
    show('')
    return done.returncode


if __name__ == '__main__':
    from mmseg_wsss.apis import run_steps

    run_steps.launch_process = launch
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))
    runpy.run_path(sys.argv[0], run_name='__main__')
