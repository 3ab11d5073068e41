"""Commands in a row, each with its log: what is done is not done again."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..store import Fingerprint
from ..utils.atomic import write_atomic

STATE = 'run.json'
# Between two signs of life where there is no terminal.
QUIET_SECONDS = 300.0


class StepError(RuntimeError):
    """A step failed, or what it would replace is not to be replaced unasked."""


@dataclass(frozen=True)
class Step:
    """One command of a run.

    Attributes:
        name (str): Key of the step.
        title (str): What it does.
        command (list[str]): A script and its arguments, run by this interpreter.
        inputs (Sequence[Path]): Files that decide what comes out.
        after (Sequence[str]): Names of steps whose results it works on.
        makes (Sequence[Path]): Folders and files that it leaves; if it has to be done anew they
            are moved away.
        always (bool): Whether it is done in every run; its command finds out what is left.
        keeps (bool): Whether what it makes is worth hours: it is not replaced unasked.
        summary (Callable, optional): Gives the lines that are printed when it is done.
    """

    name: str
    title: str
    command: Sequence[str]
    inputs: Sequence[Path] = ()
    after: Sequence[str] = ()
    makes: Sequence[Path] = ()
    always: bool = False
    keeps: bool = False
    summary: Callable[[], Sequence[str]] | None = None


@dataclass
class StepRunner:
    """Runs steps and remembers what is done in ``run.json``.

    Attributes:
        root (Path): Folder of the run; logs go to ``logs`` in it.
        again (bool): Whether results of changed inputs are made anew; the old ones are moved to
            ``old`` in the folder.
        interactive (bool): Whether to show the newest line of a command's output in place.
        launch (Callable): Runs a command with its output in a file, as :func:`launch_process`.
    """

    root: Path
    again: bool = False
    interactive: bool = field(default_factory=lambda: sys.stdout.isatty())
    launch: Callable[[Sequence[str], Path, Callable[[str], None]], int] | None = None
    number: int = 0

    def __post_init__(self) -> None:
        self.launch = self.launch or launch_process
        self.path = self.root / STATE
        self.state: dict[str, Any] = {}
        if self.path.is_file():
            try:
                self.state = json.loads(self.path.read_text(encoding='utf-8'))['steps']
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f'{self.path}: not the record of a run ({error}).') from None

    def run(self, step: Step) -> None:
        """Do a step unless it is done.

        Raises:
            StepError: If the command fails, or its inputs have changed and results would be lost.
        """
        self.number += 1
        digests = self._digests(step)
        old = self.state.get(step.name) or {}
        same = old.get('command') == list(step.command) and old.get('inputs') == digests
        there = all(path.exists() for path in step.makes)
        title = f'\n[{self.number}] {step.title}'
        if same and 'seconds' in old and there and not step.always:
            print(f'{title}: done before', flush=True)
            self._summarise(step)
            return
        if old and not same:
            self._replace(step, old, digests)
        log = self.root / 'logs' / f'{step.name}.log'
        print(f'{title}\n  $ {command_text(step.command)}', flush=True)
        self.state[step.name] = dict(command=list(step.command), inputs=digests)
        self._save()
        started = time.monotonic()
        status = self.launch(step.command, log, self._show)
        seconds = time.monotonic() - started
        self._show('')
        if status:
            raise StepError(f'{_failure(log, status)}\n  log: {log}')
        self.state[step.name]['seconds'] = round(seconds, 1)
        self._save()
        self._summarise(step, seconds)

    def seconds(self, name: str) -> float | None:
        """Time a step took; None if it is not done."""
        return (self.state.get(name) or {}).get('seconds')

    def _digests(self, step: Step) -> dict[str, str]:
        digests = {str(path): file_digest(path) for path in step.inputs}
        for name in step.after:
            done = {key: (self.state.get(name) or {}).get(key) for key in ('command', 'inputs')}
            text = json.dumps(done, sort_keys=True)
            digests[f'step {name}'] = hashlib.sha256(text.encode()).hexdigest()
        return digests

    def _replace(self, step: Step, old: dict[str, Any], digests: dict[str, str]) -> None:
        """Move results away that were made of other inputs.

        Raises:
            StepError: If they are worth keeping and nobody asked for it.
        """
        there = [path for path in step.makes if path.exists()]
        if not there:
            return
        before = old.get('inputs') or {}
        changed = sorted(
            key for key in {*before, *digests} if before.get(key) != digests.get(key)
        ) or ['its command']
        if step.keeps and not self.again:
            raise StepError(
                f'{there[0]} was made before {", ".join(changed)} changed. --again makes it and '
                f'what follows from it anew (the old results are moved to {self.root / "old"}); '
                'or give another --out.'
            )
        attic = self.root / 'old'
        number = 1 + max((int(p.name) for p in attic.glob('*') if p.name.isdigit()), default=0)
        for path in there:
            place = attic / str(number) / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, place)

    def _save(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        content = json.dumps(dict(steps=self.state), indent=1, ensure_ascii=False) + '\n'
        write_atomic(self.path, content.encode())

    def _show(self, line: str) -> None:
        """Show a line in place, or now and then where there is no terminal."""
        if self.interactive:
            print(f'\r\x1b[K{line[:110]}', end='', flush=True)
        elif line:
            print(f'  ... {line[:110]}', flush=True)

    def _summarise(self, step: Step, seconds: float | None = None) -> None:
        lines = step.summary() if step.summary is not None else []
        if seconds is not None:
            lines = [*lines[:-1], f'{lines[-1]} ({clock(seconds)})' if lines else clock(seconds)]
        for line in lines:
            print(f'  {line}', flush=True)


def launch_process(command: Sequence[str], log: Path, show: Callable[[str], None]) -> int:
    """Run a script in a process of its own, with its output in a file.

    Args:
        command (Sequence[str]): The script and its arguments.
        log (Path): Takes stdout and stderr; an older one is replaced.
        show (Callable): Is given the newest line now and then.

    Returns:
        int: The exit status.

    Raises:
        KeyboardInterrupt: When interrupted, after the process has ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    interval = 1.0 if sys.stdout.isatty() else QUIET_SECONDS
    shown = time.monotonic()
    with open(log, 'wb') as output:
        process = subprocess.Popen(
            [sys.executable, *command], stdout=output, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while True:
                try:
                    return process.wait(timeout=0.2)
                except subprocess.TimeoutExpired:
                    if time.monotonic() - shown >= interval:
                        shown = time.monotonic()
                        show(last_line(log))
        except BaseException:
            # A Ctrl-C reached the process as well; it writes nothing by halves.
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            raise


def last_line(path: Path) -> str:
    """Give the newest line of a file that is being written."""
    with open(path, 'rb') as file:
        file.seek(max(0, path.stat().st_size - 2000))
        text = file.read().decode(errors='replace')
    lines = [line.strip() for line in text.replace('\r', '\n').split('\n') if line.strip()]
    return lines[-1] if lines else ''


def _failure(log: Path, status: int) -> str:
    """Say why a command ended."""
    text = log.read_text(errors='replace') if log.is_file() else ''
    lines = [line for line in text.replace('\r', '\n').split('\n') if line.strip()]
    for index, line in enumerate(lines):
        if line.startswith('error: '):
            return '\n  '.join([line.removeprefix('error: '), *lines[index + 1 : index + 4]])
    if status < 0:
        return f'ended by signal {-status} (9: killed, perhaps for want of memory)'
    return '\n  '.join(lines[-5:]) or f'ended with status {status}'


def file_digest(path: Path) -> str:
    """SHA-256 of a file; a word for one that is not there."""
    if not path.is_file():
        return 'missing'
    return Fingerprint.of_file(path).sha256


def command_text(command: Sequence[str]) -> str:
    """Write a command as one types it."""
    return shlex.join(['python', *command])


def clock(seconds: float) -> str:
    """Write a time.

    >>> clock(8.2), clock(100), clock(4000)
    ('8 s', '1 min 40 s', '1 h 6 min')
    """
    seconds = round(seconds)
    if seconds < 60:
        return f'{seconds} s'
    if seconds < 3600:
        return f'{seconds // 60} min {seconds % 60} s'
    return f'{seconds // 3600} h {seconds % 3600 // 60} min'
