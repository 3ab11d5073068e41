"""The Dockerfile against the tree: a build needs a daemon and downloads, this does not.

What the ``COPY`` instructions and ``.dockerignore`` leave of the checkout is put together by hand,
and the ``RUN`` instructions are held against it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / 'docker' / 'Dockerfile'


def instructions() -> list[tuple[str, str]]:
    """Name and arguments of each instruction, continued lines joined."""
    text = re.sub(r'^#.*\n', '', DOCKERFILE.read_text(encoding='utf-8'), flags=re.M)
    lines = text.replace('\\\n', ' ').splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


def tracked() -> list[str]:
    run = subprocess.run(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if run.returncode:
        pytest.skip('not a git checkout')
    return [name for name in run.stdout.splitlines() if (ROOT / name).is_file()]


def ignored(path: str) -> bool:
    """Docker's rule: the last pattern that matches the path or a folder above it decides."""
    result = False
    for line in (ROOT / '.dockerignore').read_text(encoding='utf-8').splitlines():
        if not line or line.startswith('#'):
            continue
        keep, pattern = line.startswith('!'), line.removeprefix('!')
        expression = ''.join(
            {'**/': '(?:.*/)?', '*': '[^/]*'}.get(part, re.escape(part))
            for part in re.split(r'(\*\*/|\*)', pattern)
        )
        names = [path, *(str(parent) for parent in PurePosixPath(path).parents)][:-1]
        if any(re.fullmatch(expression, name) for name in names):
            result = not keep
    return result


def copied_files() -> list[str]:
    """Files that the image has."""
    files = []
    for name, arguments in instructions():
        if name == 'COPY':
            *sources, target = arguments.split()
            for source in sources:
                found = [
                    file for file in tracked() if file == source or file.startswith(f'{source}/')
                ]
                assert found, f'COPY {source}: there is nothing of this name'
                kept = [file for file in found if not ignored(file)]
                assert kept, f'COPY {source}: .dockerignore leaves nothing of it'
                # Files keep their names, and the content of a folder its place.
                assert target == './' or source.startswith(target)
                files += kept
    return files


def test_the_context_has_the_package_and_no_data():
    for path in ('data/images/a.jpg', 'work_dirs/net.pth', '.git/config', '.venv/bin/python'):
        assert ignored(path), path
    for path in ('mmseg_wsss/__pycache__/a.pyc', 'mmseg_wsss/.mim/configs', 'configs/mine/a.py'):
        assert ignored(path), path
    copied = set(copied_files())
    for name in tracked():
        if name.split('/')[0] in ('mmseg_wsss', 'configs', 'tools', 'demo', 'requirements'):
            assert name in copied, f'{name} is not in the image'


def planned(*arguments, cwd):
    """What make would run, whatever the options of a make that runs these tests."""
    inherited = ('MAKEFLAGS', 'MAKEOVERRIDES', 'MFLAGS', 'MAKELEVEL', 'STACK', 'VENV')
    return subprocess.run(
        ['make', '--dry-run', *arguments],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name not in inherited},
        capture_output=True,
        text=True,
    )


def test_make_targets_exist_and_the_index_reaches_torch():
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8').replace('$(VENV)', '.venv')
    default = dict(arguments.split('=', 1) for name, arguments in instructions() if name == 'ARG')
    assert default == {'TORCH_INDEX': 'https://download.pytorch.org/whl/cpu'}
    commands = [arguments for name, arguments in instructions() if name == 'RUN']
    makes = [shlex.split(command[command.index('make ') :]) for command in commands
             if re.search(r'\bmake (\.venv|setup)', command)]  # fmt: skip
    assert [words[1] for words in makes] == ['.venv/.torch', 'setup']
    for index in ('https://example.org/cu130', ''):
        for words in makes:
            assert re.search(rf'^{re.escape(words[1])}:', makefile, re.M), words
            words = [word.replace('$TORCH_INDEX', index) for word in words]
            plan = planned(*words[1:], '--always-make', cwd=ROOT)
            assert plan.returncode == 0, plan.stderr
            (line,) = re.findall(r'pip .*(?:\\\n.*)?torch==.*', plan.stdout)
            assert (f'--extra-index-url {index}' in line) == bool(index)


def test_what_is_copied_can_be_set_up(tmp_path):
    for name in copied_files():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    run = subprocess.run(
        [sys.executable, 'setup.py', '--version', '--description'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert re.match(r'\d+\.\d+', run.stdout.splitlines()[-2])
    for name in ('mmseg_wsss/reporting/templates', 'mmseg_wsss/evaluation/evaluation.schema.json'):
        assert (tmp_path / name).exists()
    plan = planned('setup', cwd=tmp_path)
    assert plan.returncode == 0 and not plan.stderr, plan.stderr


def test_the_torch_layer_has_what_the_makefile_reads(tmp_path):
    names = [name for name, _ in instructions()]
    for name, arguments in instructions()[: names.index('RUN', names.index('COPY'))]:
        if name == 'COPY':
            *sources, target = arguments.split()
            (tmp_path / target).mkdir(exist_ok=True)
            for source in sources:
                shutil.copy(ROOT / source, tmp_path / target)
    plan = planned('.venv/.torch', cwd=tmp_path)
    assert plan.returncode == 0 and not plan.stderr, plan.stderr


def test_it_does_not_run_as_root_and_folders_of_results_can_be_written():
    users = [arguments for name, arguments in instructions() if name == 'USER']
    assert users == ['wsss'] and instructions()[-1][0] == 'CMD'
    script = ' '.join(arguments for name, arguments in instructions() if name == 'RUN')
    writable = re.search(r'chmod 1777 ([^&]+)', script).group(1).split()
    assert {'.', 'configs', 'data', 'work_dirs', '/home/wsss'} == set(writable)
