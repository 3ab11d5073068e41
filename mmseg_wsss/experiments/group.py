"""A table of a study: variants, what is shown of each, and the one they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .step import Step

ON_TRAINING = 'training images with their true masks, on which only the ceiling is trained'
ON_VALIDATION = 'validation images'


@dataclass(frozen=True)
class Variant:
    """A row: what was measured, once for each random seed.

    Attributes:
        name (str): Shown.
        steps (Sequence[Step]): The step that measured it, one per random seed, in their order.
        prefix (str): Put before the metric's name, where one step measures many variants.
    """

    name: str
    steps: Sequence[Step]
    prefix: str = ''


@dataclass(frozen=True)
class Group:
    """A table.

    Attributes:
        name (str): What ``--only`` calls it.
        title (str): Shown.
        on (str): The images it was measured on.
        columns (Mapping[str, str]): Title of a column to the name of its metric; the first one is
            compared with the reference.
        variants (Sequence[Variant]): The rows.
        reference (str | None): Name of the variant that the others are compared with.
        note (str): How to read it; what was chosen by what.
    """

    name: str
    title: str
    on: str
    columns: Mapping[str, str]
    variants: Sequence[Variant]
    reference: str | None = None
    note: str = ''

    def __post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise ValueError(f'group {self.name}: two variants are called {double[0]!r}')
        if self.reference is not None and self.reference not in names:
            raise ValueError(f'group {self.name}: there is no variant {self.reference!r}')

    def as_dict(self) -> dict:
        """Give the table as JSON values, steps by their names."""
        variants = [
            dict(name=one.name, prefix=one.prefix, records=[step.name for step in one.steps])
            for one in self.variants
        ]
        return dict(
            name=self.name,
            title=self.title,
            on=self.on,
            columns=dict(self.columns),
            reference=self.reference,
            note=self.note,
            variants=variants,
        )
