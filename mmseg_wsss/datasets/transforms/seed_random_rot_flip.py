"""RandomRotFlip that does not mix labels."""

from __future__ import annotations

import mmcv
import numpy as np
from mmseg.datasets.transforms import RandomRotFlip

from mmseg_wsss.registry import TRANSFORMS


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
