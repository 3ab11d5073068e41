"""A network that learns from the average of its own past where its labels are in doubt."""

from __future__ import annotations

from typing import Any

from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from mmseg.utils import add_prefix
from torch import Tensor

from ...registry import MODELS
from ...utils.training_progress import has_begun
from ..pseudo_supervision import (
    class_logits,
    class_probabilities,
    inside_images,
    pixels_of,
    stack_codes,
)
from ..strong_view import StrongViewConsistency


@MODELS.register_module()
class TeacherEncoderDecoder(EncoderDecoder):
    """An encoder-decoder with a teacher: consistency of a strong view at doubtful pixels.

    To the losses of mmseg's ``EncoderDecoder``, which are as without a teacher, comes the
    cross-entropy of the network's prediction on a strongly distorted view against the teacher's
    confident prediction on the batch as it is. The teacher is the exponential moving average of
    the network's weights, in evaluation mode; it comes from a ``TeacherHook`` in the config's
    ``custom_hooks``, which the training needs and a test does not.

    The network has the parameters of an ``EncoderDecoder`` and no others, so that either loads
    the other's checkpoint. The hook saves the average as the weights of the checkpoint: what is
    tested, exported and used for predictions is the teacher.

    Args:
        *args: Of mmseg's ``EncoderDecoder``.
        consistency (dict, optional): Arguments of
            :class:`~mmseg_wsss.models.strong_view.StrongViewConsistency`.
        **kwargs: Of mmseg's ``EncoderDecoder``.

    Raises:
        ValueError: If an option is out of range, or the network has a single output channel.
    """

    def __init__(self, *args: Any, consistency: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.out_channels < 2:
            raise ValueError(
                'TeacherEncoderDecoder needs an output channel for each class, background '
                f'included; decode_head.out_channels is {self.out_channels}.'
            )
        self.consistency = StrongViewConsistency(**(consistency or {}))
        # In a tuple: a module would become a part of this one, and of its checkpoint.
        self._teacher: tuple[EncoderDecoder, ...] = ()

    @property
    def teacher(self) -> EncoderDecoder:
        """The network whose predictions are learnt.

        Raises:
            RuntimeError: If no ``TeacherHook`` has set it.
        """
        if not self._teacher:
            raise RuntimeError(
                'TeacherEncoderDecoder has no teacher: add dict(type="TeacherHook") to the '
                "config's custom_hooks."
            )
        return self._teacher[0]

    def set_teacher(self, model: EncoderDecoder | None) -> None:
        """Take a network as the teacher; it does not become a part of this one.

        Args:
            model (EncoderDecoder, optional): The network, None for no teacher.
        """
        self._teacher = () if model is None else (model,)

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict:
        """Compute the losses of the heads and of the consistency.

        Args:
            inputs (Tensor): (B, 3, H, W), normalised.
            data_samples (list[SegDataSample]): With ``gt_sem_seg``, seed label codes.

        Returns:
            dict[str, Tensor]: Those of ``EncoderDecoder``, ``consistency.loss_strong``, and
            ``consistency.share``, the share of all pixels that it is taken over.

        Raises:
            RuntimeError: If the network has no teacher.
        """
        teacher = self.teacher
        losses = super().loss(inputs, data_samples)
        if not has_begun(self.consistency.begin_iter):
            return losses
        codes = stack_codes(data_samples)
        target = class_probabilities(teacher, inputs)
        view, seen = self.consistency.view(inputs, self.data_preprocessor)
        logits = class_logits(self, view)
        where = pixels_of(self.consistency.pixels, codes, self.decode_head)
        where &= seen & inside_images(data_samples, codes)
        losses.update(add_prefix(self.consistency(logits, target, where), 'consistency'))
        return losses
