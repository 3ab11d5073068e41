"""An installed wheel carries configs and tools, and other configs can build on them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROOMS = ('cls', 'plain', 'pnl')


@pytest.fixture(scope='module')
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a wheel of this source tree unpacks to."""
    folder = tmp_path_factory.mktemp('packaging')
    source = folder / 'source'
    source.mkdir()
    skip = shutil.ignore_patterns('__pycache__', '.mim')
    for name in ('mmseg_wsss', 'configs', 'tools', 'requirements'):
        shutil.copytree(ROOT / name, source / name, ignore=skip)
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'MANIFEST.in', 'model-index.yml'):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--no-index']
    command += ['--no-build-isolation', '--wheel-dir', str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (wheel,) = folder.glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / 'site')
    return folder / 'site'


def files_below(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob('*')
        if path.is_file() and path.suffix in ('.py', '.sh', '.yml')
    }


def test_wheel_carries_configs_and_tools(installed: Path) -> None:
    mim = installed / 'mmseg_wsss/.mim'
    for name in ('configs', 'tools'):
        assert files_below(mim / name) == files_below(ROOT / name)
    assert (mim / 'model-index.yml').read_text() == (ROOT / 'model-index.yml').read_text()


def test_config_bases_resolve_in_an_installation(installed: Path, tmp_path: Path) -> None:
    config = tmp_path / 'mine.py'
    config.write_text("_base_ = 'mmseg_wsss::pnl/segformer_b2_voc.py'\nrandom = 5\n")
    code = (
        'import mmseg_wsss.register_all\n'
        'from mmengine.config import Config\n'
        f'config = Config.fromfile({str(config)!r})\n'
        'print(mmseg_wsss.__file__, config.random, config.model.decode_head.loss_decode.type,\n'
        '      config.model.backbone.num_layers, config.crop_size)\n'
    )
    result = subprocess.run(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = f'{installed}/mmseg_wsss/__init__.py 5 PNHybridLoss [3, 4, 6, 3] (512, 512)'
    assert result.stdout.strip().splitlines()[-1] == expected


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
