"""Corrects labels of a class once the network has learnt what is right of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dist import all_reduce
from mmengine.hooks import EMAHook, Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.structures import SegDataSample
from torch import Tensor

from ...models.label_correction import correct_codes
from ...models.learning_curve import MIN_POINTS, fit_learning_curve
from ...models.pseudo_supervision import (
    class_probabilities,
    normalised,
    possible_classes,
    stack_codes,
)
from ...registry import HOOKS
from ...seeds.codec import IGNORE_INDEX, decode_seed_label

KEY = 'early_learning'


@HOOKS.register_module()
class EarlyLearningHook(Hook):
    """Early-learning correction (ADELE, Liu et al., CVPR 2022) on the batches of a training.

    A network learns what is right of noisy labels first and memorises the rest later. For each
    class the IoU of its predictions with the labels is followed; to its course a curve ``a (1 -
    exp(-t^b / c))`` is fitted, t in epochs. Where the slope of the curve has fallen by ``ratio``
    since t = 1, early learning of the class is over, and from then on confident predictions of the
    network, averaged over scales, replace its labels: see
    :func:`~mmseg_wsss.models.label_correction.correct_codes`.

    The labels of each batch are changed before the network sees it, so that any network, head and
    loss can be trained with it, and no file is written. Samples whose ``metainfo`` has ``tags``,
    labels from 1, get no label beyond these. What ADELE does otherwise: it predicts the
    whole images once an epoch and keeps the corrected labels; it leaves the background's curve
    alone, as here, where background counts as due along with any class. Its loss of consistency
    between scales is not a part of this.

    Curves and classes are in the checkpoint, and a resumed training goes on from them.

    Args:
        interval (int): Iterations between two predictions that the curves count, >= 1.
        window (int): Such predictions to a point of the curves, >= 1.
        epoch_iters (int, optional): Iterations of a unit of t; by default as many as see each
            training image once. A short schedule needs less: t has to go beyond 1 by far.
        ratio (float): Share by which the slope has to fall, in (0, 1).
        confidence (float): Least probability of a new label, 0 to 1.
        scales (Sequence[float]): Factors of the images' sides in the predictions that replace
            labels, > 0.
        average (bool): Whether the average of a ``TeacherHook`` or ``EMAHook`` predicts, in place
            of the network itself.

    Raises:
        ValueError: If a value is out of range, or there is no average.
    """

    def __init__(
        self,
        interval: int = 10,
        window: int = 10,
        epoch_iters: int | None = None,
        ratio: float = 0.9,
        confidence: float = 0.8,
        scales: Sequence[float] = (0.7, 1.0, 1.5),
        average: bool = False,
    ) -> None:
        for name, value in (
            ('interval', interval),
            ('window', window),
            ('epoch_iters', epoch_iters),
        ):
            if value is not None and value < 1:
                raise ValueError(f'{name} must be at least 1, got {value}')
        if not 0 < ratio < 1 or not 0 <= confidence <= 1:
            raise ValueError(
                f'expected ratio in (0, 1) and confidence in [0, 1]; got {ratio}, {confidence}'
            )
        if not scales or min(scales) <= 0:
            raise ValueError(f'scales must be above 0, at least one; got {scales}')
        self.interval = interval
        self.window = window
        self.epoch_iters = epoch_iters
        self.ratio = ratio
        self.confidence = confidence
        self.scales = tuple(scales)
        self.average = average
        self.curves: list[list[tuple[float, float]]] = []  # of each class: times and IoU
        self.due: dict[int, int] = {}  # classes that are corrected, and since which iteration
        self._counts: list[list[int]] = []  # of each class: both, predicted, labelled
        self._looks: list[int] = []  # iterations that these are from

    def before_train(self, runner: Runner) -> None:
        """Find the network that predicts and the length of an epoch.

        Raises:
            ValueError: If there is no average.
        """
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if self.average:
            averages = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
            if not averages:
                raise ValueError(
                    'EarlyLearningHook(average=True) needs a TeacherHook or an EMAHook in '
                    'custom_hooks.'
                )
            self._predictor = averages[0].ema_model.module
        else:
            self._predictor = model
        loader = runner.train_dataloader
        self._unit = self.epoch_iters
        if self._unit is None:
            images = loader.batch_sampler.batch_size * runner.world_size
            self._unit = max(1, len(loader.dataset) // images)
        info = getattr(loader.dataset, 'metainfo', None) or {}
        self._names = info.get('classes') or ()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Follow the curves, and correct the labels of the batch in place.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Unused.
            data_batch (dict): ``inputs``, images, and ``data_samples`` with ``gt_sem_seg``.
        """
        look = runner.iter % self.interval == 0 and (
            not self.curves or len(self.due) < len(self.curves) - 1
        )
        if not look and not self.due:
            return
        with runner.optim_wrapper.optim_context(runner.model):
            changed, pixels, counts = 0, 0, 0
            for images, samples in _by_size(data_batch):
                inputs = normalised(self._predictor, images)
                codes = stack_codes(samples).to(inputs.device)
                if look:
                    chances = class_probabilities(self._predictor, inputs)
                    counts = counts + count_matches(chances, codes)
                if self.due:
                    corrected, change = self._correct(inputs, codes, samples)
                    changed, pixels = changed + change.sum(), pixels + change.numel()
                    for sample, code in zip(samples, corrected.cpu(), strict=True):
                        sample.gt_sem_seg.data = code[None]
        if look:
            self._follow(runner, counts)
        if pixels and runner.iter % self.interval == 0:
            share = float(changed) / pixels
            runner.message_hub.update_scalar('train/corrected_share', share)

    def _correct(
        self, inputs: Tensor, codes: Tensor, samples: list[SegDataSample]
    ) -> tuple[Tensor, Tensor]:
        chances = class_probabilities(self._predictor, inputs, self.scales)
        classes = torch.zeros(chances.shape[1], dtype=torch.bool)
        classes[list(self.due)] = True
        height, width = codes.shape[-2:]
        possible = possible_classes(samples, len(classes))
        return correct_codes(
            codes,
            chances[..., :height, :width],
            classes.to(codes.device),
            self.confidence,
            None if possible is None else possible.to(codes.device),
        )

    def _follow(self, runner: Runner, counts: Tensor) -> None:
        """Count a prediction; at the end of a window add a point and look which class is due."""
        all_reduce(counts)
        if not self.curves:
            self.curves = [[] for _ in counts]
        total = np.array(self._counts or 0) + counts.cpu().numpy()
        self._counts = total.tolist()
        self._looks.append(runner.iter)
        if len(self._looks) < self.window:
            return
        time = max(float(np.mean(self._looks)) / self._unit, 1e-6)
        self._counts, self._looks = [], []
        for label, (both, predicted, labelled) in enumerate(total.tolist()):
            # A class that the window does not show has no IoU; the curves of those that are
            # corrected, and that of background, are not needed.
            if label == 0 or label in self.due or not labelled:
                continue
            curve = self.curves[label]
            curve.append((time, both / (predicted + labelled - both)))
            if time <= 1 or len(curve) < MIN_POINTS:
                continue
            if fit_learning_curve(*zip(*curve, strict=True)).relative_drop(time) > self.ratio:
                self.due[label] = runner.iter
                name = self._names[label] if label < len(self._names) else label
                runner.logger.info(
                    f'Early learning of {name} is over at iteration {runner.iter}: its labels are '
                    'corrected from the next one on.'
                )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save curves and classes."""
        checkpoint[KEY] = dict(
            curves=[[list(point) for point in curve] for curve in self.curves],
            due=dict(self.due),
            counts=self._counts,
            looks=list(self._looks),
        )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Go on from curves and classes where a training is resumed."""
        if not runner._resume:
            return
        state = checkpoint.get(KEY)
        if state is None:
            runner.logger.warning(
                'The checkpoint has no curves of early learning: they begin anew.'
            )
            return
        self.curves = [[tuple(point) for point in curve] for curve in state['curves']]
        self.due, self._counts, self._looks = state['due'], state['counts'], state['looks']


