"""Patches do what they say, nothing where nothing is wrong; unfit stacks are told apart."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from importlib import metadata
from types import SimpleNamespace

import mmengine.logging
import pytest
import torch
from mmengine.config import utils

from mmseg_wsss import compat

FORKS = {
    'torch': '2.13.0+cpu',
    'torchvision': '0.28.0',
    'numpy': '2.4.6',
    'onedl-mmengine': '0.10.12',
    'onedl-mmcv': '2.3.6',
    'onedl-mmsegmentation': '1.4.2',
    'onedl-mmpretrain': '1.3.6',
    'opencv-python': '4.14.0.94',
}
UPSTREAM = {
    'torch': '2.5.1',
    'torchvision': '0.20.1',
    'numpy': '1.26.4',
    'mmengine': '0.10.7',
    'mmcv': '2.1.0',
    'mmsegmentation': '1.2.2',
    'mmpretrain': '1.2.0',
    'mmdet': '3.3.0',
    'opencv-python': '4.11.0.86',
}
MODULES = {
    *('mmengine', 'mmcv', 'mmcv._ext', 'mmseg', 'mmpretrain', 'mmdet'),
    *('ftfy', 'regex', 'torchvision'),
}


@pytest.fixture
def install(monkeypatch):
    """Pretend that certain distributions and modules are installed, and no others."""

    def pretend(distributions: dict[str, str], modules: set[str] = MODULES) -> None:
        def version(name: str) -> str:
            if name not in distributions:
                raise metadata.PackageNotFoundError(name)
            return distributions[name]

        monkeypatch.setattr(metadata, 'version', version)
        monkeypatch.setattr(compat, 'find_spec', lambda name: name in modules or None)
        monkeypatch.setattr(compat, 'import_module', lambda name: torch)

    return pretend


# Without a record of what is installed, as where packages are source trees on the path.
@pytest.mark.parametrize('stack', [FORKS, UPSTREAM, {}], ids=['forks', 'upstream', 'no record'])
def test_a_sound_stack_passes_without_a_word(install, stack):
    install(stack)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        compat.check_stack()


def test_this_stack_passes():
    compat.check_stack()


@pytest.mark.parametrize(
    ('changes', 'modules', 'message'),
    [
        ({'mmcv': '2.2.0'}, MODULES, r'mmsegmentation 1\.2\.2 refuses mmcv 2\.2\.0: .*mmcv==2\.1'),
        ({'mmcv': None, 'mmcv-lite': '2.1.0'}, MODULES, r'mmcv-lite, .*uninstall.*mmcv==2\.1\.0'),
        ({'torch': '2.1.2', 'numpy': '2.0.1'}, MODULES, r'torch 2\.1\.2 was built.*"numpy<2"'),
        ({}, MODULES - {'ftfy'}, r'pip install ftfy\.$'),
        ({}, MODULES - {'ftfy', 'regex'}, r'pip install ftfy regex\.$'),
        (
            {'onedl-mmcv': '2.3.6'},
            MODULES,
            r'onedl-mmcv 2\.3\.6 and mmcv 2\.1\.0 are both installed as mmcv .*STACK=upstream',
        ),
        ({'onedl-mmengine': '0.10.12'}, MODULES, r'onedl-mmengine 0\.10\.12 and mmengine 0\.10\.7'),
        ({'onedl-mmdetection': '3.5.1'}, MODULES, r'onedl-mmdetection 3\.5\.1 and mmdet 3\.3\.0'),
        ({'mmcv-full': '1.7.2'}, MODULES, r'mmcv 2\.1\.0 and mmcv-full 1\.7\.2 are both installed'),
        (
            {'mmsegmentation': '0.30.0', 'mmcv': None, 'mmcv-full': '1.7.2'},
            MODULES,
            r'mmsegmentation 0\.30\.0 has the API of before 1\.0, and 1\.2\.2 is needed',
        ),
        ({}, MODULES - {'mmcv._ext'}, r'operators of mmcv, which are missing: .*mmcv==2\.1\.0'),
        ({}, MODULES - {'mmseg', 'mmcv'}, r'^mmcv, mmseg cannot be found: install one stack'),
    ],
)
def test_an_unfit_stack_is_named_in_one_sentence(install, changes, modules, message):
    stack = {name: version for name, version in {**UPSTREAM, **changes}.items() if version}
    install(stack, modules)
    with pytest.raises(ImportError, match=message) as caught:
        compat.check_stack()
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    'changes', [{'numpy': '2.1.0', 'torch': '2.3.0'}, {'mmcv': '2.2.0', 'mmsegmentation': '1.2.3'}]
)
def test_neighbours_of_unfit_stacks_pass(install, changes):
    install({**UPSTREAM, **changes})
    compat.check_stack()


def test_operators_that_were_built_for_another_torch_are_named(install, monkeypatch):
    def import_module(name):
        if name == 'mmcv._ext':
            raise ImportError('_ext.so: undefined symbol: _ZN2at4')
        return SimpleNamespace(__version__='2.5.1')

    install(UPSTREAM)
    monkeypatch.setattr(compat, 'import_module', import_module)
    message = r'built for another torch than 2\.5\.1 \(.*_ZN2at4\): .*--no-cache-dir "mmcv==2\.1'
    with pytest.raises(ImportError, match=f'^mmsegmentation imports .* {message}'):
        compat.check_stack()
    with pytest.raises(ImportError, match=f'^Mask2Former needs .* {message}'):
        compat.require_mmdet('Mask2Former')


def test_mmdet_of_upstream_beside_the_forks_is_named(install):
    install({**FORKS, 'mmdet': '3.3.0'})
    message = r'mmdet 3\.3\.0 refuses onedl-mmcv 2\.3\.6: pip uninstall'
    with pytest.raises(ImportError, match=message):
        compat.check_stack()


def test_the_forks_may_do_without_compiled_operators_and_undeclared_packages(install):
    install(FORKS, MODULES - {'mmcv._ext', 'mmdet', 'ftfy', 'regex', 'torchvision'})
    compat.check_stack()


@pytest.mark.parametrize(('stack', 'bound'), [(FORKS, '<5'), (UPSTREAM, '<4.12')])
def test_two_opencvs_bring_a_warning(install, stack, bound):
    install({**stack, 'opencv-python-headless': '4.11.0.86'})
    message = f'opencv-python and opencv-python-headless are installed .* "opencv-python{bound}"'
    with pytest.warns(UserWarning, match=message):
        compat.check_stack()


def test_an_unfit_stack_stops_a_command_before_the_stack_is_imported(root, tmp_path):
    record = tmp_path / 'mmcv-2.2.0.dist-info'
    record.mkdir()
    (record / 'METADATA').write_text('Metadata-Version: 2.1\nName: mmcv\nVersion: 2.2.0\n')
    path = os.pathsep.join([str(tmp_path), str(root)])
    done = subprocess.run(
        [sys.executable, root / 'tools/train.py', '--help'],
        env={**os.environ, 'PYTHONPATH': path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    expected = (
        'mmsegmentation 1.2.2 refuses mmcv 2.2.0: '
        if compat.version_of('mmsegmentation')
        else f'onedl-mmcv {compat.version_of("onedl-mmcv")} and mmcv 2.2.0 are both installed as '
    )
    assert done.stderr.splitlines()[-1].startswith(f'ImportError: {expected}')


@pytest.mark.parametrize(
    ('stack', 'package'), [(FORKS, 'onedl-mmdetection: "make mask2former"'), (UPSTREAM, 'mmdet: ')]
)
def test_mask2former_says_what_it_lacks_on_either_stack(install, stack, package):
    install(stack, MODULES - {'mmdet'})
    with pytest.raises(ImportError, match=f'Mask2Former needs mmdet, .*distribution {package}'):
        compat.require_mmdet('Mask2Former')
    install(stack, MODULES - {'mmcv._ext'})
    with pytest.raises(ImportError, match="needs mmcv's compiled operators"):
        compat.require_mmdet('Mask2Former')
    install(stack)
    compat.require_mmdet('Mask2Former')


def test_torchvision_imports_and_a_second_patch_does_nothing():
    assert compat.patch_torchvision() is False
    assert 'torchvision' in sys.modules


def test_torchvision_is_left_alone_where_it_is_absent_or_of_another_version(install):
    install(FORKS, set())
    assert compat.patch_torchvision() is False
    for version in ('0.14.1', '1.0.0'):
        install({**FORKS, 'torchvision': version})
        assert compat.patch_torchvision() is False


def test_the_declared_schemas_are_those_of_torchvision():
    schema = torch.ops.torchvision.nms.default._schema
    assert [argument.name for argument in schema.arguments] == ['dets', 'scores', 'iou_threshold']


def test_scopes_point_at_installed_distributions():
    for scope in ('mmseg', 'mmpretrain', 'mmseg_wsss'):
        assert compat.version_of(utils.MODULE2PACKAGE[scope]) is not None


def test_a_wrong_scope_is_patched_once(monkeypatch):
    monkeypatch.setitem(utils.MODULE2PACKAGE, 'mmseg', 'no-such-distribution')
    assert 'mmseg' in compat.patch_config_scopes()
    assert compat.patch_config_scopes() == {}


@pytest.mark.parametrize(('stack', 'name'), [(FORKS, 'onedl-mmpretrain'), (UPSTREAM, 'mmpretrain')])
def test_scopes_of_either_stack(monkeypatch, install, stack, name):
    monkeypatch.setattr(utils, 'MODULE2PACKAGE', {})
    install(stack)
    assert compat.patch_config_scopes()['mmpretrain'] == name


def test_scopes_of_another_mmengine_are_left_alone(monkeypatch, install):
    monkeypatch.setattr(utils, 'MODULE2PACKAGE', {})
    install({**FORKS, 'onedl-mmengine': '0.11.0'})
    assert compat.patch_config_scopes() == {} == utils.MODULE2PACKAGE


def test_one_message_is_silenced_and_no_other(monkeypatch, install, capsys):
    def print_log(message, logger=None, level=0):
        print(message, logger, level)

    monkeypatch.setattr(mmengine.logging, 'print_log', print_log)
    install(UPSTREAM)
    assert compat.patch_onedl_message() is False
    assert mmengine.logging.print_log is print_log
    install(FORKS)
    assert compat.patch_onedl_message() is True
    assert compat.patch_onedl_message() is False
    mmengine.logging.print_log('Could not import OneDL', level=10)
    mmengine.logging.print_log('Could not import OneDL, really', level=10)
    assert capsys.readouterr().out == 'Could not import OneDL, really None 10\n'


def test_noise_is_filtered_by_its_whole_text():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        compat.filter_noise()
        for message in compat.NOISE:
            warnings.warn(message, UserWarning, stacklevel=1)
            warnings.warn(message + 'More.', UserWarning, stacklevel=1)
    assert [str(one.message) for one in caught] == [f'{message}More.' for message in compat.NOISE]


@pytest.mark.parametrize(
    ('version', 'modules', 'imported'),
    [
        ('2.4.1', MODULES | {'torch.distributed.optim'}, False),
        ('2.5.1+cpu', MODULES | {'torch.distributed.optim'}, True),
        ('2.5.1', MODULES, False),
        ('2.6.0', MODULES | {'torch.distributed.optim'}, False),
    ],
)
def test_optimizers_are_imported_quietly(install, version, modules, imported):
    install({**UPSTREAM, 'torch': version}, modules)
    assert compat.import_optimizers_quietly() is imported


def test_the_package_is_imported_without_a_word():
    code = 'from mmengine.config import Config\n'  # first of all, as the commands do
    code += 'import mmseg_wsss.register_all, mmseg.engine.hooks.visualization_hook as hook\n'
    code += 'from mmengine.visualization import Visualizer\n'
    code += 'Visualizer.get_instance("x"); hook.SegVisualizationHook()\n'
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert run.stdout == ''
    words = ('OneDL', 'draw is False', 'MultiScaleDeformableAttention', 'TorchScript')
    assert not [word for word in words if word in run.stderr], run.stderr
