"""Activation maps of all seeds from one backbone pass per image and scale."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from torch import Tensor, nn

from ..registry import MODELS, TASK_UTILS
from ..seeds import Seed
from ..seeds.activation import (
    activation_rows,
    normalise_activation,
    sum_views,
    view_activation,
    view_probability,
)
from ..utils.mixed_precision import autocast, read_amp
from .classifiers import prepare_classifiers
from .images import SeedSample, plan_views
from .normalizer import ImageNormalizer
from .out_of_memory import LEAST_SIDE, is_out_of_memory
from .sources import SeedSource, supervision

if TYPE_CHECKING:
    from .settings import SeedSettings


@TASK_UTILS.register_module(name='ClassActivation')
class ActivationExtractor(SeedSource):
    """Class-activation maps (Zhou et al., CVPR 2016) of all seeds of images.

    Everything before the dropout is the same for all seeds of one scale, so each image goes
    through the backbone once per scale, together with its mirror image. The models given are
    copied, and left as they are.

    Args:
        model (nn.Module | Mapping[float, nn.Module]): One classifier with a
            :class:`mmseg_wsss.models.heads.ClassActivationHead`, whose features are shared by all
            seeds, dropout active at seed time (``mode='inference'``); or one classifier per
            dropout rate, dropout off at seed time (``mode='training'``).
        seeds (Sequence[Seed]): The seeds.
        scales (Sequence[float]): The multi-scale set that each seed's own scale multiplies.
        flip (bool): Whether the mirror image is used as well.
        device (str | torch.device): Where the network runs.
        amp (str, optional): ``'bfloat16'`` or ``'float16'``: the backbone under autocast; the
            maps themselves stay in float32.
        channels_last (bool): Whether the backbone runs in channels-last memory format, which is
            faster for convolutions on CPUs and GPUs.
        compile_backend (str, optional): Backend of torch.compile for the backbone, ``'inductor'``
            as a rule; None does not compile.

    Raises:
        ValueError: If a model has no class-activation head, or a seed's dropout has no model.
    """

    def __init__(
        self,
        model: nn.Module | Mapping[float, nn.Module],
        seeds: Sequence[Seed],
        scales: Sequence[float] = (0.5, 1.0, 1.5, 2.0),
        flip: bool = True,
        device: str | torch.device = 'cpu',
        amp: str | None = None,
        channels_last: bool = True,
        compile_backend: str | None = None,
    ) -> None:
        self.amp = read_amp(amp)
        self.seeds = list(seeds)
        self.views = plan_views(self.seeds, scales)
        self.flip = flip
        self.device = torch.device(device)
        self.feature_map = _feature_map
        if compile_backend is not None:
            # Images come in many sizes: one program for all of them.
            self.feature_map = torch.compile(_feature_map, backend=compile_backend, dynamic=True)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.shared = not isinstance(model, Mapping)
        self.models = prepare_classifiers(model, self.seeds, self.device, self.memory_format)
        self.supervision = supervision(net.head for net in self.models.values())
        self.normalizers = {key: ImageNormalizer(net) for key, net in self.models.items()}
        self._fallback: ActivationExtractor | None = None

    @classmethod
    def from_settings(
        cls, model: nn.Module | Mapping[float, nn.Module], settings: SeedSettings
    ) -> ActivationExtractor:
        """Build the extractor that settings ask for."""
        return cls(
            model,
            settings.seeds,
            settings.scales,
            settings.flip,
            settings.device,
            settings.amp,
            settings.channels_last,
            settings.compile_backend,
        )

    @property
    def num_classes(self) -> int:
        """Number of foreground classes, K-1."""
        return next(iter(self.models.values())).head.class_weight.shape[0]

    @property
    def num_channels(self) -> int | None:
        """Channels that dropout at seed time acts on; None if there is no such dropout."""
        return self.models[None].head.class_weight.shape[1] if self.shared else None

    gives_features = True

    def __call__(self, samples: Sequence[SeedSample]) -> list[Tensor]:
        """Make the maps of some images.

        Images of one size go through the network as one batch. Where the GPU's memory does not
        suffice, the batch is halved, and a single image is done by the CPU. Where the machine's
        does not, the sides of the image are halved, and its maps are smaller. All is logged.

        Args:
            samples (Sequence[SeedSample]): The images, with tags or without.

        Returns:
            list[Tensor]: For each image (S, P, H, W) float32 in [0, 1] with P its number of tags,
            on the device it was made on; smaller than the image where memory does not suffice.

        Raises:
            ValueError: If a map holds NaN; the image is named.
        """
        return [maps for maps, _ in self._run(samples, False)]

    def with_features(self, samples: Sequence[SeedSample]) -> list[tuple[Tensor, Tensor | None]]:
        """Make maps and feature maps.

        Args:
            samples (Sequence[SeedSample]): As for :meth:`__call__`.

        Returns:
            list[tuple]: The maps, and the last feature map (C, h, w) float32 of the image at the
            scale nearest to its own, not mirrored, of the first classifier; None for an image
            without tags.
        """
        return self._run(samples, True)

    @torch.inference_mode()
    def _run(self, samples: Sequence[SeedSample], keep: bool) -> list[tuple[Tensor, Tensor | None]]:
        results: list[tuple[Tensor, Tensor | None] | None] = [None] * len(samples)
        groups: dict[tuple[int, int], list[int]] = {}
        for index, sample in enumerate(samples):
            if sample.info.tags:
                groups.setdefault(sample.image.shape[:2], []).append(index)
            else:
                results[index] = torch.zeros(len(self.seeds), 0, *sample.image.shape[:2]), None
        for indices in groups.values():
            made = self._batch_or_less([samples[index] for index in indices], keep)
            for index, one in zip(indices, made, strict=True):
                results[index] = one
        return results

    def _batch_or_less(
        self, samples: list[SeedSample], keep: bool
    ) -> list[tuple[Tensor, Tensor | None]]:
        try:
            return self._batch(samples, keep)
        except (MemoryError, RuntimeError) as error:
            tiny = len(samples) == 1 and min(samples[0].image.shape[:2]) <= LEAST_SIDE
            if not is_out_of_memory(error) or (self.device.type == 'cpu' and tiny):
                raise
        # Outside of the handler: the exception held the frames that hold the memory.
        if self.device.type != 'cpu':
            torch.cuda.empty_cache()
        if len(samples) > 1:
            half = len(samples) // 2
            print_log(
                f'{self._where} does not suffice for {len(samples)} images of '
                f'{samples[0].image.shape[:2]}: trying {len(samples) - half} at a time.',
                'current',
                level=logging.WARNING,
            )
            first, second = samples[:half], samples[half:]
            return self._batch_or_less(first, keep) + self._batch_or_less(second, keep)
        (sample,) = samples
        smaller = sample.halved() if self.device.type == 'cpu' else sample
        how = 'on the CPU' if smaller is sample else f'at {smaller.image.shape[:2]} and enlarged'
        print_log(
            f'{self._where} does not suffice for image {sample.info.image_id} '
            f'{sample.image.shape[:2]}: it is done {how}.',
            'current',
            level=logging.WARNING,
        )
        return self._on_cpu()._batch_or_less([smaller], keep)

    @property
    def _where(self) -> str:
        return 'Memory' if self.device.type == 'cpu' else 'GPU memory'

    def _on_cpu(self) -> ActivationExtractor:
        if self.device.type == 'cpu':
            return self
        if self._fallback is None:
            self._fallback = copy.copy(self)
            self._fallback.device = torch.device('cpu')
            self._fallback.amp = None
            self._fallback.feature_map = _feature_map
            self._fallback.models = {
                key: copy.deepcopy(net).cpu().float() for key, net in self.models.items()
            }
        return self._fallback

    def _batch(self, samples: list[SeedSample], keep: bool) -> list[tuple[Tensor, Tensor | None]]:
        size = samples[0].image.shape[:2]
        own_scale = min(range(len(self.views)), key=lambda one: abs(self.views[one].scale - 1))
        kept: list[Tensor | None] = [None] * len(samples)
        present = [[tag - 1 for tag in sample.info.tags] for sample in samples]
        # maps[image][seed]: the seed's maps (P, h, w) at each of its scales.
        maps: list[list[list[Tensor]]] = [[[] for _ in self.seeds] for _ in samples]
        for number, view in enumerate(self.views):
            pixels = torch.stack([sample.views[number] for sample in samples])
            pixels = pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
            for key, net in self.models.items():
                users = [
                    index for index in view.seeds if key is None or self.seeds[index].dropout == key
                ]
                if not users:
                    continue
                features = self._features(net, self.normalizers[key](pixels))
                if keep and number == own_scale and kept[0] is None:
                    kept = [one[0] for one in features]
                for position, sample in enumerate(samples):
                    channels = self._channels(sample, number, len(users), features)
                    activation = self._maps(net, features[position], present[position], channels)
                    for index, part in zip(users, activation.chunk(len(users)), strict=True):
                        maps[position][index].append(part)
        return [
            (self._finish(sample, seeds, size), features)
            for sample, seeds, features in zip(samples, maps, kept, strict=True)
        ]

    def _features(self, net: nn.Module, pixels: Tensor) -> Tensor:
        """Feature maps (B, 1 or 2, C, h, w) float32 of images (B, 3, H, W), the mirror's second."""
        views = torch.stack([pixels, pixels.flip(-1)], dim=1) if self.flip else pixels[:, None]
        inputs = views.flatten(0, 1).contiguous(memory_format=self.memory_format)
        with autocast(self.amp, self.device):
            features = self.feature_map(net, inputs)
        return features.float().unflatten(0, (len(pixels), -1))

    def _maps(
        self, net: nn.Module, features: Tensor, present: Sequence[int], channels: Tensor
    ) -> Tensor:
        """Maps (S * P, h, w) of one view, seeds major, the mirror image's added."""
        rows = activation_rows(net.head.class_weight.float(), present, channels)
        return view_activation(features, rows, self.flip)

    def _channels(
        self, sample: SeedSample, number: int, num_seeds: int, features: Tensor
    ) -> Tensor:
        if self.shared:
            return sample.channels[number].to(self.device, non_blocking=True)
        return features.new_ones(1, 1, 1).expand(1 + self.flip, num_seeds, features.shape[2])

    def _finish(
        self, sample: SeedSample, seeds: list[list[Tensor]], size: tuple[int, int]
    ) -> Tensor:
        # Seeds of one scale have maps of the same sizes: one resize for all of them.
        together: dict[tuple, list[int]] = {}
        for index, maps in enumerate(seeds):
            together.setdefault(tuple(part.shape[-2:] for part in maps), []).append(index)
        total = None
        for indices in together.values():
            stacked = (
                torch.cat(parts) for parts in zip(*(seeds[index] for index in indices), strict=True)
            )
            added = sum_views(stacked, size).unflatten(0, (len(indices), -1))
            if total is None:
                total = added.new_empty(len(seeds), *added.shape[1:])
            total[indices] = added
        try:
            return normalise_activation(total)
        except ValueError as error:
            raise ValueError(
                f'Image {sample.info.image_id} ({sample.info.path}): {error} Check the weights of '
                'the classifier and its data_preprocessor; without amp it may work.'
            ) from error


