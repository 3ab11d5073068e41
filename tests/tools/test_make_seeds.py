"""tools/make_seeds.py as a command and its parts."""

import os
import pickle
import subprocess
import sys

import make_seeds
import numpy as np
import pytest
import torch
from helpers.classifier_run import build_config, files_of, write_data
from mmengine.logging import HistoryBuffer

from mmseg_wsss.registry import MODELS
from mmseg_wsss.utils.checkpoint import read_state_dict


@pytest.fixture
def project(tmp_path):
    """A config file, its data and a checkpoint."""
    write_data(tmp_path)
    config = build_config(tmp_path)
    config.dump(tmp_path / 'config.py')
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'model.pth')
    return tmp_path


def run(*arguments):
    make_seeds.main([*map(str, arguments), '--device', 'cpu', '--cfg-options', *OPTIONS])


OPTIONS = ['seed_generation.num_workers=0', 'seed_generation.num_writers=0']


def test_seeds_of_a_checkpoint(project):
    run(project / 'config.py', project / 'model.pth')
    found = files_of(project / 'work' / 'seeds')
    assert len(found) == 20
    run(project / 'config.py', project / 'model.pth', '--out', project / 'elsewhere')
    assert files_of(project / 'elsewhere') == found


def test_a_work_dir_stands_for_its_last_checkpoint(project):
    with pytest.raises(FileNotFoundError, match='no checkpoint in it'):
        run(project / 'config.py', project)
    (project / 'last_checkpoint').write_text(str(project / 'model.pth'))
    run(project / 'config.py', project)
    found = files_of(project / 'work' / 'seeds')
    run(project / 'config.py', project / 'model.pth', '--out', project / 'elsewhere')
    assert files_of(project / 'elsewhere') == found


def test_options_replace_the_section(project):
    arguments = [project / 'config.py', project / 'model.pth']
    run(*arguments, '--keep', 'aggregate', '--seeds', '0.05-1', '0.2-1.20')
    root = project / 'work' / 'seeds'
    assert {path.parent.name for path in root.rglob('*.png')} == {
        'aggregated',
        'agreement',
        'losing_votes',
    }
    manifest = (root / 'manifest.json').read_text()
    assert '"0.05-1.00"' in manifest and '"0.20-1.20"' in manifest
    with pytest.raises(ValueError, match='--overwrite'):
        run(*arguments, '--refine', 'none')
    run(*arguments, '--refine', 'none', '--overwrite')
    assert len(files_of(root)) == 20


def test_one_checkpoint_per_dropout(project):
    pairs = [f'{dropout}={project / "model.pth"}' for dropout in ('0.10', '0.3')]
    run(project / 'config.py', '--dropout-checkpoint', *pairs)
    assert '"training"' in (project / 'work' / 'seeds' / 'manifest.json').read_text()
    with pytest.raises(SystemExit):
        run(project / 'config.py')
    with pytest.raises(SystemExit):
        run(project / 'config.py', project / 'model.pth', '--dropout-checkpoint', *pairs)


class Harmful:
    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_checkpoints_run_no_code_unless_trusted(project):
    harmful = Harmful()
    harmful.path = str(project / 'harmed')
    state = MODELS.build(build_config(project).model).state_dict()
    torch.save(dict(state_dict=state, meta=harmful), project / 'harmful.pth')
    with pytest.raises(ValueError, match='--trust-checkpoint'):
        run(project / 'config.py', project / 'harmful.pth')
    assert not (project / 'harmed').exists()
    run(project / 'config.py', project / 'harmful.pth', '--trust-checkpoint')
    assert (project / 'harmed').exists()
    assert len(files_of(project / 'work' / 'seeds')) == 20


def test_what_mmengine_stores_is_read(tmp_path):
    buffer = HistoryBuffer()
    for value in (1.0, np.float64(2.0), 3):
        buffer.update(value)
    content = dict(
        state_dict=dict(weight=torch.ones(2)),
        message_hub=dict(log_scalars=dict(loss=buffer), runtime_info=dict(iter=3, lr=1e-3)),
        meta=dict(seed=1, time='now', dataset_meta=dict(classes=('a', 'b'))),
    )
    torch.save(content, tmp_path / 'epoch.pth')
    assert read_state_dict(tmp_path / 'epoch.pth')['weight'].tolist() == [1, 1]


@pytest.mark.parametrize('content', [b'', b'no checkpoint', pickle.dumps([1, 2])])
def test_no_checkpoint(tmp_path, content):
    path = tmp_path / 'model.pth'
    path.write_bytes(content)
    with pytest.raises(ValueError, match='model.pth'):
        read_state_dict(path)
    with pytest.raises(FileNotFoundError, match='none.pth'):
        read_state_dict(tmp_path / 'none.pth')


def test_weights_must_fit(project):
    torch.save(dict(other=torch.ones(1)), project / 'other.pth')
    with pytest.raises(ValueError, match='does not fit'):
        run(project / 'config.py', project / 'other.pth')


def test_two_processes_by_the_script(project, root):
    command = ['bash', str(root / 'tools' / 'dist_make_seeds.sh')]
    run(project / 'config.py', project / 'model.pth', '--out', project / 'expected')
    done = subprocess.run(
        [*command, str(project / 'config.py'), str(project / 'model.pth'), '2', '--device', 'cpu']
        + ['--out', str(project / 'found')],
        capture_output=True,
        text=True,
        env=dict(
            os.environ,
            OMP_NUM_THREADS='1',
            CUDA_VISIBLE_DEVICES='',
            PORT=str(29500 + os.getpid() % 1000),
            PATH=os.pathsep.join([os.path.dirname(sys.executable), os.environ['PATH']]),
        ),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert files_of(project / 'found') == files_of(project / 'expected')
    assert done.stderr.count('Seeds: 4 images made') + done.stdout.count('Seeds: 4 images') == 1
