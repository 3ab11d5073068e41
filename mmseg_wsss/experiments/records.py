"""What a study has measured: one JSON file per finished step."""

from __future__ import annotations

import json
import os
import platform
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

import torch

from mmseg_wsss.utils.atomic import write_atomic
from mmseg_wsss.version import __version__

from .step import Step


class Records:
    """The records of finished steps and the notes of failed ones.

    Args:
        folder (Path): Of the study; records go to ``runs``, notes of failures to ``failures``.
    """

    def __init__(self, folder: Path) -> None:
        self.runs, self.failures = Path(folder) / 'runs', Path(folder) / 'failures'

    def has(self, step: Step) -> bool:
        """Whether the step is finished."""
        return self._path(step).is_file()

    def write(self, step: Step, **values: Any) -> None:
        """Record a finished step.

        Args:
            step (Step): The step.
            **values: JSON values: ``metrics``, ``command``, ``seconds``.
        """
        record = dict(
            name=step.name,
            key=step.key,
            kind=step.kind,
            title=step.title,
            inputs={role: one.name for role, one in step.inputs.items()},
            **values,
            machine=machine(),
            finished=now(),
            settings=step.settings,
        )
        self._write(self._path(step), record)
        self._note(step).unlink(missing_ok=True)

    def write_failure(self, step: Step, **values: Any) -> None:
        """Note why a step failed; the note goes when the step is finished."""
        self._write(self._note(step), dict(name=step.name, title=step.title, **values, at=now()))

    def all(self) -> dict[str, dict]:
        """Read all records, by the step's name.

        Raises:
            ValueError: If a file is damaged.
        """
        return self._read(self.runs)

    def all_failures(self) -> dict[str, dict]:
        """Read the notes of all failures."""
        return self._read(self.failures)

    def _path(self, step: Step) -> Path:
        return self.runs / f'{step.name}.json'

    def _note(self, step: Step) -> Path:
        return self.failures / f'{step.name}.json'

    @staticmethod
    def _write(path: Path, content: dict) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        write_atomic(path, (text + '\n').encode())

    @staticmethod
    def _read(folder: Path) -> dict[str, dict]:
        found = {}
        for path in sorted(folder.glob('*.json')):
            try:
                found[path.stem] = json.loads(path.read_text(encoding='utf-8'))
            except ValueError as error:
                raise ValueError(f'{path}: the record is damaged ({error})') from None
        return found


@cache
def machine() -> dict[str, Any]:
    """Describe this machine: processors, GPU, versions."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        model = next(
            line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')
        )
    except (OSError, StopIteration):
        pass
    return dict(
        cpu=model,
        cores=len(os.sched_getaffinity(0)),
        gpu=torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        torch=torch.__version__,
        python=platform.python_version(),
        mmseg_wsss=__version__,
    )


def now() -> str:
    """Date and time in UTC, to the second."""
    return datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M:%S UTC')
