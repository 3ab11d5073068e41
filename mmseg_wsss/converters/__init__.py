"""Conversion of official downloads and own folders to the layout that the configs read."""

from .. import registry  # noqa: F401  # mends the dependency stack before mmseg is imported
