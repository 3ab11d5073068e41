"""Weakly supervised semantic segmentation from image-level tags, as an MMSegmentation plugin.

Importing the package registers its classes and does nothing else.
"""

from .compat import mend_config_scopes, mend_torchvision

mend_torchvision()
mend_config_scopes()

from . import datasets, engine, evaluation, models, visualization  # noqa: E402
from .version import __version__  # noqa: E402

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'models', 'visualization']
