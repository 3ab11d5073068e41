"""The layout of the package: which rooms may know which, and that the core stands alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / 'mmseg_wsss'
# Each room may import those before it; utils, registry and compat are below all of them.
ROOMS = (
    'seeds store datasets checks converters models evaluation generation reporting apis engine'
).split()
FREE = {'utils', 'registry', 'compat', 'version'}


def rooms_imported_by(path: Path) -> set[str]:
    """Top-level parts of the package that a module imports, those inside functions included."""
    here = ('mmseg_wsss', *path.relative_to(PACKAGE).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            module = (*base, *(node.module or '').split('.')) if node.module else base
            for alias in node.names:
                full = (*module, alias.name)
                if full[0] == 'mmseg_wsss' and len(full) > 1:
                    found.add(full[1])
    return found


@pytest.mark.parametrize('room', ROOMS)
def test_imports_flow_down(room):
    below = {*FREE, *ROOMS[: ROOMS.index(room) + 1]}
    files = list((PACKAGE / room).rglob('*.py'))
    assert files
    for path in files:
        assert rooms_imported_by(path) <= below, path


def test_no_module_imports_itself_in_a_circle():
    graph = {}
    for path in PACKAGE.rglob('*.py'):
        if '.mim' in path.parts:
            continue
        parts = ('mmseg_wsss', *path.relative_to(PACKAGE).with_suffix('').parts)
        name = '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
        package = parts[:-1]
        targets = set()
        for node in ast.parse(path.read_text(encoding='utf-8')).body:
            if isinstance(node, ast.ImportFrom) and node.level:
                base = package[: len(package) - node.level + 1]
                module = '.'.join((*base, *([node.module] if node.module else [])))
                targets |= {module, *(f'{module}.{alias.name}' for alias in node.names)}
        graph[name] = targets
    # A package's own __init__ gathers its modules, which is no circle.
    packages = {'.'.join(name.split('.')[:-1]) for name in graph}
    graph = {name: {t for t in targets if t in graph and t not in packages} for name, targets in
             graph.items() if name not in packages}  # fmt: skip
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, ' -> '.join((*path, name))
        if name not in done:
            for target in graph[name]:
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize('core', ['mmseg_wsss', 'mmseg_wsss.seeds'])
def test_the_core_needs_numpy_and_torch_only(core):
    code = (
        f'import {core}, sys\n'
        'heavy = ["mmengine", "mmcv", "mmseg", "mmpretrain", "cv2", "PIL", "torchvision"]\n'
        'print("LOADED", *[name for name in heavy if name in sys.modules])\n'
    )
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == 'LOADED'


def test_a_config_that_names_the_package_gets_its_parts():
    code = (
        'import mmengine, warnings; warnings.simplefilter("ignore")\n'
        'import mmseg_wsss, sys\n'
        'print("mmseg_wsss.register_all" in sys.modules)\n'
    )
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert run.stdout.strip().splitlines()[-1] == 'True'
