"""What the dependency stack needs: patches for known faults, and words for stacks that cannot work.

Two stacks carry this project: the maintained forks (onedl-*, requirements/mminstall.txt) and
upstream OpenMMLab (requirements/upstream.txt); both have the same import names. Each patch names
the versions it is for and does nothing with others. Nothing here installs, downloads or changes
anything outside the running process.
"""

from __future__ import annotations

import warnings
from importlib import import_module, metadata
from importlib.util import find_spec

from packaging.version import Version

# Import name -> its distributions, the maintained fork first.
DISTRIBUTIONS = {
    'mmengine': ('onedl-mmengine', 'mmengine'),
    'mmcv': ('onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full'),
    'mmseg': ('onedl-mmsegmentation', 'mmsegmentation'),
    'mmpretrain': ('onedl-mmpretrain', 'mmpretrain'),
    'mmdet': ('onedl-mmdetection', 'mmdet'),
    'mmseg_wsss': ('mmseg_wsss',),
}
_SCOPES = ('mmseg', 'mmpretrain', 'mmdet', 'mmseg_wsss')
_TORCHVISION_SCHEMAS = {
    'nms': 'nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
    'qnms': 'qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
}
_OPENCV = (
    'opencv-python',
    'opencv-contrib-python',
    'opencv-python-headless',
    'opencv-contrib-python-headless',
)
_INSTALL = (
    'install one stack into an empty environment, with "make setup" for the maintained forks '
    '(requirements/mminstall.txt) or "make setup STACK=upstream" (requirements/upstream.txt).'
)
_MAKE_MASK2FORMER = '"make mask2former", or requirements/optional.txt.'
_BUILD_MMCV = (
    'pip install --no-build-isolation --no-binary mmcv --no-cache-dir "mmcv==2.1.0" '
    '(requirements/upstream.txt).'
)

_torchvision_library = None  # kept alive: its schemas go when the object goes


