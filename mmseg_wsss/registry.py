"""Registries of mmseg_wsss, children of mmengine's.

A class registered here is found by its full name ``mmseg_wsss.X`` from anywhere (the registry
imports its module by itself) and, once ``mmseg_wsss.register_all`` is imported (by
``custom_imports``), by its bare name ``X`` under any default scope: mmengine looks a bare name up
in the default scope and in the root, never in a sibling, so each class is entered in the root as
well.
"""

from __future__ import annotations

from . import compat

# Every registered part imports this module before it imports mmseg or mmpretrain.
compat.prepare()

from mmengine import registry as root  # noqa: E402
from mmengine.registry import Registry  # noqa: E402


class PluginRegistry(Registry):
    """A child registry whose entries are also found by bare name under a sibling's scope.

    The other way round, what this registry lacks is looked up in mmseg's: a config inherited by
    ``_base_ = 'mmseg_wsss::...'`` is built in this scope as a whole, mmseg's parts included.
    """

    def get(self, key: str) -> type | None:
        """Find a class here, then in mmseg's registry of the same kind, then in the root."""
        self.import_from_location()
        if '.' not in key and key not in self._module_dict:
            sibling = self.parent._search_child('mmseg')
            if sibling is not None:
                # Before the root: mmcv's LoadAnnotations, for one, is there and is another class.
                return sibling.get(key)
        return super().get(key)

    def _register_module(self, module, module_name=None, force=False) -> None:
        super()._register_module(module=module, module_name=module_name, force=force)
        self.parent._register_module(module=module, module_name=module_name, force=force)


def _child(name: str, parent: Registry, *locations: str) -> PluginRegistry:
    return PluginRegistry(name, parent=parent, scope='mmseg_wsss', locations=list(locations))


DATASETS = _child('dataset', root.DATASETS, 'mmseg_wsss.datasets')
TRANSFORMS = _child('transform', root.TRANSFORMS, 'mmseg_wsss.datasets.transforms')
MODELS = _child('model', root.MODELS, 'mmseg_wsss.models')
HOOKS = _child('hook', root.HOOKS, 'mmseg_wsss.engine')
VISUALIZERS = _child('visualizer', root.VISUALIZERS, 'mmseg_wsss.reporting')
LOOPS = _child('loop', root.LOOPS, 'mmseg_wsss.engine')
OPTIM_WRAPPERS = _child('optimizer wrapper', root.OPTIM_WRAPPERS, 'mmseg_wsss.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    'optimizer wrapper constructor', root.OPTIM_WRAPPER_CONSTRUCTORS, 'mmseg_wsss.engine'
)
METRICS = _child('metric', root.METRICS, 'mmseg_wsss.engine')
# Parts of seed generation: sources, background scores, refiners.
TASK_UTILS = _child('task util', root.TASK_UTILS, 'mmseg_wsss.generation')
