"""Mends known to be needed for the dependency stack, each a no-op where nothing is wrong.

Two traps are handled (requirements/mminstall.txt names the versions):

* A CPU-only torch beside a CUDA build of torchvision: torchvision's compiled operators cannot
  load and ``import torchvision`` dies with "operator torchvision::nms does not exist". Its pure
  Python parts, all this project needs of it, work once the two missing schemas are declared.
* mmengine maps a config scope (``_base_ = 'mmseg::...'``) to a *distribution* name and pip-installs
  that distribution where it is missing. The maintained forks publish under other names (onedl-*),
  so the lookup fails and upstream would be installed over the fork. The table is corrected to what
  is installed here, and this package's own scope is added.

Nothing here installs, downloads or changes anything outside the running process.
"""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec

_TORCHVISION_SCHEMAS = {
    'nms': 'nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
    'qnms': 'qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
}
# Config scope -> distributions that provide it, the maintained fork first.
_SCOPE_DISTRIBUTIONS = {
    'mmseg': ('onedl-mmsegmentation', 'mmsegmentation'),
    'mmpretrain': ('onedl-mmpretrain', 'mmpretrain'),
    'mmdet': ('onedl-mmdetection', 'mmdet'),
    'mmseg_wsss': ('mmseg_wsss',),
}

_torchvision_library = None  # kept alive: its schemas go when the object goes


def mend_torchvision() -> bool:
    """Make ``import torchvision`` work beside a torch that cannot load its compiled operators.

    Returns:
        bool: True if schemas had to be declared, False if torchvision is absent or sound.
    """
    global _torchvision_library
    if find_spec('torchvision') is None:
        return False
    try:
        import torchvision
    except RuntimeError as error:
        if 'torchvision::' not in str(error):
            raise
    else:
        return False
    import torch

    _torchvision_library = torch.library.Library('torchvision', 'DEF')
    for schema in _TORCHVISION_SCHEMAS.values():
        _torchvision_library.define(schema)
    import torchvision  # noqa: F401

    return True


def mend_config_scopes() -> dict[str, str]:
    """Point mmengine's scope table at the distributions that are installed.

    Returns:
        dict[str, str]: The scopes whose entry was changed, with their distribution.
    """
    from mmengine.config import utils

    changed = {}
    for scope, names in _SCOPE_DISTRIBUTIONS.items():
        name = next((name for name in names if _is_installed(name)), None)
        if name is not None and utils.MODULE2PACKAGE.get(scope) != name:
            utils.MODULE2PACKAGE[scope] = changed[scope] = name
    return changed


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
