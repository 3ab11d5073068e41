"""Weakly supervised semantic segmentation from image-level tags, as an MMSegmentation plugin."""

import sys

from .version import __version__

__all__ = ['__version__']

# A config whose custom_imports name the package wants its parts registered, and mmengine reads it.
# Without mmengine at work, `import mmseg_wsss.seeds` loads numpy and torch alone.
if 'mmengine' in sys.modules:
    from . import register_all  # noqa: F401
