"""The plan and the records of a study, read back from its JSON files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from .records import Records
from .study import PLAN

Values = dict[int, float]


class Results:
    """What a study has measured so far.

    Args:
        folder (Path): Of the study: ``plan.json``, ``runs`` and ``failures``; nothing else is read.

    Raises:
        FileNotFoundError: If there is no plan.
        ValueError: If a file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        path = Path(folder) / PLAN
        if not path.is_file():
            raise FileNotFoundError(f'{path}: there is no plan; run the study first')
        self.plan = json.loads(path.read_text(encoding='utf-8'))
        records = Records(folder)
        self.records, self.failures = records.all(), records.all_failures()

    def group(self, name: str) -> dict:
        """The group of a name.

        Raises:
            KeyError: If there is none.
        """
        for group in self.plan['groups']:
            if group['name'] == name:
                return group
        raise KeyError(name)

    def values(self, variant: dict, metric: str) -> Values:
        """A metric of a variant by random seed, as far as it was measured."""
        found = {}
        for seed, name in zip(self.plan['random_seeds'], variant['records'], strict=True):
            value = self.records.get(name, {}).get('metrics', {}).get(variant['prefix'] + metric)
            if value is not None:
                found[seed] = value
        return found

    def names(self, group: str) -> list[str]:
        """Names of the variants of a group; none if there is no such group."""
        return list(self._variants(group))

    def named(self, group: str, variant: str, metric: str) -> Values:
        """A metric of the variant of a name; empty if there is no such variant or group."""
        found = self._variants(group).get(variant)
        return self.values(found, metric) if found else {}

    def _variants(self, group: str) -> dict[str, dict]:
        return {
            variant['name']: variant
            for one in self.plan['groups']
            if one['name'] == group
            for variant in one['variants']
        }

    def cells(self, group: dict) -> tuple[int, int]:
        """How many cells of a group are measured, and of how many."""
        names = [name for variant in group['variants'] for name in variant['records']]
        return sum(name in self.records for name in names), len(names)

    def used(self) -> list[dict]:
        """The records behind the tables, their inputs included, in the order of their names."""
        wanted: list[str] = [
            name
            for group in self.plan['groups']
            for variant in group['variants']
            for name in variant['records']
        ]
        found: dict[str, dict] = {}
        while wanted:
            name = wanted.pop()
            if name in self.records and name not in found:
                found[name] = self.records[name]
                wanted += found[name]['inputs'].values()
        return [found[name] for name in sorted(found)]

    def machines(self) -> list[str]:
        """The machines behind the tables, one line each."""
        return sorted({describe_machine(record['machine']) for record in self.used()})

    def dates(self) -> Sequence[str]:
        """Days of the first and of the last record."""
        days = sorted(record['finished'][:10] for record in self.used())
        return (days[0], days[-1]) if days else ()


def describe_machine(machine: dict) -> str:
    """Write a machine in one line."""
    device = machine['gpu'] or f'{machine["cores"]} cores of {machine["cpu"]}'
    return f'{device}, torch {machine["torch"]}, mmseg_wsss {machine["mmseg_wsss"]}'
