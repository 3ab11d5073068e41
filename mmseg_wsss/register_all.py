"""Registers every part of the package with mmengine, by being imported.

Configs name it: ``custom_imports = dict(imports=['mmseg_wsss.register_all'])``. What the package
computes without a registry (:mod:`mmseg_wsss.seeds`, :mod:`mmseg_wsss.store`) does not need it.
"""

from . import datasets, engine, models, reporting

__all__ = ['datasets', 'engine', 'models', 'reporting']
