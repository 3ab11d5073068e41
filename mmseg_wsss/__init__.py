"""Weakly supervised semantic segmentation from image-level tags, as an MMSegmentation plugin."""

import os
import sys

from .version import __version__

__all__ = ['__version__']

# OpenCV reads its limit, 2^30 pixels, once, when it is loaded; ours is raised beyond by a variable.
_limit = os.environ.get('MMSEG_WSSS_MAX_PIXELS', '').strip()
if _limit.isdecimal() and int(_limit) > 1 << 30:
    os.environ.setdefault('OPENCV_IO_MAX_IMAGE_PIXELS', _limit)

# A config whose custom_imports name the package wants its parts registered, and mmengine reads it.
# Without mmengine at work, `import mmseg_wsss.seeds` loads numpy and torch alone.
if 'mmengine' in sys.modules:
    from . import register_all  # noqa: F401
