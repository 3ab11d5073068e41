"""Loops: testing with the tags told, testing with a dense CRF."""

from .dense_crf_test_loop import DenseCRFTestLoop
from .tagged_test_loop import TaggedTestLoop, TagsError

__all__ = ['DenseCRFTestLoop', 'TaggedTestLoop', 'TagsError']
