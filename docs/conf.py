"""Sphinx builds the documentation by this file: ``make docs``."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / 'scripts')]

import fault_table  # noqa: E402
from mmcv.transforms.utils import cache_randomness  # noqa: E402

import mmseg_wsss.register_all  # noqa: E402, F401  # the registered parts, which autodoc reads
from mmseg_wsss.version import __version__  # noqa: E402

# mmcv's decorator fails where a method is read from its class, which is what autodoc does.
_get = cache_randomness.__get__
cache_randomness.__get__ = lambda self, obj, cls=None: self if obj is None else _get(self, obj, cls)

# A page includes this table, so that it always lists the tests that there are.
(DOCS / '_generated').mkdir(exist_ok=True)
(DOCS / '_generated' / 'fault_table.md').write_text(fault_table.fault_table(), encoding='utf-8')

project = 'mmseg_wsss'
author = 'mmseg_wsss contributors'
release = version = __version__
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['_build', '_generated']
html_theme = 'furo'
html_title = f'mmseg_wsss {release}'
html_static_path = ['_static']
html_show_sourcelink = False

myst_heading_anchors = 4  # links to headings as on GitHub
myst_enable_extensions = ['attrs_inline']
autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
napoleon_numpy_docstring = False

# The machines that build this have no internet: external links are listed, not fetched.
linkcheck_ignore = [r'https?://']
