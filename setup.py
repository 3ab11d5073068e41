"""Installs mmseg_wsss; its configs and tools travel in ``mmseg_wsss/.mim``."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent.resolve()


class BuildWithMim(build_py):
    """Puts configs, tools and the model index where mim and ``mmseg_wsss::`` bases look for them.

    A wheel carries copies; an editable installation gets links in the source tree (git ignores
    them), so that edits count at once.
    """

    def run(self) -> None:
        super().run()
        target = (ROOT if self.editable_mode else Path(self.build_lib)) / 'mmseg_wsss/.mim'
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in ('configs', 'tools', 'model-index.yml'):
            if self.editable_mode:
                (target / name).symlink_to(Path('../..') / name)
            elif (ROOT / name).is_dir():
                skip = shutil.ignore_patterns('__pycache__', '*.pyc')
                shutil.copytree(ROOT / name, target / name, ignore=skip)
            else:
                shutil.copy(ROOT / name, target / name)


def requirements(name: str) -> list[str]:
    """Read requirements/NAME.txt without comments and blank lines."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    stripped = (line.split('#')[0].strip() for line in lines)
    return [line for line in stripped if line]


version = re.search(
    r"__version__ = '(.+)'", (ROOT / 'mmseg_wsss/version.py').read_text(encoding='utf-8')
)

setup(
    name='mmseg_wsss',
    version=version.group(1),
    description='Weakly supervised semantic segmentation from image-level tags for MMSegmentation',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    cmdclass={'build_py': BuildWithMim},
    packages=find_packages(include=['mmseg_wsss', 'mmseg_wsss.*']),
    package_data={
        'mmseg_wsss.evaluation': ['*.schema.json'],
        'mmseg_wsss.reporting': ['templates/*'],
    },
    install_requires=requirements('runtime'),
    extras_require={
        'mm': requirements('mminstall'),
        'optional': requirements('optional'),
        'tests': requirements('tests'),
        'docs': requirements('docs'),
    },
    zip_safe=False,
)