def count_matches(probabilities: Tensor, codes: Tensor) -> Tensor:
    """Count the pixels that the IoU of each class is made of.

    Args:
        probabilities (Tensor): (B, K, H', W'), at least as large as the codes.
        codes (Tensor): Seed codes (B, H, W).

    Returns:
        Tensor: (K, 3) int64: pixels predicted and labelled as the class, predicted, labelled; among
        those that are not ignored.
    """
    num_classes = probabilities.shape[1]
    height, width = codes.shape[-2:]
    label = decode_seed_label(codes)[0].flatten()
    used = label != IGNORE_INDEX
    predicted = probabilities[..., :height, :width].argmax(1).flatten()
    counts = [used & (predicted == label), used, used]
    found = label.new_zeros(3, num_classes)
    for row, index, of in zip(found, (label, predicted, label), counts, strict=True):
        row.scatter_add_(0, index.where(used, 0), of.long())
    return found.T.contiguous()


def _by_size(batch: dict) -> list[tuple[list[Tensor], list[SegDataSample]]]:
    """Group images, which the data preprocessor takes together if they are of one size."""
    groups: dict[tuple, tuple[list, list]] = {}
    for image, sample in zip(batch['inputs'], batch['data_samples'], strict=True):
        images, samples = groups.setdefault(tuple(image.shape), ([], []))
        images.append(image)
        samples.append(sample)
    return list(groups.values())
