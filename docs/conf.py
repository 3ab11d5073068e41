"""Sphinx builds the documentation by this file: ``make docs``."""

import shutil
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

# What pages include or link to from elsewhere: the table of faults, made from the tests there are,
# and the pages of the studies, which stand in their projects and read as they are on GitHub.
GENERATED = DOCS / '_generated'
shutil.rmtree(GENERATED, ignore_errors=True)
STUDIES = ('animals7', 'voc20')
for study in STUDIES:
    (GENERATED / study).mkdir(parents=True)
    for page in (DOCS.parent / 'projects' / study).glob('*.md'):
        text = '---\norphan: true\n---\n\n' + page.read_text(encoding='utf-8')
        (GENERATED / study / page.name).write_text(text, encoding='utf-8')
    for picture in (DOCS.parent / 'projects' / study).glob('*.jpg'):
        shutil.copy(picture, GENERATED / study)
(GENERATED / 'fault_table.md').write_text(fault_table.fault_table(), encoding='utf-8')


def setup(app):
    """Lead links to the studies' pages to their copies."""

    def redirect(app, name, source):
        for study in STUDIES:
            source[0] = source[0].replace(f'](../projects/{study}/', f'](_generated/{study}/')

    app.connect('source-read', redirect)


project = 'mmseg_wsss'
author = 'mmseg_wsss contributors'
release = version = __version__
extensions = ['myst_nb', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['_build', '_generated/fault_table.md']
html_theme = 'furo'
html_title = f'mmseg_wsss {release}'
html_static_path = ['_static']
html_show_sourcelink = False

# Notebooks have no outputs in git; a test runs them (tests/tools/test_notebook.py).
nb_execution_mode = 'off'
myst_heading_anchors = 4  # links to headings as on GitHub
myst_enable_extensions = ['attrs_inline']
autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
napoleon_numpy_docstring = False

# The machines that build this have no internet: external links are listed, not fetched.
linkcheck_ignore = [r'https?://']
