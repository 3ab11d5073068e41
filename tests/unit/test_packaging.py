"""An installed wheel carries configs and tools, and other configs can build on them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROOMS = ('cls', 'noise', 'plain', 'pnl')


@pytest.fixture(scope='module')
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment: this stack, and a wheel of this source tree."""
    folder = tmp_path_factory.mktemp('packaging')
    source = folder / 'source'
    source.mkdir()
    skip = shutil.ignore_patterns('__pycache__', '.mim')
    for name in ('mmseg_wsss', 'configs', 'tools', 'requirements'):
        shutil.copytree(ROOT / name, source / name, ignore=skip)
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'MANIFEST.in', 'model-index.yml'):
        shutil.copy(ROOT / name, source)
    venv.create(folder / 'venv')
    python = folder / 'venv/bin/python'
    # Folders that a .pth file names are searched for packages, but their own .pth files, such as
    # that of an editable installation of this project, are not read.
    stack = {sysconfig.get_path(name) for name in ('purelib', 'platlib')}
    (packages_of(python) / 'stack.pth').write_text('\n'.join(stack))
    offline = ['--quiet', '--no-deps', '--no-index']
    pip(sys.executable, 'wheel', *offline, '--no-build-isolation', '-w', folder, source)
    (wheel,) = folder.glob('*.whl')
    pip(python, 'install', *offline, '--ignore-installed', wheel)
    return python


def packages_of(python: Path) -> Path:
    version = f'python{sys.version_info.major}.{sys.version_info.minor}'
    return python.parents[1] / 'lib' / version / 'site-packages'


def pip(python: Path | str, *words: object) -> None:
    command = [sys.executable, '-m', 'pip', '--python', python, *words]
    subprocess.run(command, check=True, capture_output=True, text=True)


def run(python: Path, *words: object, folder: Path) -> subprocess.CompletedProcess:
    """Run the clean interpreter in a folder, without this source tree."""
    env = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    return subprocess.run(
        [python, *words], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def files_below(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob('*')
        if path.is_file() and path.suffix != '.pyc' and '.mim' not in path.relative_to(folder).parts
    }


def test_wheel_carries_the_package_configs_and_tools(python: Path) -> None:
    package = packages_of(python) / 'mmseg_wsss'
    mim = package / '.mim'
    assert files_below(package) == files_below(ROOT / 'mmseg_wsss')
    for name in ('configs', 'tools'):
        assert files_below(mim / name) == files_below(ROOT / name)
    assert (mim / 'model-index.yml').read_text() == (ROOT / 'model-index.yml').read_text()


def test_config_bases_resolve_in_an_installation(python: Path, tmp_path: Path) -> None:
    config = tmp_path / 'mine.py'
    config.write_text("_base_ = 'mmseg_wsss::pnl/segformer_b2_voc.py'\nrandom = 5\n")
    code = (
        'import mmseg_wsss.register_all\n'
        'from mmengine.config import Config\n'
        'from mmengine.hub import get_config\n'
        'from mmengine.registry import init_default_scope\n'
        'from mmseg.registry import MODELS\n'
        f'mine = Config.fromfile({str(config)!r})\n'
        'print(mmseg_wsss.__file__, mine.random, mine.crop_size)\n'
        'for config in mine, get_config("mmseg_wsss::pnl/segformer_b2_voc.py"):\n'
        '    init_default_scope(config.default_scope)\n'
        '    head = MODELS.build(config.model).decode_head\n'
        '    print(type(head).__name__, type(head.loss_decode).__module__)\n'
    )
    done = run(python, '-c', code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    package = packages_of(python) / 'mmseg_wsss'
    assert done.stdout.strip().splitlines()[-3:] == [
        f'{package}/__init__.py 5 (512, 512)',
        *['SegformerHead mmseg_wsss.models.losses.pn_hybrid_loss'] * 2,
    ]


def test_commands_run_from_an_installation(python: Path, tmp_path: Path) -> None:
    """As ``mim run mmseg_wsss TOOL`` does it, here on a data set that is not there."""
    config = tmp_path / 'mine.py'
    config.write_text("_base_ = 'mmseg_wsss::pnl/segformer_b2_voc.py'\n")
    tool = packages_of(python) / 'mmseg_wsss/.mim/tools/check_data.py'
    done = run(python, tool, config, folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "data_root 'data/VOCdevkit/VOC2012'" in done.stdout


def test_the_model_index_lists_every_config() -> None:
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert index == {'Import': [f'configs/{room}/metafile.yml' for room in ROOMS]}
    for room in ROOMS:
        meta = yaml.safe_load((ROOT / f'configs/{room}/metafile.yml').read_text())
        collections = {collection['Name'] for collection in meta['Collections']}
        listed = [model['Config'] for model in meta['Models']]
        there = [f'configs/{room}/{path.name}' for path in (ROOT / 'configs' / room).glob('*.py')]
        assert listed == sorted(there)
        for model in meta['Models']:
            assert model['Name'] == model['Config'][len('configs/') : -len('.py')]
            assert model['In Collection'] in collections
