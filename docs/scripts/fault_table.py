"""Print the table of the faults that the tests provoke, in Markdown, from the tests' own names."""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / 'tests' / 'faults'
HEAD = '| what is promised | what is tried |\n|---|---|'


def read_tests(path: Path) -> tuple[str, list[str]]:
    """Read what a file of tests promises and the names of its tests.

    Args:
        path (Path): A Python file with a docstring of one sentence and functions ``test_...``.

    Returns:
        tuple[str, list[str]]: The docstring's first line and the names in words.
    """
    module = ast.parse(path.read_text(encoding='utf-8'))
    promise = (ast.get_docstring(module) or path.stem).splitlines()[0].rstrip('.')
    names = [
        node.name.removeprefix('test_').replace('_', ' ')
        for node in module.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith('test_')
    ]
    return promise, names


def fault_table(folder: Path = FOLDER) -> str:
    """Give the table, one row per file of tests.

    Args:
        folder (Path): Folder of the tests.
    """
    rows = [read_tests(path) for path in sorted(folder.glob('test_*.py'))]
    return '\n'.join([HEAD, *(f'| {promise} | {"; ".join(names)} |' for promise, names in rows)])


if __name__ == '__main__':
    print(fault_table())
