"""Segmentors that mmseg lacks."""
