"""Registries of mmseg_wsss, children of mmengine's.

A class registered here is found by its full name ``mmseg_wsss.X`` from anywhere (the registry
imports the package by itself) and, once ``mmseg_wsss`` is imported (``custom_imports``), by its
bare name ``X`` under any default scope: mmengine looks a bare name up in the default scope and in
the root, never in a sibling, so each class is entered in the root as well.
"""

from __future__ import annotations

from mmengine import registry as root
from mmengine.registry import Registry


class PluginRegistry(Registry):
    """A child registry whose entries are also found by bare name under a sibling's scope."""

    def _register_module(self, module, module_name=None, force=False) -> None:
        super()._register_module(module=module, module_name=module_name, force=force)
        self.parent._register_module(module=module, module_name=module_name, force=force)


def _child(name: str, parent: Registry, *locations: str) -> PluginRegistry:
    return PluginRegistry(name, parent=parent, scope='mmseg_wsss', locations=list(locations))


DATASETS = _child('dataset', root.DATASETS, 'mmseg_wsss.datasets')
TRANSFORMS = _child('transform', root.TRANSFORMS, 'mmseg_wsss.datasets.transforms')
MODELS = _child('model', root.MODELS, 'mmseg_wsss.models')
HOOKS = _child('hook', root.HOOKS, 'mmseg_wsss.engine')
METRICS = _child('metric', root.METRICS, 'mmseg_wsss.evaluation')
VISUALIZERS = _child('visualizer', root.VISUALIZERS, 'mmseg_wsss.visualization')
LOOPS = _child('loop', root.LOOPS, 'mmseg_wsss.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    'optimizer wrapper constructor', root.OPTIM_WRAPPER_CONSTRUCTORS, 'mmseg_wsss.engine'
)
