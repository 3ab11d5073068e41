"""Conversion of official downloads and own folders to the layout that the configs read."""
