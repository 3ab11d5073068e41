"""Metrics: the mIoU that says over how many classes it is a mean."""

from .segmentation_metric import SegmentationMetric

__all__ = ['SegmentationMetric']
