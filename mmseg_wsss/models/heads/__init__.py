"""Heads that mmseg and mmpretrain lack."""
