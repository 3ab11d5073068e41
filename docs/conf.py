"""Sphinx configuration: MyST pages, furo, API by autodoc. Built by ``make docs``."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import mmseg_wsss.register_all  # noqa: E402, F401  # mends the stack before autodoc imports parts
from mmseg_wsss import __version__  # noqa: E402

project = 'mmseg_wsss'
author = 'the mmseg_wsss authors'
copyright = '2026, the mmseg_wsss authors'
release = version = __version__
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['_build']
html_theme = 'furo'
html_static_path = ['_static']
html_title = f'mmseg_wsss {release}'
myst_enable_extensions = ['colon_fence']
myst_heading_anchors = 4
# A file of the repository that a page links to is no page.
myst_all_links_external = False
autodoc_typehints = 'none'
autodoc_member_order = 'bysource'
napoleon_google_docstring = True
napoleon_numpy_docstring = False
