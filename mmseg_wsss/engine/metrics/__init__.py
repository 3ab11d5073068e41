"""Metrics: the mIoU that says over how many classes it is a mean."""

from .segmentation_metric import GroundTruthError, SegmentationMetric, use_segmentation_metric

__all__ = ['GroundTruthError', 'SegmentationMetric', 'use_segmentation_metric']
