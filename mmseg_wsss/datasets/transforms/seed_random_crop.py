"""RandomCrop that counts classes, not codes."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmseg.datasets.transforms import RandomCrop

from mmseg_wsss.registry import TRANSFORMS
from mmseg_wsss.seeds import decode_seed_label

ATTEMPTS = 10


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
        label = decode_seed_label(code)[0]
        counts = cv2.calcHist([label], [0], None, [256], [0, 256]).ravel()
        counts[self.ignore_index] = 0
        # The largest share of a crop with one class is 1.
        return counts.any() and counts.max() / counts.sum() < self.cat_max_ratio
