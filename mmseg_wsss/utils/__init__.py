"""Small helpers with no home of their own."""

from .image import read_image

__all__ = ['read_image']
