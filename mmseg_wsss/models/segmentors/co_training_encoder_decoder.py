"""Two networks that teach each other where their labels are in doubt."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from mmseg.utils import add_prefix
from torch import Tensor

from ...registry import MODELS
from ...utils.training_progress import has_begun
from ..pseudo_supervision import (
    as_logits,
    check_kinds,
    has_mask_head,
    image_metas,
    inside_images,
    pixels_of,
    pseudo_label_loss,
    stack_codes,
)


@MODELS.register_module()
class CoTrainingEncoderDecoder(EncoderDecoder):
    """An encoder-decoder and a partner, with cross pseudo supervision at doubtful pixels.

    Both networks learn the labels by their own losses. At noisy pixels each also learns, by
    cross-entropy, the class that the other finds most likely. Two networks begin at different
    weights and so make different errors, of which neither can be taken over from itself.

    The exchange is that of CPS (Chen et al., CVPR 2021): hard labels of the other, no threshold, a
    sum over the pixels divided by the number of all of them, weight 1.5 on VOC 2012. CPS has it on
    every pixel of labelled and unlabelled images; to have it at noisy pixels alone is a choice of
    this project, and ``pixels`` makes it another.

    The first network has the parameters of an ``EncoderDecoder``, those of the partner are called
    ``partner.*``. A test, a prediction and an export are the mean of both networks'
    probabilities, or the first network alone.

    Args:
        backbone (dict): As in ``EncoderDecoder``.
        decode_head (dict): As in ``EncoderDecoder``.
        partner (dict, optional): What is different in the partner, in place of the first network's:
            ``backbone``, ``decode_head``, ``neck``, ``auxiliary_head``, each as a whole. Without
            it the partner differs in its random numbers.
        weight (float): Factor of the exchange, >= 0.
        confidence (float): Least probability of a class that the other learns, 0 to 1.
        pixels (Sequence[str]): Kinds of pixels it is for: ``noisy``, ``ignored``, ``filtered``
            (by a ``FilteredLoss`` of the learning network's decode head) and ``clean``.
        begin_iter (int): Iterations of training before it begins, >= 0.
        test_with (str): ``both``, or ``first``.
        **kwargs (Any): Of mmseg's ``EncoderDecoder``.

    Raises:
        ValueError: If an option is out of range, the two networks have another number of classes,
            or a single output channel.
    """

    def __init__(
        self,
        backbone: dict,
        decode_head: dict,
        partner: dict | None = None,
        weight: float = 1.5,
        confidence: float = 0.0,
        pixels: Sequence[str] = ('noisy', 'filtered'),
        begin_iter: int = 0,
        test_with: str = 'both',
        **kwargs: Any,
    ) -> None:
        if weight < 0 or not 0 <= confidence <= 1 or begin_iter < 0:
            raise ValueError(
                'expected weight >= 0, confidence in [0, 1] and begin_iter >= 0; got '
                f'{weight}, {confidence} and {begin_iter}'
            )
        if test_with not in ('both', 'first'):
            raise ValueError(f'test_with must be both or first, got {test_with!r}')
        parts = ('backbone', 'decode_head', 'neck', 'auxiliary_head')
        unknown = sorted(set(partner or {}) - set(parts))
        if unknown:
            raise ValueError(
                f'partner has {", ".join(unknown)}; expected some of {", ".join(parts)}'
            )
        own = dict(kwargs, backbone=backbone, decode_head=decode_head)
        # Heads and backbones take their configs apart as they are built.
        other = copy.deepcopy({**own, **(partner or {})})
        for name in ('data_preprocessor', 'init_cfg'):
            other.pop(name, None)
        super().__init__(**own)
        self.partner = EncoderDecoder(**other)
        channels = [net.out_channels for net in (self, self.partner)]
        if channels[0] != channels[1] or channels[0] < 2:
            raise ValueError(
                'The two networks have to have an output channel for each class, background '
                f'included; decode_head.out_channels is {channels[0]}, that of the partner '
                f'{channels[1]}.'
            )
        self.weight = weight
        self.confidence = confidence
        self.pixels = check_kinds(pixels)
        self.begin_iter = begin_iter
        self.test_with = test_with

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict:
        """Compute the losses of both networks' heads and of the exchange.

        Args:
            inputs (Tensor): (B, 3, H, W), normalised.
            data_samples (list[SegDataSample]): With ``gt_sem_seg``, seed label codes.

        Returns:
            dict[str, Tensor]: Those of ``EncoderDecoder``, the same of the partner with the prefix
            ``partner.``, ``exchange.loss_first``, ``exchange.loss_partner``, and
            ``exchange.disagreement``, the share of all pixels where they differ.
        """
        networks = (self, self.partner)
        features = [net.extract_feat(inputs) for net in networks]
        losses = {}
        for net, x, prefix in zip(networks, features, (None, 'partner'), strict=True):
            own = net._decode_head_forward_train(x, data_samples)
            if net.with_auxiliary_head:
                own.update(net._auxiliary_head_forward_train(x, data_samples))
            losses.update(own if prefix is None else add_prefix(own, prefix))
        if not has_begun(self.begin_iter):
            return losses
        codes = stack_codes(data_samples)
        inside = inside_images(data_samples, codes)
        logits = [self._logits(net, x, inputs) for net, x in zip(networks, features, strict=True)]
        targets = [one.detach().float().softmax(1) for one in logits]
        exchange = {}
        for index, name in enumerate(('first', 'partner')):
            where = inside & pixels_of(self.pixels, codes, networks[index].decode_head)
            total, _ = pseudo_label_loss(logits[index], targets[1 - index], where, self.confidence)
            exchange[f'loss_{name}'] = self.weight * total / inside.sum().clamp_min(1)
        differ = targets[0].argmax(1) != targets[1].argmax(1)
        exchange['disagreement'] = (differ & inside).sum() / inside.sum().clamp_min(1)
        losses.update(add_prefix(exchange, 'exchange'))
        return losses

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Predict images by both networks or the first.

        Args:
            inputs (Tensor): (B, 3, H, W), normalised.
            batch_img_metas (list[dict]): As in ``EncoderDecoder``.

        Returns:
            Tensor: (B, K, H, W): the logarithm of the mean probabilities, or, as the first
            network's head gives such, these themselves; or what the first network predicts.
        """
        first = super().encode_decode(inputs, batch_img_metas)
        if self.test_with == 'first':
            return first
        second = self.partner.encode_decode(inputs, batch_img_metas)
        mean = torch.stack(
            [
                as_logits(net, scores).float().softmax(1)
                for net, scores in ((self, first), (self.partner, second))
            ]
        ).mean(0)
        if has_mask_head(self):
            return mean
        return mean.clamp_min(torch.finfo(mean.dtype).tiny).log()

    def _logits(self, net: EncoderDecoder, features: Any, inputs: Tensor) -> Tensor:
        scores = net.decode_head.predict(features, image_metas(inputs), net.test_cfg)
        return as_logits(net, scores)
