"""Saliency maps beside the images of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform, Compose

from ...registry import TRANSFORMS
from ...store.saliency import read_saliency


@TRANSFORMS.register_module()
class LoadSaliency(BaseTransform):
    """Load the saliency map of an image.

    Required keys: ``saliency_path``, of a :class:`~mmseg_wsss.datasets.TagsDataset` whose
    ``data_prefix`` names the folder of the maps; ``img`` to check the size.

    Added keys: ``gt_saliency``, uint8 (H, W), 0 is not salient, 255 is.

    Raises:
        FileNotFoundError: If the map is missing.
        ValueError: If the data set names no map, or the map is no 8-bit grey image or of another
            size than its image.
    """

    def transform(self, results: dict) -> dict:
        """Load the map of one image.

        Args:
            results (dict): Of the data set, with the image loaded.

        Returns:
            dict: ``results`` with ``gt_saliency`` added.
        """
        path = results.get('saliency_path')
        if path is None:
            raise ValueError(
                f'{results.get("img_path")}: LoadSaliency has no map to load. Name the folder of '
                'the saliency maps in data_prefix.saliency_path of the data set.'
            )
        results['gt_saliency'] = read_saliency(path, results['img'].shape[:2])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class TransformWithSaliency(BaseTransform):
    """Crop, flip, resize or rotate an image and its saliency map alike.

    The map is a further channel of the image while the transforms run, so they need not know of
    it, and any that move pixels will do. Those that change colours belong behind this one.

    Required keys: ``img``, (H, W, C), and ``gt_saliency``, (H, W), both uint8, and those of the
    transforms. Changed keys: these two and those of the transforms.

    Args:
        transforms (Sequence[dict]): The transforms.

    Raises:
        ValueError: If a transform does not take the further channel.
    """

    def __init__(self, transforms: Sequence[dict]) -> None:
        self.transforms = Compose(list(transforms))

    def transform(self, results: dict) -> dict | None:
        """Transform an image and its map.

        Args:
            results (dict): With the image and the map loaded.

        Returns:
            dict, optional: ``results``, both of one size; None if a transform drops the image.
        """
        image = results['img']
        results['img'] = np.dstack([image, results['gt_saliency']])
        try:
            moved: dict[str, Any] | None = self.transforms(results)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f'TransformWithSaliency: a transform does not take an image with its saliency map '
                f'as a further channel ({error}). Those that change colours belong behind '
                'TransformWithSaliency.'
            ) from error
        if moved is None:
            return None
        both = moved['img']
        moved['img'] = np.ascontiguousarray(both[..., :-1])
        moved['gt_saliency'] = np.ascontiguousarray(both[..., -1])
        if 'img_shape' in moved:
            moved['img_shape'] = moved['img'].shape[: len(moved['img_shape'])]
        return moved

    def __repr__(self) -> str:
        return f'{type(self).__name__}(transforms={self.transforms})'
