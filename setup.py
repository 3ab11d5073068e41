"""Installs mmseg_wsss; its configs and tools travel in ``mmseg_wsss/.mim``."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


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
    packages=find_packages(include=['mmseg_wsss', 'mmseg_wsss.*']),
    install_requires=requirements('runtime'),
    extras_require={
        'mm': requirements('mminstall'),
        'optional': requirements('optional'),
        'tests': requirements('tests'),
    },
    zip_safe=False,
)
