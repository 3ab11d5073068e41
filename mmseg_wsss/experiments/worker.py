"""Makes one step: writes its config, runs its command, reads what it measured."""

from __future__ import annotations

import io
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from mmseg_wsss.utils.atomic import write_atomic
from mmseg_wsss.utils.checkpoint import read_state_dict

from .commands import WEIGHTS, Commands
from .metrics import judge_metrics, network_metrics, split_ids, training_metrics
from .records import Records
from .step import Step
from .study_data import truth_folder

LOG = 'log.txt'
SHOWN_LINES = 15
Launch = Callable[[Sequence[str], Path], int]


class Worker:
    """Makes steps.

    Args:
        commands (Commands): Their command lines.
        records (Records): Where they are recorded.
        launch (Launch): Runs a command and gives its exit status; its output goes to a file.
    """

    def __init__(self, commands: Commands, records: Records, launch: Launch) -> None:
        self.commands, self.records, self.launch = commands, records, launch

    def make(self, step: Step) -> float:
        """Make a step whose inputs are made.

        What an earlier run left of it is used: the commands under ``tools/`` go on where they were.

        Args:
            step (Step): The step.

        Returns:
            float: The seconds it took, this time.

        Raises:
            RuntimeError: If the command fails; the message holds the end of its output.
            ValueError, FileNotFoundError: If what it left cannot be read.
        """
        started = time.monotonic()
        folder = self.commands.folder(step)
        folder.mkdir(parents=True, exist_ok=True)
        config = self.commands.config(step)
        if config is not None:
            path = self.commands.config_path(step)
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, config.encode())
        words = self.commands.of(step)
        status = self.launch(words, folder / LOG)
        if status:
            raise RuntimeError(f'exit status {status}\n{tail(folder / LOG)}')
        if 'checkpoint' in step.settings:
            keep_weights(folder, step.settings['checkpoint'])
        metrics = self._metrics(step, folder)
        seconds = time.monotonic() - started
        self.records.write(
            step, metrics=metrics, command=shlex.join(['python', *words]), seconds=round(seconds, 1)
        )
        if 'checkpoint' in step.settings:
            for path in folder.glob('*_*.pth'):
                path.unlink()
            (folder / 'last_checkpoint').unlink(missing_ok=True)
        return seconds

    def _metrics(self, step: Step, folder: Path) -> dict[str, float]:
        if step.kind in ('classifier', 'network'):
            return training_metrics(folder)
        if step.kind == 'judge':
            return judge_metrics(folder / 'evaluation.json')
        if step.kind == 'test':
            classes, commands = step.settings['classes'], self.commands
            truth = truth_folder(commands.data, commands.layout)
            return network_metrics(folder, split_ids(commands.lists, 'val'), truth, classes)
        return {}


def keep_weights(folder: Path, checkpoint: str) -> None:
    """Keep a training's weights alone, without the state of its optimizer, which is as large again.

    Args:
        folder (Path): Gets ``weights.pth``.
        checkpoint (str): Name of its last checkpoint.
    """
    state = read_state_dict(folder / checkpoint)
    content = io.BytesIO()
    torch.save(dict(state_dict=state, meta={}), content)
    write_atomic(folder / WEIGHTS, content.getvalue())


def tail(path: Path) -> str:
    """The last lines of a log."""
    lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
    return '\n'.join(lines[-SHOWN_LINES:])
