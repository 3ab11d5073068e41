"""Losses on aggregated seeds."""
