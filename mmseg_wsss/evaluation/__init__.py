"""Scores of seeds and predictions."""