@TASK_UTILS.register_module()
class ClassProbability(ActivationExtractor):
    """Maps of the softmax over all classes, the background included.

    For a :class:`mmseg_wsss.models.heads.SaliencyActivationHead`: its maps are trained as
    probabilities, and these are what EPS (Lee et al., CVPR 2021) makes its seeds of. Arguments as
    :class:`ActivationExtractor`. With several draws of the dropout the softmax is taken of the mean
    of the scores.

    Raises:
        ValueError: If the head has no map of the background.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for net in self.models.values():
            _check_background(type(net.head))

    @classmethod
    def check_config(cls, config: Config) -> None:
        """Check that the head that a config names has a map of the background."""
        kind = ((config.get('model') or {}).get('head') or {}).get('type')
        _check_background(MODELS.get(kind) if isinstance(kind, str) else kind)

    def _maps(
        self, net: nn.Module, features: Tensor, present: Sequence[int], channels: Tensor
    ) -> Tensor:
        weight = torch.cat([net.head.class_weight, net.head.background_weight]).float()
        return view_probability(features, weight, present, channels, self.flip)


def _check_background(head: type | None) -> None:
    if head is not None and not hasattr(head, 'background_weight'):
        raise ValueError(
            'source: ClassProbability needs a head with a map of the background, such as '
            f'SaliencyActivationHead, got {head.__name__}; leave out the source.'
        )


def _feature_map(net: nn.Module, inputs: Tensor) -> Tensor:
    return net.head.feature_map(net.extract_feat(inputs))
