"""One step of a study: something made once, from settings and from other steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mmseg_wsss.utils.digest import json_sha256

KINDS = ('classifier', 'seeds', 'aggregate', 'reweigh', 'judge', 'network', 'masks', 'test')


@dataclass(frozen=True, eq=False)
class Step:
    """A step and all it depends on.

    Two steps with the same key are the same step: a study that needs it twice makes it once, and a
    rerun finds it made. The key covers kind, settings and the keys of the inputs; title and
    estimate say nothing about the result and do not count.

    Attributes:
        kind (str): One of ``KINDS``.
        title (str): For people.
        settings (dict): JSON values; whatever the result depends on besides the inputs.
        inputs (Mapping[str, Step]): Other steps by their role.
        seconds (float): Estimate of the time it takes.

    Raises:
        ValueError: If there is no such kind.
    """

    kind: str
    title: str
    settings: dict[str, Any]
    inputs: Mapping[str, Step] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f'step kind {self.kind!r}, expected one of {", ".join(KINDS)}')

    @cached_property
    def key(self) -> str:
        """SHA-256 of all that the result depends on."""
        inputs = {role: step.key for role, step in self.inputs.items()}
        return json_sha256([self.kind, self.settings, inputs])

    @property
    def name(self) -> str:
        """Name of its folder and of its record: kind and the first digits of the key."""
        return f'{self.kind}-{self.key[:12]}'


def in_order(steps: Iterable[Step]) -> list[Step]:
    """List steps and all their inputs, each key once, inputs before those who need them.

    Args:
        steps (Iterable[Step]): What is wanted.

    Returns:
        list[Step]: In an order in which they can be made.
    """
    found: dict[str, Step] = {}

    def visit(step: Step) -> None:
        if step.key in found:
            return
        for one in step.inputs.values():
            visit(one)
        found[step.key] = step

    for step in steps:
        visit(step)
    return list(found.values())
