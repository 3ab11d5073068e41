"""Refiners of seeds as parts that a config names."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from ..checks.saliency import flat_saliency, image_size, is_flat_saliency
from ..registry import MODELS, TASK_UTILS
from ..seeds.affinity import affinity_walk
from ..seeds.pamr import pamr
from ..seeds.refine import DenseCRFRefiner, RefinerInput, SeedRefiner
from ..store import root_supervision
from ..store.saliency import SETTINGS_NAME, SaliencyFolder
from ..utils.checkpoint import load_weights
from ..utils.digest import weights_sha256
from ..utils.image import resize_image
from ..utils.mixed_precision import autocast, read_amp
from .normalizer import ImageNormalizer

TASK_UTILS.register_module(module=DenseCRFRefiner)


@TASK_UTILS.register_module()
class PAMRRefiner(SeedRefiner):
    """Pixel-adaptive mask refinement, see :func:`mmseg_wsss.seeds.pamr.pamr`.

    Args:
        iterations (int): How often each pixel takes the mean of its like neighbours.
        dilations (Sequence[int]): Distances of the neighbours in pixels.
        works_on (str): ``'scores'``, with the background's, or ``'maps'``, before it is known.

    Raises:
        ValueError: If an argument makes no sense.
    """

    def __init__(
        self,
        iterations: int = 10,
        dilations: tuple[int, ...] = (1, 2, 4, 8, 12, 24),
        works_on: str = 'scores',
    ) -> None:
        if works_on not in ('maps', 'scores'):
            raise ValueError(f"PAMRRefiner: works_on={works_on!r}, expected 'maps' or 'scores'.")
        self.iterations, self.dilations, self.works_on = iterations, tuple(dilations), works_on
        pamr(torch.zeros(1, 3, 1, 1), torch.zeros(1, 1, 1, 1), min(iterations, 1), self.dilations)

    def __call__(self, maps: Tensor, inputs: RefinerInput) -> Tensor:
        """Refined maps or scores."""
        images = _pixels(inputs, maps.device)
        refined = pamr(images, maps.flatten(1, 2), self.iterations, self.dilations)
        return refined.view_as(maps)


@TASK_UTILS.register_module()
class AffinityRefiner(SeedRefiner):
    """Random walk over learned affinities, see :func:`mmseg_wsss.seeds.affinity.affinity_walk`.

    Of a network with two heads the maps are the mean of both walks (a reading of this project). The
    supervision is that of the network's labels, read from the seed root that its config names.

    Args:
        config (str): Path of the affinity network's config.
        checkpoint (str): Its checkpoint.
        exponent (float): Power of the affinities.
        steps (int): Length of the walk; 0 does nothing.
        most_foreground (float): Guard against walks that flood the image, in (0, 1].
        amp (str, optional): ``'bfloat16'`` or ``'float16'`` for the network; the walk is computed
            in float32.
        trust_checkpoint (bool): Whether the checkpoint may run code of its own.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the config has no ``AffinityNet``, the checkpoint does not fit, or an
            argument makes no sense.
    """

    works_on = 'maps'

    def __init__(
        self,
        config: str,
        checkpoint: str,
        exponent: float = 10,
        steps: int = 256,
        most_foreground: float = 0.9,
        amp: str | None = None,
        trust_checkpoint: bool = False,
    ) -> None:
        self.amp, self._type = amp, read_amp(amp)
        if type(steps) is not int or steps < 0:
            raise ValueError(f'AffinityRefiner: steps must be an integer >= 0, got {steps!r}.')
        if not exponent > 0:
            raise ValueError(f'AffinityRefiner: exponent must be above 0, got {exponent!r}.')
        if not 0 < most_foreground <= 1:
            raise ValueError(
                f'AffinityRefiner: most_foreground must be in (0, 1], got {most_foreground!r}.'
            )
        self.exponent, self.steps, self.most_foreground = exponent, steps, most_foreground
        content = Config.fromfile(config)
        net = _load_affinity_net(content, checkpoint, trust_checkpoint)
        self.net = net.to(memory_format=torch.channels_last)  # faster on CPUs, too
        self.supervision = _supervision_of_labels(content)
        self.normalizer = ImageNormalizer(self.net)
        self._nets: dict[torch.device, nn.Module] = {torch.device('cpu'): self.net}
        self._lock = threading.Lock()

    def record(self) -> dict[str, Any]:
        """Arguments for the manifest: the weights, wherever their file was."""
        record = dict(
            weights_sha256=weights_sha256(self.net),
            exponent=self.exponent,
            steps=self.steps,
            most_foreground=self.most_foreground,
        )
        if self.amp is not None:
            record['amp'] = self.amp
        radii = [head.walk_radius for head in self.net.neighbour_heads]
        if len(radii) > 1:
            record['walk_radius'] = radii
        elif radii[0] != self.net.decode_head.radius:  # roots that are older stay as they are
            record['walk_radius'] = radii[0]
        return record

    def __call__(self, maps: Tensor, inputs: RefinerInput) -> Tensor:
        """Walked maps: the mean over the network's heads."""
        net = self._on(maps.device)
        pixels = self.normalizer(_pixels(inputs, maps.device))
        with autocast(self._type, maps.device):
            features = net.affinity_features(pixels.contiguous(memory_format=torch.channels_last))
        walked = [
            affinity_walk(
                of_head,
                maps,
                head.walk_radius,
                self.exponent,
                self.steps,
                self.most_foreground,
                head.pair_affinity,
            )
            for head, of_head in zip(net.neighbour_heads, features, strict=True)
        ]
        return sum(walked) / len(walked)

    def _on(self, device: torch.device) -> nn.Module:
        with self._lock:  # writers are threads
            if device not in self._nets:
                self._nets[device] = copy.deepcopy(self.net).to(device)
            return self._nets[device]


