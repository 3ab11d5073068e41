"""The whole study of one budget: its tables, its steps, its plan on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from mmseg_wsss.utils.atomic import write_atomic

from .budget import Budget
from .group import Group
from .network_groups import NetworkGroups
from .recipes import Recipes
from .seed_groups import SeedGroups
from .step import Step, in_order

PLAN = 'plan.json'


class Study:
    """The tables of a budget and the steps behind them.

    Args:
        budget (Budget): Its size.
        digests (Mapping[str, str]): Hash of the images of each split.
        numbers (Mapping[str, int]): Number of the images of each split.
        configs (Path): The folder of configs.
    """

    def __init__(
        self, budget: Budget, digests: Mapping[str, str], numbers: Mapping[str, int], configs: Path
    ) -> None:
        self.budget, self.numbers = budget, dict(numbers)
        recipes = Recipes(budget, digests, numbers, configs)
        seeds = SeedGroups(recipes)
        self.groups: list[Group] = [*seeds.groups(), *NetworkGroups(recipes, seeds).groups()]

    def chosen(self, names: Sequence[str] | None = None) -> list[Group]:
        """The groups of the names, by default those of the budget.

        Raises:
            ValueError: If there is no group of a name.
        """
        names = self.budget.groups if names is None else names
        known = {group.name: group for group in self.groups}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f'group {unknown[0]!r}, expected some of {", ".join(known)}')
        return [group for group in self.groups if group.name in names]

    def steps(self, groups: Sequence[Group], rows: Sequence[str] | None = None) -> list[Step]:
        """All steps of some groups, inputs first, one random seed after the other.

        A study that is stopped early then has whole rows for the first random seeds.

        Args:
            groups (Sequence[Group]): The tables.
            rows (Sequence[str], optional): Shell patterns; only rows whose names match one of them.

        Returns:
            list[Step]: In an order in which they can be made.
        """
        variants = [one for group in groups for one in group.variants]
        if rows is not None:
            variants = [one for one in variants if matches(one.name, rows)]
        last = []
        for place in range(len(self.budget.random_seeds)):
            last += [one.steps[place] for one in variants]
        return in_order(last)

    def check_rows(self, groups: Sequence[Group], rows: Sequence[str]) -> None:
        """Raise a ValueError if a pattern matches no row of some tables."""
        names = [one.name for group in groups for one in group.variants]
        for pattern in rows:
            if not any(matches(name, [pattern]) for name in names):
                known = ', '.join(map(repr, dict.fromkeys(names)))
                raise ValueError(f'row {pattern!r}, expected one that matches some of {known}')

    def write_plan(self, folder: Path) -> None:
        """Write which records make which cell of which table."""
        plan = dict(
            budget=self.budget.name,
            purpose=self.budget.purpose,
            random_seeds=list(self.budget.random_seeds),
            images=self.numbers,
            classifier=self.budget.classifier,
            network=self.budget.network,
            second=self.budget.second,
            iterations=self.budget.iterations,
            groups=[group.as_dict() for group in self.groups],
        )
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(plan, indent=1, ensure_ascii=False)
        write_atomic(folder / PLAN, (text + '\n').encode())

    def estimate(
        self, groups: Sequence[Group], rows: Sequence[str] | None = None
    ) -> list[tuple[str, int, int, float]]:
        """For each group its cells, the steps it adds to those before it, and their seconds."""
        seen: set[str] = set()
        found = []
        for group in groups:
            new = [step for step in self.steps([group], rows) if step.key not in seen]
            seen |= {step.key for step in new}
            cells = sum(len(variant.steps) for variant in group.variants)
            found.append((group.name, cells, len(new), sum(step.seconds for step in new)))
        return found


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a row's name matches one of some shell patterns; a comma is a character like others.

    >>> matches('hybrid, t = 6', ['aggregate*', 'hybrid*'])
    True
    """
    return any(fnmatchcase(name, pattern) for pattern in patterns)
