"""Backbones that mmseg and mmpretrain lack."""
