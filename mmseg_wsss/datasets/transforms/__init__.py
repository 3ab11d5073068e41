"""Transforms that load seeds with their agreement."""
