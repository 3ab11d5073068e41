"""The shell blocks of the README and of the guides.

Every block is checked against the commands: scripts, configs and options exist. Blocks without the
marker ``<!-- needs-downloads: WHAT -->`` are run, page after page, in one folder that holds what
their text asks for: ``PHOTOS``, ``MASKS`` and ``tags.csv`` (generated scenes, validation masks
only), ``GROUND_TRUTH`` (masks of all), ``CLASSIFIER``, ``SEED_ROOT`` and ``CHECKPOINT`` (the
classifier, the seeds and the network of the block about own photographs) and ``seeds/{a,b,c}``.
They are made small by what ``SMALLER`` appends to a command: the networks of the demo, which need
no ImageNet weights, and a few training steps.
"""

from __future__ import annotations

import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from helpers.commands import run_forked
from helpers.forked_steps import launch
from helpers.tiny_bases import write_bases
from PIL import Image
from scenes import CLASSES as SCENE_CLASSES
from scenes import SceneSet, write_scenes

from mmseg_wsss.apis import run_steps
from mmseg_wsss.datasets import read_split
from mmseg_wsss.store import read_mask, write_mask
from mmseg_wsss.utils import options

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / 'README.md',
    ROOT / 'docs' / 'get_started.md',
    ROOT / 'docs' / 'user_guides' / 'own_photographs.md',
    *sorted((ROOT / 'docs').glob('*_guides/*.md')),
]
BLOCK = re.compile(
    r'(<!-- needs-downloads: [^\n]+ -->\n)?^```(bash|sh|shell)\n(.*?)^```', re.M | re.S
)
SMALLER = {
    'run.py PHOTOS': '--cls-base tiny_cls.py --pnl-base tiny_pnl.py --force',
    'folder.py make_config': '--cls-base demo/cls_resnet_scenes.py'
    ' --pnl-base demo/pnl_deeplabv3plus_resnet_scenes.py',
    'train.py configs/mine/mine_cls.py': '--work-dir work_dirs/mine_cls'
    ' --cfg-options train_cfg.max_epochs=5 default_hooks.checkpoint.interval=5'
    ' seed_generation.out=work_dirs/mine_cls/seeds',
    'make_seeds.py configs/mine/mine_cls.py': '--out work_dirs/mine_cls/seeds',
    'train.py configs/mine/mine_pnl.py': '--work-dir work_dirs/mine_pnl'
    ' --cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2'
    ' default_hooks.checkpoint.interval=2'
    ' model.backbone.init_cfg.checkpoint=work_dirs/mine_cls/epoch_5.pth',
}


@dataclass(frozen=True)
class Block:
    """A shell block of a page."""

    page: str
    downloads: bool
    text: str

    @property
    def commands(self) -> list[str]:
        """Lines that are commands, comments left out."""
        lines = (line.partition(' #')[0].strip() for line in self.text.splitlines())
        return [line for line in lines if line and not line.startswith('#')]


def read_blocks() -> list[Block]:
    """Blocks of all pages; the same text on a second page counts once."""
    blocks = {}
    for page in PAGES:
        for marker, _, text in BLOCK.findall(page.read_text(encoding='utf-8')):
            blocks.setdefault(text, Block(str(page.relative_to(ROOT)), bool(marker), text))
    return list(blocks.values())


BLOCKS = read_blocks()
PYTHONPATH = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH', '')]))
TINY = [block for block in BLOCKS if not block.downloads]


@pytest.mark.parametrize('block', BLOCKS, ids=lambda block: block.page)
def test_commands_options_and_configs_exist(block: Block) -> None:
    for command in block.commands:
        words = command.split()
        scripts = [word for word in words if re.fullmatch(r'[\w/-]+\.(py|sh)', word)]
        scripts = [word for word in scripts if not word.startswith('configs/')]
        for script in scripts:
            assert (ROOT / script).is_file(), command
            source = (ROOT / script).read_text(encoding='utf-8')
            for shared in set(re.findall(r'\badd_\w+_option\b', source)):
                source += inspect.getsource(getattr(options, shared))
            for option in re.findall(r'(?<=\s)--[\w-]+', command):
                assert option in source or script.endswith('.sh'), f'{script} lacks {option}'
        for config in re.findall(r'configs/[\w/+-]+\.py', command):
            assert (ROOT / config).is_file() or '/mine/' in config, command
        if words[0] == 'make':
            assert re.search(rf'^{words[1]}:', (ROOT / 'Makefile').read_text(), re.M), command


def test_some_blocks_are_run() -> None:
    pages = {block.page for block in TINY}
    assert {'README.md', 'docs/user_guides/evaluation.md', 'docs/user_guides/seeds.md'} <= pages


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the module's docstring describes."""
    path = tmp_path_factory.mktemp('docs')
    scenes = path / 'generated'
    write_scenes(scenes, SceneSet(8, 4))
    shutil.copytree(scenes / 'images', path / 'PHOTOS')
    # A class list that is taken from tags is in alphabetical order.
    order = np.argsort(np.argsort(SCENE_CLASSES[1:])) + 1
    table = np.array([0, *order, *range(len(SCENE_CLASSES), 256)], np.uint8)
    for file in (scenes / 'masks').iterdir():
        write_mask(path / 'GROUND_TRUTH' / file.name, table[read_mask(file)])
    shutil.copy(scenes / 'tags.csv', path / 'tags.csv')
    (path / 'MASKS').mkdir()
    for name in read_split(scenes / 'val.txt'):
        shutil.copy(path / 'GROUND_TRUTH' / f'{name}.png', path / 'MASKS')
    rng = np.random.default_rng(0)
    for seed in 'abc':
        (path / 'seeds' / seed).mkdir(parents=True)
        mask = rng.integers(0, 3, (24, 32), dtype=np.uint8)
        Image.fromarray(mask).save(path / 'seeds' / seed / 'image.png')
    (path / 'SEED_ROOT').symlink_to(Path('work_dirs', 'mine_cls', 'seeds'))
    (path / 'CHECKPOINT').symlink_to(Path('work_dirs', 'mine_pnl', 'iter_2.pth'))
    (path / 'CLASSIFIER').symlink_to(Path('work_dirs', 'mine_cls', 'epoch_5.pth'))
    for name in ('tools', 'demo'):
        (path / name).symlink_to(ROOT / name)
    write_bases(path)
    shutil.copytree(ROOT / 'configs', path / 'configs')
    return path


@pytest.mark.slow
@pytest.mark.parametrize('block', TINY, ids=lambda block: block.page)
def test_block_runs(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_steps, 'launch_process', launch)
    for command in block.commands:
        extra = [more for part, more in SMALLER.items() if part in command]
        text = ' '.join([command, *extra])
        words = shlex.split(text)
        if words[0] == 'python' and not set(text) & set('|;&<>$`*'):
            done = run_forked(words[1:], cwd=folder)
        else:
            done = subprocess.run(
                ['bash', '-euc', text.replace('python ', f'{sys.executable} ', 1)],
                cwd=folder,
                env=dict(os.environ, PYTHONPATH=PYTHONPATH),
                capture_output=True,
                text=True,
            )
        assert done.returncode == 0, f'{text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