@TASK_UTILS.register_module()
class SaliencyFusion(SeedRefiner):
    """Mean of activation maps and a saliency map: weight * map + (1 - weight) * saliency.

    A salient-object network learned from masks of objects of any class, so seeds made with it have
    the supervision I+S, image tags and saliency.

    Args:
        folder (str): Folder of 8-bit maps ``<image id>.png`` of the images' sizes, see
            ``tools/make_saliency.py``.
        weight (float): Of the activation maps, in [0, 1].

    Raises:
        FileNotFoundError: If there is no such folder; on use, if an image has no map.
        ValueError: If the weight is out of its range; on use, if a map is unreadable.
    """

    works_on = 'maps'
    supervision = 'I+S'
    # Labels of tags alone call foreground what is not salient, so that the threshold found in mixed
    # maps is too low, that of the maps before too high (docs/user_guides/better_seeds.md).
    shifts_threshold = True

    def __init__(self, folder: str, weight: float = 0.5) -> None:
        if not 0 <= weight <= 1:
            raise ValueError(f'SaliencyFusion: weight must be in [0, 1], got {weight!r}.')
        self.maps, self.weight = SaliencyFolder(folder), weight

    def check(self, image_ids: Sequence[str], paths: Sequence[str]) -> None:
        """Look at the maps of all images before any seed is made.

        Args:
            image_ids (Sequence[str]): Ids of the images.
            paths (Sequence[str]): Their files.

        Raises:
            ValueError: If maps are missing, unreadable or of another size, or more than half of
                them have one value everywhere.
        """
        problems, flat = [], []
        for image_id, path in zip(image_ids, paths, strict=True):
            try:
                if is_flat_saliency(self.maps.path(image_id), image_size(path)):
                    flat.append(image_id)
            except (OSError, ValueError) as error:
                problems.append(str(error))
        if problems:
            shown = problems[:10] + ['...'] * (len(problems) > 10)
            raise ValueError(
                f'{self.maps.root}: {len(problems)} of {len(image_ids)} saliency maps cannot be '
                'used; make them by tools/make_saliency.py:\n  ' + '\n  '.join(shown)
            )
        for problem in flat_saliency(flat, len(image_ids)):
            raise ValueError(f'{self.maps.root}: {problem}')

    def record(self) -> dict[str, Any]:
        """Arguments for the manifest: the maps by the settings they were made with, if known."""
        settings = self.maps.root / SETTINGS_NAME
        known = json.loads(settings.read_text()) if settings.is_file() else str(self.maps.root)
        return dict(maps=known, weight=self.weight)

    def __call__(self, maps: Tensor, inputs: RefinerInput) -> Tensor:
        """Fused maps."""
        size = tuple(maps.shape[-2:])
        saliency = [
            resize_image(self.maps.read(image_id), size, 'area') for image_id in inputs.image_ids
        ]
        saliency = torch.from_numpy(np.stack(saliency)).to(maps) / 255
        return self.weight * maps + (1 - self.weight) * saliency[:, None, None]


def _pixels(inputs: RefinerInput, device: torch.device) -> Tensor:
    """(B, 3, H, W) uint8 RGB."""
    return torch.from_numpy(np.stack(inputs.images)).to(device).permute(0, 3, 1, 2)


def _supervision_of_labels(config: Config) -> str:
    dataset = (config.get('train_dataloader') or {}).get('dataset') or {}
    return root_supervision(dataset.get('seed_root')) or 'I'  # the labels may be elsewhere


def _load_affinity_net(config: Config, checkpoint: str, trust: bool) -> nn.Module:
    model = config.get('model') or {}
    if str(model.get('type')).rpartition('.')[2] != 'AffinityNet':
        raise ValueError(
            f'{config.filename}: the model is {model.get("type")!r}, expected an AffinityNet, such '
            'as those in configs/affinity.'
        )
    model = copy.deepcopy(model)
    for part in (model, model.get('backbone', {})):
        part.pop('init_cfg', None)  # the checkpoint has all weights
    with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmseg')):
        net = MODELS.build(model)
    load_weights(net, checkpoint, trust)
    return net.eval().requires_grad_(False)
