"""The trained classifiers that make the activation maps, ready for inference."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence

import torch
from mmcv.cnn.utils import fuse_conv_bn
from mmengine.config import Config
from mmengine.logging import print_log
from torch import Tensor, nn

from ..registry import MODELS
from ..seeds import Seed
from ..utils.checkpoint import load_weights


def load_classifier(
    config: Config, checkpoint: str | os.PathLike, trust: bool = False
) -> nn.Module:
    """Build a config's model with the weights of a checkpoint, on the CPU.

    Args:
        config (Config): Its ``model`` is built; the initial weights it names are not read.
        checkpoint (str | os.PathLike): See :func:`mmseg_wsss.utils.checkpoint.load_weights`.
        trust (bool): Whether the file may run code of its own.

    Returns:
        nn.Module: The classifier.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        ValueError: If it is no checkpoint, carries code, or does not fit the model.
    """
    model_config = config.model.copy()
    model_config.pop('init_cfg', None)
    model = MODELS.build(model_config)
    load_weights(model, checkpoint, trust)
    return model


# Folding rounds differently; a wrong fold differs by the size of the features themselves.
_TOLERANCE = 1e-3


@torch.no_grad()
def inference_copy(model: nn.Module) -> nn.Module:
    """Copy a classifier and fold each BatchNorm of its backbone into the convolution before it.

    This saves a sixth of a ResNet-50's time on a CPU and a third of a MobileNetV2's. Which
    BatchNorm follows which convolution is guessed from the order of their definition, as mmcv
    does, so the folded backbone is compared with the original on an image of noise and is not used
    if it differs.

    Args:
        model (nn.Module): A model with a ``backbone``; it is left as it is.

    Returns:
        nn.Module: A copy in evaluation mode, without gradients.
    """
    plain = copy.deepcopy(model).eval().requires_grad_(False)
    if not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in plain.backbone.modules()):
        return plain
    folded = fuse_conv_bn(copy.deepcopy(plain.backbone))
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    noise = noise.to(next(plain.parameters()).device)
    if _close(_last(folded(noise)), _last(plain.backbone(noise))):
        plain.backbone = folded
    else:
        print_log(
            f'{type(plain.backbone).__name__}: BatchNorm cannot be folded into the convolutions; '
            'seeds are made without, somewhat slower.',
            'current',
        )
    return plain


def _last(features: Tensor | tuple[Tensor, ...]) -> Tensor:
    return features[-1] if isinstance(features, (tuple, list)) else features


def _close(folded: Tensor, plain: Tensor) -> bool:
    # Not a number: a broken network is no reason to blame the folding.
    difference = (folded - plain).abs().max()
    return not bool(difference > _TOLERANCE * plain.abs().max())


def prepare_classifiers(
    model: nn.Module | Mapping[float, nn.Module],
    seeds: Sequence[Seed],
    device: torch.device,
    memory_format: torch.memory_format,
) -> dict[float | None, nn.Module]:
    """Copy the classifiers for inference, and check that there is one for each seed.

    Args:
        model (nn.Module | Mapping[float, nn.Module]): One classifier for all seeds, or one per
            dropout rate; left as they are.
        seeds (Sequence[Seed]): The seeds.
        device (torch.device): Where the copies run.
        memory_format (torch.memory_format): Of their weights.

    Returns:
        dict[float | None, nn.Module]: The copies by dropout rate; the only one under None.

    Raises:
        ValueError: If a model has no class-activation head, or a seed's dropout has no model.
    """
    models: dict[float | None, nn.Module] = {None: model}
    if isinstance(model, Mapping):
        models = {float(dropout): net for dropout, net in model.items()}
        missing = {seed.dropout for seed in seeds} - set(models)
        if missing:
            raise ValueError(
                f'No classifier was given for the dropout rates {sorted(missing)}; there are '
                f'classifiers for {sorted(models)}.'
            )
    for net in models.values():
        if not hasattr(getattr(net, 'head', None), 'class_weight'):
            raise ValueError(
                f'{type(net).__name__} has no ClassActivationHead, so there are no activation '
                'maps. Set the head of the classifier to type="ClassActivationHead".'
            )
    return {
        dropout: inference_copy(net).to(device, memory_format=memory_format)
        for dropout, net in models.items()
    }
