"""Refiners of seeds as parts that a config names."""

from __future__ import annotations

import copy
import threading
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from ..registry import MODELS, TASK_UTILS
from ..seeds.affinity import affinity_walk
from ..seeds.pamr import pamr
from ..seeds.refine import DenseCRFRefiner, RefinerInput, SeedRefiner
from ..utils.checkpoint import load_weights
from ..utils.digest import weights_sha256
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

    Supervision stays what that of the affinity network's labels is: tags only, where it learned
    from seeds of tags.

    Args:
        config (str): Path of the affinity network's config.
        checkpoint (str): Its checkpoint.
        exponent (float): Power of the affinities.
        steps (int): Length of the walk; 0 does nothing.
        most_foreground (float): Guard against walks that flood the image, in (0, 1].
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
        trust_checkpoint: bool = False,
    ) -> None:
        if type(steps) is not int or steps < 0:
            raise ValueError(f'AffinityRefiner: steps must be an integer >= 0, got {steps!r}.')
        if not exponent > 0:
            raise ValueError(f'AffinityRefiner: exponent must be above 0, got {exponent!r}.')
        if not 0 < most_foreground <= 1:
            raise ValueError(
                f'AffinityRefiner: most_foreground must be in (0, 1], got {most_foreground!r}.'
            )
        self.exponent, self.steps, self.most_foreground = exponent, steps, most_foreground
        self.net = _load_affinity_net(config, checkpoint, trust_checkpoint)
        self.normalizer = ImageNormalizer(self.net)
        self._nets: dict[torch.device, nn.Module] = {torch.device('cpu'): self.net}
        self._lock = threading.Lock()

    def record(self) -> dict[str, Any]:
        """Arguments for the manifest: the weights, wherever their file was."""
        return dict(
            weights_sha256=weights_sha256(self.net),
            exponent=self.exponent,
            steps=self.steps,
            most_foreground=self.most_foreground,
        )

    def __call__(self, maps: Tensor, inputs: RefinerInput) -> Tensor:
        """Walked maps."""
        net = self._on(maps.device)
        pixels = self.normalizer(_pixels(inputs, maps.device))
        features = net.affinity_features(pixels)
        return affinity_walk(
            features,
            maps,
            net.decode_head.radius,
            self.exponent,
            self.steps,
            self.most_foreground,
        )

    def _on(self, device: torch.device) -> nn.Module:
        with self._lock:  # writers are threads
            if device not in self._nets:
                self._nets[device] = copy.deepcopy(self.net).to(device)
            return self._nets[device]


def _pixels(inputs: RefinerInput, device: torch.device) -> Tensor:
    """(B, 3, H, W) uint8 RGB."""
    return torch.from_numpy(np.stack(inputs.images)).to(device).permute(0, 3, 1, 2)


def _load_affinity_net(config: str, checkpoint: str, trust: bool) -> nn.Module:
    content = Config.fromfile(config)
    model = content.get('model') or {}
    if str(model.get('type')).rpartition('.')[2] != 'AffinityNet':
        raise ValueError(
            f'{config}: the model is {model.get("type")!r}, expected an AffinityNet, such as those '
            'in configs/affinity.'
        )
    model = copy.deepcopy(model)
    for part in (model, model.get('backbone', {})):
        part.pop('init_cfg', None)  # the checkpoint has all weights
    with DefaultScope.overwrite_default_scope(content.get('default_scope', 'mmseg')):
        net = MODELS.build(model)
    load_weights(net, checkpoint, trust)
    return net.eval().requires_grad_(False)
