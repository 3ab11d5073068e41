"""Logs pictures of training samples: image, label, noisy pixels, prediction."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.models.segmentors import EncoderDecoder

from ...models.pseudo_supervision import class_logits, evaluation_mode, normalised
from ...registry import HOOKS
from ...reporting import training_sheet


@HOOKS.register_module()
class SeedPictureHook(Hook):
    """Shows what the network makes of its seeds, next to the figures of ``SeedStatisticsHook``.

    The first samples of the batch go to every backend of the runner's visualizer, as one sheet
    (see :func:`~mmseg_wsss.reporting.figures`). The network predicts them as it would
    in a test, without gradient; training is not changed by it.

    Args:
        interval (int): Iterations between two sheets, at least 1.
        num_samples (int): Samples on a sheet, at least 1; fewer if the batch has fewer.

    Raises:
        ValueError: If a value is below 1.
    """

    def __init__(self, interval: int = 1000, num_samples: int = 4) -> None:
        for name, value in (('interval', interval), ('num_samples', num_samples)):
            if value < 1:
                raise ValueError(f'{name} must be >= 1, got {value}')
        self.interval = interval
        self.num_samples = num_samples

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Log a sheet of the batch just trained on."""
        if not self.every_n_train_iters(runner, self.interval) or not is_main_process():
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        inputs = data_batch['inputs'][: self.num_samples]
        samples = []
        for image, sample in zip(inputs, data_batch['data_samples'], strict=False):
            code = sample.gt_sem_seg.data.squeeze(0).cpu().numpy()
            samples.append((_photograph(image, model), code, predict(model, image)))
        palette = runner.visualizer.dataset_meta['palette']
        sheet = training_sheet(samples, palette)
        runner.visualizer.add_image('training_samples', sheet, runner.iter + 1)


def predict(model: EncoderDecoder, image: torch.Tensor) -> np.ndarray:
    """Predict an image as in a test, and leave the model as it was.

    Args:
        model (EncoderDecoder): Any segmentor of mmseg.
        image (torch.Tensor): (3, H, W), before the data preprocessor.

    Returns:
        np.ndarray: Labels, uint8 (H, W).
    """
    with evaluation_mode(model), torch.no_grad():
        logits = class_logits(model, normalised(model, [image]))
    height, width = image.shape[-2:]
    return logits[0, :, :height, :width].argmax(dim=0).cpu().numpy().astype(np.uint8)


def _photograph(image: torch.Tensor, model: EncoderDecoder) -> np.ndarray:
    """Turn an input of the model into a picture, RGB."""
    picture = image.permute(1, 2, 0).cpu().numpy()
    if getattr(model.data_preprocessor, 'channel_conversion', True):
        picture = picture[..., ::-1]  # as OpenCV reads it
    return np.ascontiguousarray(picture.clip(0, 255).astype(np.uint8))
