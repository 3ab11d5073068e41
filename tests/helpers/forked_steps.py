"""Steps of a run in forks of this process."""

from __future__ import annotations

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
