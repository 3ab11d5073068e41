"""The page of a whole run: what was chosen, how good it is, what it looks like."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..evaluation.scores import SeedScore
from ..store import read_mask
from ..utils.atomic import write_atomic
from ..utils.image import read_image
from .page import Block, Code, FigureRow, Key, Page, Rows, Section
from .pictures import blend, color_mask
from .tables import Table

# Pictures of a page that is to be sent around.
MAX_PICTURES = 24


@dataclass(frozen=True)
class RunPicture:
    """A photograph and masks of it.

    Attributes:
        name (str): Its image id.
        image (Path): The photograph; read if it is shown.
        masks (Mapping[str, Path]): Masks by what they are, likewise.
    """

    name: str
    image: Path
    masks: Mapping[str, Path]


@dataclass(frozen=True)
class RunReport:
    """What a page shows.

    Attributes:
        classes (Sequence[str]): K class names, background first.
        palette (Sequence[Sequence[int]]): K RGB colours.
        data (Sequence[str]): About the photographs.
        choices (Sequence[str]): What was chosen and why.
        steps (Sequence[tuple]): Command, seconds or None.
        scores (Mapping[str, SeedScore]): On the masks, by what was scored; empty without masks.
        judged (Sequence[RunPicture]): Photographs with masks.
        predicted (Sequence[RunPicture]): New photographs.
        supervision (str): ``'I'`` or ``'I+S'``.
        seed_page (str): The page of the seeds, relative to this one.
    """

    classes: Sequence[str]
    palette: Sequence[Sequence[int]]
    data: Sequence[str]
    choices: Sequence[str]
    steps: Sequence[tuple[Sequence[str], float | None]]
    scores: Mapping[str, SeedScore]
    judged: Sequence[RunPicture]
    predicted: Sequence[RunPicture]
    supervision: str
    seed_page: str


def write_run_page(path: Path, report: RunReport) -> Path:
    """Write the page.

    Returns:
        Path: The same path.
    """
    sections = [Section('What was chosen', list(report.choices) or ['The bases of the user.'])]
    if report.scores:
        sections.append(Section('Scores', [_score_table(report)]))
    for title, pictures in (
        ('Photographs with masks, which did not train', report.judged),
        ('New photographs', report.predicted),
    ):
        if pictures:
            sections.append(Section(title, _pictures(report, pictures)))
    commands = '\n'.join(
        shlex.join(['python', *command]) + ('' if seconds is None else f'  # {seconds:.0f} s')
        for command, seconds in report.steps
    )
    sections.append(Section('Commands', ['Each does its step alone.', Code(commands)]))
    supervision = {'I': 'image tags only (I)', 'I+S': 'image tags and saliency maps (I+S)'}
    page = Page(
        'From photographs to masks',
        sections,
        lead=[
            *report.data,
            f'Supervision: {supervision.get(report.supervision, report.supervision)}. '
            f'The seeds have a page of their own: {report.seed_page}',
        ],
        figures=[
            (f'mIoU, {name}', f'{100 * score.miou:.1f}') for name, score in report.scores.items()
        ],
        colors=dict(zip(report.classes, report.palette, strict=True)),
    )
    write_atomic(path, page.html().encode())
    return path


def _score_table(report: RunReport) -> Table:
    number = len(report.judged)
    rows = [
        [name, *(100 * float(score.iou[label]) for score in report.scores.values())]
        for label, name in enumerate(report.classes)
    ]
    return Table(
        'IoU in percent',
        ['class', *report.scores],
        rows,
        note=f'On the {number} photographs with masks, which did not train. The vote knows the '
        f'tags of these photographs, so compare it with the network that is told them.'
        f'{FEW if number < 30 else ""}',
        decimals=1,
        classes=True,
    )


FEW = ' So few photographs say little: a difference of some points may be chance.'


def _pictures(report: RunReport, pictures: Sequence[RunPicture]) -> list[Block]:
    step = max(1, len(pictures) // MAX_PICTURES)
    shown = list(pictures)[::step][:MAX_PICTURES]
    rows = []
    for one in shown:
        image = read_image(str(one.image))
        figures = [(image, 'photograph')]
        found: set[int] = set()
        for name, path in one.masks.items():
            mask = read_mask(path)
            picture = blend(image, color_mask(mask, report.palette))
            figures.append((picture, name.replace('_', ' ')))
            found |= set(np.unique(mask).tolist())
        names = [name for label, name in enumerate(report.classes) if label and label in found]
        rows.append(FigureRow(one.name, figures, names))
    blocks: list[Block] = [Key(list(zip(report.classes, report.palette, strict=True)))]
    if len(shown) < len(pictures):
        blocks.append(f'{len(shown)} of {len(pictures)} photographs.')
    return [*blocks, Rows(rows, report.classes[1:])]
