"""Names resolve with and without scope, under any default scope."""

import subprocess
import sys

import pytest
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS as PRETRAIN_MODELS
from mmseg.registry import DATASETS, HOOKS, LOOPS, METRICS, MODELS, TRANSFORMS

import mmseg_wsss.registry as plugin

PARTS = [
    (MODELS, 'PNHybridLoss'),
    (MODELS, 'ClassActivationHead'),
    (MODELS, 'MergedTTAModel'),
    (DATASETS, 'VOCSeedDataset'),
    (DATASETS, 'TagsDataset'),
    (TRANSFORMS, 'LoadSeedAnnotations'),
    (HOOKS, 'MultiSeedCAMHook'),
    (LOOPS, 'DenseCRFTestLoop'),
    (LOOPS, 'TaggedTestLoop'),
    (METRICS, 'SegmentationMetric'),
]


@pytest.mark.parametrize('registry, name', PARTS, ids=[name for _, name in PARTS])
@pytest.mark.parametrize('prefix', ['', 'mmseg_wsss.'])
def test_bare_and_scoped_names_resolve_to_one_class(registry, name, prefix):
    cls = registry.get(prefix + name)
    assert cls is not None
    assert cls.__name__ == name
    assert cls.__module__.startswith('mmseg_wsss.')


def test_bare_names_resolve_under_the_scope_of_mmpretrain():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        loss = PRETRAIN_MODELS.build(dict(type='PNHybridLoss'))
    assert type(loss).__name__ == 'PNHybridLoss'


def test_mmpretrain_parts_build_from_the_scope_of_mmseg():
    with DefaultScope.overwrite_default_scope('mmseg'):
        backbone = MODELS.build(dict(type='mmpretrain.ResNet', depth=18))
    assert type(backbone).__module__.startswith('mmpretrain')


def test_every_entry_of_the_plugin_is_in_the_root_too():
    registries = [r for r in vars(plugin).values() if isinstance(r, plugin.PluginRegistry)]
    assert len(registries) >= 8
    for registry in registries:
        for name, cls in registry.module_dict.items():
            assert registry.parent.get(name) is cls


def test_a_scoped_name_imports_the_package_by_itself():
    code = (
        'import warnings; warnings.simplefilter("ignore")\n'
        'import mmseg_wsss.compat as compat; compat.patch_torchvision()\n'
        'from mmseg.registry import MODELS\n'
        'print(MODELS.get("mmseg_wsss.PNHybridLoss").__name__)\n'
    )
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert run.stdout.split()[-1] == 'PNHybridLoss'


def test_importing_the_package_leaves_heavy_and_optional_parts_alone():
    code = (
        'import sys, warnings; warnings.simplefilter("ignore")\n'
        'import mmseg_wsss.register_all\n'
        'heavy = ["pydensecrf", "hypothesis", "pytest"]\n'
        'print("LOADED", *[name for name in heavy if name in sys.modules])\n'
    )
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert run.stdout.strip().splitlines()[-1] == 'LOADED'
