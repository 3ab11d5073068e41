"""The visualizer of seeds: what it draws goes to every backend of the runner, or to a file."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmengine.dist import master_only
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer
from PIL import Image

from ..registry import VISUALIZERS
from ..seeds import decode_seed_label
from ..utils.atomic import write_atomic
from ..utils.palette import label_palette
from .figures import figure_sheet, review_figures
from .pictures import agreement_picture, blend, color_mask, confusion_picture


@VISUALIZERS.register_module()
class SeedVisualizer(SegLocalVisualizer):
    """mmseg's visualizer that also draws seeds, their agreement and where they are right.

    ``visualizer=dict(type='SeedVisualizer', vis_backends=[...])`` takes its place in any config:
    pictures go to all backends (files, TensorBoard, WandB) under their name. Classes and palette
    are those of the data set, which the runner sets.

    Images are uint8 (H, W, 3) RGB, masks uint8 (H, W) with labels below K or 255. Every method
    returns the picture; with ``out_file`` it is written there as PNG instead of being logged.

    Args:
        name (str): Name of the instance.
        alpha (float): Opacity of a mask over the image, 0 to 1.
        classes (Sequence[str], optional): Names of the classes, where no runner sets them.
        palette (Sequence, optional): Their RGB colours; those of PASCAL VOC where None.
        **kwargs: As mmseg's ``SegLocalVisualizer``.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        alpha: float = 0.6,
        classes: Sequence[str] | None = None,
        palette: Sequence[Sequence[int]] | None = None,
        **kwargs,
    ) -> None:
        # mmseg's own constructor takes classes for the palette and the palette for classes.
        super().__init__(name=name, alpha=alpha, **kwargs)
        if classes is not None:
            palette = label_palette(len(classes)) if palette is None else palette
            self.dataset_meta = dict(classes=classes, palette=palette)

    def add_overlay(
        self, name: str, image: np.ndarray, mask: np.ndarray, step: int = 0, out_file=None
    ) -> np.ndarray:
        """Draw a mask over its image.

        Raises:
            ValueError: If the shapes differ or a label has no colour.
        """
        picture = blend(image, color_mask(mask, self._palette), self.alpha)
        return self._deliver(name, picture, step, out_file)

    def add_agreement(
        self, name: str, agreement: np.ndarray, num_seeds: int, step: int = 0, out_file=None
    ) -> np.ndarray:
        """Draw the agreement as heat: white where all seeds agree, the darker red the fewer."""
        return self._deliver(name, agreement_picture(agreement, num_seeds), step, out_file)

    def add_confusion(
        self,
        name: str,
        truth: np.ndarray,
        label: np.ndarray,
        agreement: np.ndarray,
        threshold: int,
        step: int = 0,
        out_file=None,
    ) -> np.ndarray:
        """Draw where the aggregate is right and wrong, clean and noisy; see
        :func:`~mmseg_wsss.reporting.pictures`.

        Raises:
            ValueError: If the shapes differ or the threshold is below 1.
        """
        picture = confusion_picture(truth, label, agreement, threshold)
        return self._deliver(name, picture, step, out_file)

    def add_comparison(
        self,
        name: str,
        image: np.ndarray,
        prediction: np.ndarray,
        truth: np.ndarray,
        step: int = 0,
        out_file=None,
    ) -> np.ndarray:
        """Draw image, prediction and truth side by side.

        Raises:
            ValueError: If the shapes differ or a label has no colour.
        """
        figures = [(image, 'image')]
        for mask, title in ((prediction, 'prediction'), (truth, 'truth')):
            figures.append((blend(image, color_mask(mask, self._palette), self.alpha), title))
        return self._deliver(name, figure_sheet(figures), step, out_file)

    def add_seed_sheet(
        self,
        name: str,
        masks: Mapping[str, np.ndarray],
        agreement: np.ndarray,
        num_seeds: int,
        image: np.ndarray | None = None,
        truth: np.ndarray | None = None,
        prediction: np.ndarray | None = None,
        threshold: int | None = None,
        step: int = 0,
        out_file=None,
    ) -> np.ndarray:
        """Draw everything there is of an image on one contact sheet.

        Arguments and errors as of :func:`~mmseg_wsss.reporting.figures`.
        """
        figures = review_figures(
            masks,
            agreement,
            num_seeds,
            self._palette,
            image,
            truth,
            prediction,
            threshold,
            self.alpha,
        )
        return self._deliver(name, figure_sheet(figures), step, out_file)

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: SegDataSample | None = None,
        *args,
        **kwargs,
    ) -> None:
        """Draw a data sample as mmseg does; noisy pixels of a training label keep their label."""
        if data_sample is not None and 'gt_sem_seg' in data_sample:
            label, _ = decode_seed_label(data_sample.gt_sem_seg.data)
            data_sample = data_sample.clone()  # of the sample alone: its parts are shared
            data_sample.gt_sem_seg = PixelData(data=label)
        super().add_datasample(name, image, data_sample, *args, **kwargs)

    @property
    def _palette(self) -> Sequence[Sequence[int]]:
        return self.dataset_meta['palette']

    def _deliver(
        self, name: str, picture: np.ndarray, step: int, out_file: str | os.PathLike | None
    ) -> np.ndarray:
        if out_file is None:
            self.add_image(name, picture, step)
        else:
            content = io.BytesIO()
            Image.fromarray(picture).save(content, 'PNG')
            path = Path(out_file)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, content.getvalue())
        return picture
