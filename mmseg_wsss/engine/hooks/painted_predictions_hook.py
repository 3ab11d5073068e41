"""Painted predictions of a test, under the ids of their images."""

from __future__ import annotations

import os.path as osp
from collections.abc import Sequence
from typing import Any

from mmengine.runner import Runner
from mmseg.engine.hooks import SegVisualizationHook

from ...registry import HOOKS
from ...store.image_ids import image_id_of
from ...utils import read_image


@HOOKS.register_module()
class PaintedPredictionsHook(SegVisualizationHook):
    """mmseg's ``SegVisualizationHook`` that writes the predictions of a test to files.

    mmseg names them by the image's file and a number; here they are ``<image id>.png``, the path
    below the folder of the images: two folders may have images of one name. ``tools/test.py
    --show-dir`` puts this hook where a config has mmseg's.

    Args:
        out_dir (str): Folder of the files.
        image_folder (str): Folder of the images.
        **kwargs: As in mmseg.
    """

    def __init__(self, out_dir: str, image_folder: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_dir = out_dir
        self.image_folder = image_folder

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence
    ) -> None:
        """Paint every prediction of a batch."""
        for sample in outputs:
            name = image_id_of(sample.img_path, self.image_folder)
            self._visualizer.add_datasample(
                name,
                read_image(sample.img_path),
                data_sample=sample,
                show=self.show,
                wait_time=self.wait_time,
                out_file=osp.join(self.out_dir, f'{name}.png'),
            )
