"""Generated scenes: a small data set with tags and ground truth that needs no download."""

from .scene import CLASSES, PALETTE, Scene, draw_scene
from .writer import SceneSet, write_scenes

__all__ = ['CLASSES', 'PALETTE', 'Scene', 'SceneSet', 'draw_scene', 'write_scenes']