def version_of(distribution: str) -> Version | None:
    """The version of an installed distribution, None if it is not installed."""
    try:
        return Version(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return None


def is_within(distribution: str, least: str, below: str) -> bool:
    """Whether a distribution is installed in a version from ``least`` to below ``below``.

    >>> is_within('numpy', '1', '99'), is_within('numpy', '98', '99')
    (True, False)
    """
    version = version_of(distribution)
    return version is not None and Version(least) <= version < Version(below)


def check_stack() -> None:
    """Stop where the installed packages cannot work together, and say what to install.

    Raises:
        ImportError: In place of the misleading one that would follow.
    """
    problem = next(_problems(), None)
    if problem is not None:
        raise ImportError(problem)
    found = [name for name in _OPENCV if version_of(name)]
    if len(found) > 1:
        one = 'opencv-python<4.12' if version_of('mmsegmentation') else 'opencv-python<5'
        warnings.warn(
            f"{' and '.join(found)} are installed and overwrite each other's files: uninstall "
            f'them all, then pip install "{one}".',
            stacklevel=2,
        )


def _problems():
    """Yield what makes the stack unfit, the most basic first."""
    torch, numpy = version_of('torch'), version_of('numpy')
    if torch and numpy and torch < Version('2.3') and numpy >= Version('2'):
        yield (
            f'torch {torch} was built for NumPy 1 and NumPy {numpy} is installed: '
            'pip install "numpy<2".'
        )
    for name, distributions in DISTRIBUTIONS.items():
        found = [f'{one} {version_of(one)}' for one in distributions if version_of(one)]
        if len(found) > 1:
            yield (
                f"{' and '.join(found)} are both installed as {name} and overwrite each other's "
                f'files: uninstall all of them, then {_INSTALL}'
            )
    missing = [name for name in ('mmengine', 'mmcv', 'mmseg', 'mmpretrain') if not find_spec(name)]
    if missing:
        yield f'{", ".join(missing)} cannot be found: {_INSTALL}'
    upstream = version_of('mmsegmentation')
    if not upstream:
        mmdet, mmcv = version_of('mmdet'), version_of('onedl-mmcv')
        if mmdet and mmdet <= Version('3.3.0') and mmcv and mmcv >= Version('2.2'):
            yield (
                f'mmdet {mmdet} refuses onedl-mmcv {mmcv}: pip uninstall mmdet, then '
                f'{_MAKE_MASK2FORMER}'
            )
        return
    mmcv = version_of('mmcv')
    if upstream < Version('1'):
        yield (
            f'mmsegmentation {upstream} has the API of before 1.0, and 1.2.2 is needed: {_INSTALL}'
        )
    if version_of('mmcv-lite'):
        yield (
            'mmsegmentation does not import with mmcv-lite, which lacks the compiled operators: '
            f'pip uninstall mmcv-lite, then {_BUILD_MMCV}'
        )
    if upstream <= Version('1.2.2') and mmcv and mmcv >= Version('2.2'):
        yield f'mmsegmentation {upstream} refuses mmcv {mmcv}: {_BUILD_MMCV}'
    missing = [name for name in ('ftfy', 'regex') if not find_spec(name)]
    if missing:
        yield (
            f'mmsegmentation imports {" and ".join(missing)} without declaring it: '
            f'pip install {" ".join(missing)}.'
        )
    fault = _operators_fault()
    if fault:
        yield f'mmsegmentation imports the compiled operators of mmcv, which {fault}: {_BUILD_MMCV}'


def _operators_fault() -> str | None:
    """Say what is wrong with mmcv's compiled operators, None if they load."""
    if find_spec('mmcv._ext') is None:
        return 'are missing'
    torch = import_module('torch')  # loads the libraries that the operators are linked to
    try:
        import_module('mmcv._ext')
    except ImportError as error:
        return f'were built for another torch than {torch.__version__} ({error})'
    return None


def require_mmdet(what: str) -> None:
    """Check that mmdet is there with what it needs.

    Args:
        what (str): What needs it, e.g. ``'Mask2Former'``.

    Raises:
        ImportError: If mmdet or mmcv's compiled operators are missing; says how to install them.
    """
    fork = version_of('mmsegmentation') is None
    how = _MAKE_MASK2FORMER if fork else 'pip install "mmdet==3.3.0" (requirements/upstream.txt).'
    if find_spec('mmdet') is None:
        package = DISTRIBUTIONS['mmdet'][0 if fork else 1]
        raise ImportError(f'{what} needs mmdet, here the distribution {package}: {how}')
    fault = _operators_fault()
    if fault:
        how = how if fork else _BUILD_MMCV
        raise ImportError(f"{what} needs mmcv's compiled operators, which {fault}: {how}")


def patch_torchvision() -> bool:
    """Make ``import torchvision`` work beside a torch that cannot load its compiled operators.

    For torchvision 0.15 to 0.x: its CUDA build beside a CPU-only torch dies with "operator
    torchvision::nms does not exist". Its pure Python parts, all this project needs of it, work once
    the two missing schemas are declared.

    Returns:
        bool: True if schemas had to be declared, False if torchvision is absent or sound.
    """
    global _torchvision_library
    if find_spec('torchvision') is None or not is_within('torchvision', '0.15', '1'):
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


def patch_config_scopes() -> dict[str, str]:
    """Point mmengine's scope table at the distributions that are installed.

    For mmengine 0.10: it maps a config scope (``_base_ = 'mmseg::...'``) to a *distribution* name
    and pip-installs that where it is missing. The forks publish under other names, so the lookup
    fails and upstream would be installed over the fork. This package's own scope is added.

    Returns:
        dict[str, str]: The scopes whose entry was changed, with their distribution.
    """
    if not any(is_within(name, '0.10', '0.11') for name in DISTRIBUTIONS['mmengine']):
        return {}
    from mmengine.config import utils

    changed = {}
    for scope in _SCOPES:
        name = next((name for name in DISTRIBUTIONS[scope] if version_of(name)), None)
        if name is not None and utils.MODULE2PACKAGE.get(scope) != name:
            utils.MODULE2PACKAGE[scope] = changed[scope] = name
    return changed


def patch_onedl_message() -> bool:
    """Silence "Could not import OneDL", which mmseg prints when it is imported.

    For onedl-mmsegmentation 1.x: the message has the level DEBUG but no logger, and is printed.

    Returns:
        bool: Whether the message is filtered from now on.
    """
    if not is_within('onedl-mmsegmentation', '1', '2'):
        return False
    import mmengine.logging

    print_log = mmengine.logging.print_log
    if getattr(print_log, '_without_onedl', False):
        return False

    def quiet_print_log(msg, *args, **kwargs) -> None:
        if msg != 'Could not import OneDL':
            print_log(msg, *args, **kwargs)

    quiet_print_log._without_onedl = True
    mmengine.logging.print_log = quiet_print_log
    return True


# Warnings at every start that tell a user of this package nothing, by their whole text.
NOISE = (
    'The draw is False, it means that the hook for visualization will not take effect. The results '
    'will NOT be visualized or stored.',
    'Fail to import ``MultiScaleDeformableAttention`` from ``mmcv.ops.multi_scale_deform_attn``, '
    'You should install ``mmcv`` rather than ``mmcv-lite`` if you need this module. ',
    *(
        f'Setting {name}_NUM_THREADS environment variable for each process to be 1 in default, to '
        'avoid your system being overloaded, please further tune the variable for optimal '
        'performance in your application as needed.'
        for name in ('OMP', 'MKL')
    ),
)


def filter_noise() -> None:
    """Filter the warnings of :data:`NOISE`, which no version of the stack is known to be without.

    ``require_mmdet`` says what the second one says, and only where it matters.
    """
    import re

    for message in NOISE:
        warnings.filterwarnings('ignore', f'{re.escape(message)}$', UserWarning)


def import_optimizers_quietly() -> bool:
    """Import torch's distributed optimizers without the warning that their own import brings up.

    For torch 2.5, which warns of functional optimizers in TorchScript, past every filter. mmengine
    imports them, nobody here uses them.

    Returns:
        bool: Whether they were imported.
    """
    if not is_within('torch', '2.5', '2.6') or find_spec('torch.distributed.optim') is None:
        return False
    with warnings.catch_warnings(record=True):
        import torch.distributed.optim  # noqa: F401
    return True


def prepare() -> None:
    """Do all of the above once, before any part of the stack is imported."""
    filter_noise()
    import_optimizers_quietly()
    check_stack()
    patch_torchvision()
    patch_config_scopes()
    patch_onedl_message()
