"""Transforms of mmseg that would read a seed label's flag as a class, in versions that do not."""

from __future__ import annotations

import cv2
import mmcv
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmseg.datasets.transforms import GenerateEdge, RandomCrop, RandomRotFlip

from ...registry import TRANSFORMS
from ...seeds import decode_seed_label

ATTEMPTS = 10


def _labels_of(code: np.ndarray) -> np.ndarray:
    """Give the labels, uint8, of plain labels or codes; these are float64 with losing votes."""
    if code.dtype.kind == 'f':
        return code.astype(np.int64).astype(np.uint8)
    return decode_seed_label(code)[0]


@TRANSFORMS.register_module()
class SeedRandomCrop(RandomCrop):
    """Crop image and label map at random, at a place with more than one class.

    mmseg's RandomCrop counts the clean and the noisy pixels of a class apart, so the threshold of
    the agreement would decide where crops lie. Here they are counted together: with the same
    random numbers the crop is the one that mmseg takes from the plain labels. It also counts by a
    histogram, not by sorting, many times faster for 8-bit labels.

    Args:
        crop_size (int | tuple[int, int]): Height and width.
        cat_max_ratio (float): Another place is drawn, at most ten times, where one class has this
            share of the pixels that are not ignored, or more. From 1 on, the first one is taken.
        ignore_index (int): Label that does not count.
    """

    @cache_randomness
    def crop_bbox(self, results: dict) -> tuple[int, int, int, int]:
        """Draw the place of the crop.

        Args:
            results (dict): With ``img`` and ``gt_seg_map`` (H, W), plain labels or seed codes.

        Returns:
            tuple[int, int, int, int]: Top, bottom, left and right.
        """
        code = results['gt_seg_map']
        box = self._draw(code.shape)
        if self.cat_max_ratio < 1:
            for _ in range(ATTEMPTS):
                if self._is_mixed(self.crop(code, box)):
                    break
                box = self._draw(code.shape)
        return box

    def _draw(self, shape: tuple[int, int]) -> tuple[int, int, int, int]:
        height, width = self.crop_size
        top = np.random.randint(0, max(shape[0] - height, 0) + 1)
        left = np.random.randint(0, max(shape[1] - width, 0) + 1)
        return top, top + height, left, left + width

    def _is_mixed(self, code: np.ndarray) -> bool:
        label = _labels_of(code)
        counts = cv2.calcHist([label], [0], None, [256], [0, 256]).ravel()
        counts[self.ignore_index] = 0
        # The largest share of a crop with one class is 1.
        return counts.any() and counts.max() / counts.sum() < self.cat_max_ratio


@TRANSFORMS.register_module()
class SeedRandomRotFlip(RandomRotFlip):
    """Rotate and flip, or just rotate, image and label map.

    mmseg's RandomRotFlip rotates label maps with bilinear interpolation, which makes new labels
    out of two neighbours, and fills their corners with background. Here labels are taken from the
    nearest pixel, and the corners are ignored.

    Args:
        rotate_prob (float): Probability of the rotation by an angle.
        flip_prob (float): Probability of the rotation by right angles and the flip.
        degree (float | tuple[float, float]): Range of the angle.
        seg_pad_val (int): Label of the corners.
    """

    def __init__(
        self,
        rotate_prob: float = 0.5,
        flip_prob: float = 0.5,
        degree: float | tuple[float, float] = (-20, 20),
        seg_pad_val: int = 255,
    ) -> None:
        super().__init__(rotate_prob, flip_prob, degree)
        self.seg_pad_val = seg_pad_val

    def random_rotate(self, results: dict) -> dict:
        """Rotate image and label maps by a random angle."""
        angle = np.random.uniform(min(*self.degree), max(*self.degree))
        results['img'] = mmcv.imrotate(results['img'], angle=angle)
        for key in results.get('seg_fields', []):
            results[key] = mmcv.imrotate(
                results[key], angle=angle, border_value=self.seg_pad_val, interpolation='nearest'
            )
        return results

    def __repr__(self) -> str:
        return f'{super().__repr__()[:-1]}, seg_pad_val={self.seg_pad_val})'


@TRANSFORMS.register_module()
class SeedGenerateEdge(GenerateEdge):
    """Make the edge map of a label map whose noisy pixels are marked.

    mmseg's GenerateEdge would also draw an edge between clean and noisy pixels of one class.
    Arguments as in :class:`mmseg.datasets.transforms.GenerateEdge`.
    """

    def transform(self, results: dict) -> dict:
        """Add ``gt_edge_map``, uint8 (H, W), made from the labels alone."""
        code = results['gt_seg_map']
        results['gt_seg_map'] = _labels_of(code)
        results = super().transform(results)
        results['gt_seg_map'] = code
        return results
