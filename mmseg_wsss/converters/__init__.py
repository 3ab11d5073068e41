"""Conversion of official downloads and own folders to the layout that the configs read."""

from .. import registry  # noqa: F401  # patches the dependency stack before mmseg is imported
