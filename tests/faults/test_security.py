"""Files of unknown origin run no code and write nowhere but where they should."""

import subprocess
import sys

import aggregate_seeds
import numpy as np
import pytest
import torch
import train as train_tool
from helpers.killing import finish
from helpers.network_run import TRAINING_CONFIG as CONFIG
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.config import Config

from mmseg_wsss.converters.folder import convert_folder
from mmseg_wsss.datasets import read_split, read_tags
from mmseg_wsss.store import SeedManifest, SeedStore, encode_mask
from mmseg_wsss.utils.checkpoint import find_resumable, read_state_dict

ESCAPES = ['../out', '/tmp/out', 'a/../../out', '..', 'a\\..\\out', '.hidden', 'a\x00b', 'a\nb']


class Harmful:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return __import__('os').mkdir, (self.path,)


@pytest.fixture
def project(tmp_path):
    """Write a trained network's work dir."""
    ids = ['one', 'two']
    write_images(tmp_path / 'images', ids)
    write_split(tmp_path / 'train.txt', ids)
    write_seed_root(tmp_path / 'seeds', ids)
    (tmp_path / 'config.py').write_text(CONFIG.replace('DATA', str(tmp_path)))

    def train():
        sys.argv = ['train.py', str(tmp_path / 'config.py'), '--work-dir', str(tmp_path / 'work')]
        sys.argv += ['--cfg-options', 'train_cfg.max_iters=1', 'val_cfg=None']
        sys.argv += ['val_dataloader=None', 'val_evaluator=None']
        sys.argv += ['default_hooks.checkpoint.interval=1']
        train_tool.main()

    finish(train, tmp_path / 'log')
    return tmp_path


def test_commands_do_not_run_the_code_of_a_checkpoint(project, root):
    """mmengine alone would, with a warning: tools/test.py and tools/train.py --resume refuse."""
    checkpoint = project / 'work' / 'iter_1.pth'
    read_state_dict(checkpoint)  # as mmengine wrote it, log histories and all
    content = torch.load(checkpoint, weights_only=False)
    torch.save(dict(content, extra=Harmful(project / 'harmed')), checkpoint)
    done = subprocess.run(
        [sys.executable, root / 'tools' / 'test.py', project / 'config.py', checkpoint],
        capture_output=True,
        text=True,
        check=False,
        cwd=project,
    )
    assert done.returncode == 1
    assert 'error: ' in done.stderr and '--trust-checkpoint' in done.stderr
    config = Config(dict(work_dir=str(project / 'work')))
    with pytest.raises(ValueError, match=r'iter_1\.pth.*--trust-checkpoint'):
        train_tool.resume_from_latest(config, trust=False)
    assert not (project / 'harmed').exists()
    path, _ = find_resumable(project / 'work', trust=True)
    assert path == str(checkpoint) and (project / 'harmed').exists()


@pytest.mark.parametrize('escape', ESCAPES)
def test_no_id_of_a_file_leaves_the_output_root(tmp_path, escape):
    (tmp_path / 'split.txt').write_text(f'fine\n{escape}\n')
    if '\n' not in escape:
        with pytest.raises(ValueError, match='split.txt:2: image id'):
            read_split(tmp_path / 'split.txt')
    np.save(tmp_path / 'tags.npy', {escape: np.ones(1, np.float32)}, allow_pickle=True)
    with pytest.raises(ValueError, match='image id'):
        read_tags(tmp_path / 'tags.npy', ['background', 'cat'])
    store = SeedStore(tmp_path / 'root')
    for seed, image_id in (('a', escape), (escape, 'x')):
        with pytest.raises(ValueError):
            store.mask_path(seed, image_id)
    with pytest.raises(ValueError):
        SeedManifest(
            classes=['background'],
            palette=[[0, 0, 0]],
            seeds=[dict(name='a', dropout=None, scale=None)],
            images=[escape],
        )


def test_no_command_follows_an_id_out_of_its_folder(tmp_path, capsys):
    for name in 'ab':
        (tmp_path / name).mkdir()
        (tmp_path / name / 'x.png').write_bytes(encode_mask(np.zeros((2, 2), np.uint8)))
    (tmp_path / 'split.txt').write_text('x\n../x\n')
    arguments = ['--seeds', str(tmp_path / 'a'), str(tmp_path / 'b'), '--num-classes', '2']
    arguments += ['--out', str(tmp_path / 'deep' / 'root'), '--split', str(tmp_path / 'split.txt')]
    assert aggregate_seeds.main(arguments) == 1
    assert "image id '../x' has a part that starts with a dot" in capsys.readouterr().err
    write_images(tmp_path / 'photos', ['x'])
    (tmp_path / 'tags.csv').write_text('image_id,tags\n../../x,cat\n')
    with pytest.raises(ValueError, match='image id'):
        convert_folder(
            str(tmp_path / 'photos'), str(tmp_path / 'tags.csv'), str(tmp_path / 'deep' / 'data')
        )
    assert not (tmp_path / 'deep').exists()
