"""Which networks and schedules suit an own data set: by its size, the hardware and the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from pathlib import Path
from typing import Any

import torch

from ..utils.checkpoint import read_state_dict
from ..utils.initial_weights import InitialWeights

# A classifier sees so many photographs at least, a small set again and again.
CLASSIFIER_VIEWS = {'mobilenetv2': 2_000, 'resnet50': 10_000}
MAX_EPOCHS = 200
# Segmentation networks: epochs (of ResNet-50 as for VOC's 10,582 photographs), and least and most
# iterations.
NETWORK_EPOCHS = {'mobilenetv2': 20, 'resnet50': 64}
NETWORK_ITERATIONS = {'mobilenetv2': (300, 6_000), 'resnet50': (2_000, 40_000)}
# Below this number of photographs the recipes made for VOC's are too rough.
SMALL_SET = 2_000
# Below this number a classifier that trains as usual learns its photographs by heart, and its maps
# of them spread far over the objects: stages up to this one stay as ImageNet made them.
TINY_SET = 100
TINY_FROZEN_STAGES = {'mobilenetv2': 6, 'resnet50': 3}
# Background thresholds below so many photographs: what more of them teach makes the maps sparser.
# They were best with 32 and 200, 600 and 2,000 photographs of Animals-7; threshold='auto' is too
# low on these maps. Backbones that are not here have it found.
THRESHOLDS = {'mobilenetv2': ((400, 0.5), (1_000, 0.45), (inf, 0.35))}


# Learned affinity: epochs of its network's head, and least iterations.
AFFINITY_EPOCHS, AFFINITY_ITERATIONS = 8, 300


@dataclass(frozen=True)
class Backbone:
    """A backbone that recipes know.

    Attributes:
        title (str): Its name.
        cls_base (str): Config of a classifier.
        pnl_base (str): Config of a segmentation network.
        weights (tuple[str, str]): What the two start from, addresses as mmengine knows them.
        places (tuple[str, ...]): Local files that the weights may be instead, for both.
        marks (tuple[str, ...]): Names of parameters that tell its weights from others'.
        affinity_base (str): Config of an affinity network.
        affinity_thresholds (tuple[float, float]): Background thresholds of its labels.
        second_thresholds (tuple[float, float]): Of the labels of a second one, which are made of
            spread maps; chosen with masks of Animals-7 (docs/user_guides/better_seeds.md).
    """

    title: str
    cls_base: str
    pnl_base: str
    weights: tuple[str, str]
    places: tuple[str, ...]
    marks: tuple[str, ...]
    affinity_base: str
    affinity_thresholds: tuple[float, float]
    second_thresholds: tuple[float, float]


BACKBONES = {
    'mobilenetv2': Backbone(
        title='MobileNetV2',
        cls_base='cls/mobilenetv2_voc_animals.py',
        pnl_base='pnl/deeplabv3plus_mobilenetv2_voc_animals.py',
        weights=('mmcls://mobilenet_v2', 'mmcls://mobilenet_v2'),
        places=('weights/mobilenet_v2_imagenet.pth',),
        marks=('conv1.conv.weight', 'layer7.0.conv.0.conv.weight'),
        affinity_base='affinity/affinity-net_mobilenetv2_voc_animals.py',
        affinity_thresholds=(0.60, 0.25),
        second_thresholds=(0.60, 0.25),
    ),
    'resnet50': Backbone(
        title='ResNet-50',
        cls_base='cls/resnet50_voc.py',
        pnl_base='pnl/deeplabv3plus_r50_voc.py',
        weights=('torchvision://resnet50', 'open-mmlab://resnet50_v1c'),
        places=(),
        marks=('conv1.weight', 'layer3.5.conv3.weight'),
        affinity_base='affinity/affinity-boundary-net_resnet50_voc.py',
        affinity_thresholds=(0.40, 0.15),
        second_thresholds=(0.50, 0.15),
    ),
}


@dataclass(frozen=True)
class AffinityRecipe:
    """How affinity is learned.

    Attributes:
        base (str): Config of an affinity network.
        thresholds (tuple[float, float]): Background thresholds of its labels: what exceeds the
            first is an object, what does not exceed the second is background. By default those of
            ResNets.
        changes (Mapping): Changes of the config.
        rounds (int): 1, or 2: a second network learns what is sure of the maps that the first has
            spread.
        second_thresholds (tuple[float, float]): As ``thresholds``, of the second one's labels.
    """

    base: str
    thresholds: tuple[float, float] = (0.40, 0.15)
    changes: Mapping[str, Any] = field(default_factory=dict)
    rounds: int = 1
    second_thresholds: tuple[float, float] = (0.50, 0.15)


@dataclass(frozen=True)
class Recipe:
    """Configs to start from, what to change in them, and why.

    Attributes:
        cls_base (str): Config of a classifier.
        pnl_base (str): Config of a segmentation network.
        cls (Mapping): Changes of the first.
        pnl (Mapping): Changes of the second.
        reasons (tuple[str, ...]): What was chosen and why, in sentences.
        affinity (AffinityRecipe, optional): Of seeds that are spread by learned affinity.
    """

    cls_base: str
    pnl_base: str
    cls: Mapping[str, Any] = field(default_factory=dict)
    pnl: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    affinity: AffinityRecipe | None = None


def check_rounds(affinity: str | None, rounds: int) -> None:
    """Refuse rounds of an affinity that is not to be learned.

    Raises:
        ValueError: If ``rounds`` is above 1 and ``affinity`` is None.
    """
    if rounds > 1 and affinity is None:
        raise ValueError('--affinity-rounds says how often to learn affinity: give --affinity.')


def gpu_memory() -> float | None:
    """Memory of the first GPU in GiB, None without one."""
    if not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_properties(0).total_memory / 2**30


def choose_recipe(
    num_images: int,
    gpu: float | None = None,
    weights: str | None = None,
    affinity: str | None = None,
    affinity_rounds: int = 1,
) -> Recipe:
    """Choose networks and schedules.

    * MobileNetV2 on a CPU, ResNet-50 on a GPU, or the backbone of the given weights. Where the
      preferred one's weights would have to be downloaded and another's are there, the other.
    * Schedules are epochs, bounded below by a number of photographs or iterations: ten iterations
      train nothing.
    * Below 2,000 photographs AdamW at a small learning rate: VOC's SGD diverges in so few steps.
    * Below 100 photographs most of the classifier's backbone is frozen.
    * The background threshold goes with the number of photographs on MobileNetV2, 0.5 to 0.35; on
      other backbones it is found from the activation maps.

    The numbers are readings of trials with Animals-7 on two CPU cores; those of the GPU follow
    the configs for VOC.

    Args:
        num_images (int): Photographs that train.
        gpu (float, optional): Memory of the GPU in GiB; None for a CPU.
        weights (str, optional): File of initial weights of one of :data:`BACKBONES`.
        affinity (str, optional): Seeds are spread by learned affinity: config of its network as it
            is, or ``''`` for the backbone's.
        affinity_rounds (int): As in :class:`AffinityRecipe`.

    Returns:
        Recipe: With its reasons.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If its weights are of no known backbone.
    """
    name, starts, reasons = _choose_backbone(gpu, weights)
    backbone = BACKBONES[name]
    small = num_images < SMALL_SET
    cls, cls_reason = _classifier(name, num_images, gpu, small)
    pnl, pnl_reason = _network(name, num_images, gpu, small)
    for part, start in zip((cls, pnl), starts, strict=True):
        part.setdefault('model', {}).setdefault('backbone', {})['init_cfg'] = start
    steps = THRESHOLDS.get(name, ())
    threshold = next((value for number, value in steps if num_images < number), 'auto')
    cls['seed_generation'] = dict(background=dict(threshold=threshold))
    found = 'found from the activation maps'
    if threshold != 'auto':
        found = f'{threshold}, best for so many in trials with Animals-7'
    reasons += [cls_reason, pnl_reason]
    spread = None
    if affinity is not None:
        spread, reason = _affinity(affinity, backbone, num_images, gpu, starts[0], affinity_rounds)
        reasons.append(reason)
        found = 'found from the labels of the affinity network'
    reasons.append(f'background threshold: {found}; no mask of these photographs is looked at')
    return Recipe(backbone.cls_base, backbone.pnl_base, cls, pnl, tuple(reasons), spread)


def _choose_backbone(
    gpu: float | None, weights: str | None
) -> tuple[str, list[dict[str, Any]], list[str]]:
    """Give the backbone, the ``init_cfg`` of classifier and network, and why."""
    where = 'a CPU' if gpu is None else f'a GPU with {gpu:.0f} GiB'
    if weights is not None:
        name, prefix = recognise_backbone(weights)
        start = dict(type='Pretrained', checkpoint=weights)
        if prefix:
            start['prefix'] = prefix
        return name, [start] * 2, [f'backbone {BACKBONES[name].title}: that of {weights}']
    order = ['mobilenetv2', 'resnet50'] if gpu is None else ['resnet50', 'mobilenetv2']
    for name in order:
        starts = _local_weights(BACKBONES[name])
        if starts is not None:
            because = f'trains on {where}' if name == order[0] else 'its weights are there'
            return name, starts, [f'backbone {BACKBONES[name].title}: {because}']
    backbone = BACKBONES[order[0]]
    starts = [dict(type='Pretrained', checkpoint=one) for one in backbone.weights]
    reason = f'backbone {backbone.title}: trains on {where}; its ImageNet weights are downloaded'
    return order[0], starts, [reason]


def _local_weights(backbone: Backbone) -> list[dict[str, Any]] | None:
    """Give what a backbone starts from if it need not be downloaded."""
    for place in backbone.places:
        if Path(place).is_file():
            return [dict(type='Pretrained', checkpoint=place)] * 2
    if all(InitialWeights('', one).path.is_file() for one in backbone.weights):
        return [dict(type='Pretrained', checkpoint=one) for one in backbone.weights]
    return None


def recognise_backbone(path: str) -> tuple[str, str]:
    """Tell which of :data:`BACKBONES` a file of weights belongs to.

    Args:
        path (str): A checkpoint of the backbone, or of a model whose ``backbone`` it is.

    Returns:
        tuple[str, str]: Its key, and the prefix of the names of its weights.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no weights, or those of another network.
    """
    keys = set(read_state_dict(path))
    for name, backbone in BACKBONES.items():
        for prefix in ('', 'backbone.'):
            if all(prefix + mark in keys for mark in backbone.marks):
                return name, prefix
    known = ', '.join(one.title for one in BACKBONES.values())
    some = ', '.join(sorted(keys)[:3])
    raise ValueError(
        f'{path}: weights of an unknown network ({some}, ...), expected those of {known} with '
        'the key names of mmseg or torchvision. For other networks give --cls-base and --pnl-base.'
    )


def _classifier(
    name: str, num_images: int, gpu: float | None, small: bool
) -> tuple[dict[str, Any], str]:
    batch = max(4, min(32 if name == 'mobilenetv2' else 16, num_images // 2))
    epochs = 6 if name == 'mobilenetv2' else 5
    least = min(MAX_EPOCHS, ceil(CLASSIFIER_VIEWS[name] / num_images))
    changes: dict[str, Any] = dict(train_dataloader=dict(batch_size=batch))
    if gpu is None:
        changes['train_dataloader'].update(num_workers=2)
    recipe = "the config's recipe"
    if least > epochs:
        epochs = least
        recipe = f'so many that it sees {epochs * num_images:,} photographs'
    gentle = small and name == 'resnet50'
    if gentle:
        changes['optim_wrapper'] = dict(optimizer=_adamw(5e-5))
    changes['train_cfg'] = dict(max_epochs=epochs, val_interval=max(1, epochs // 5))
    changes['param_scheduler'] = [
        dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=epochs, convert_to_iter_based=True)
    ]
    changes['default_hooks'] = dict(checkpoint=dict(interval=max(1, epochs // 10)))
    optimizer = ', AdamW at a small learning rate' if small else ''
    if num_images < TINY_SET:
        changes['model'] = dict(backbone=dict(frozen_stages=TINY_FROZEN_STAGES[name]))
        optimizer += ', its backbone frozen but for the last stage'
    return changes, f'classifier: {epochs} epochs ({recipe}), batches of {batch}{optimizer}'


def _network(
    name: str, num_images: int, gpu: float | None, small: bool
) -> tuple[dict[str, Any], str]:
    batch = 8
    if gpu is not None and name == 'resnet50':
        batch = 16 if gpu >= 32 else 8 if gpu >= 16 else 4
    least, most = NETWORK_ITERATIONS[name]
    wanted = ceil(num_images * NETWORK_EPOCHS[name] / batch)
    iterations = min(max(wanted, least), most)
    warm_up = min(100, iterations // 10)
    changes: dict[str, Any] = dict(
        train_dataloader=dict(batch_size=batch),
        train_cfg=dict(max_iters=iterations, val_interval=iterations),
        default_hooks=dict(checkpoint=dict(interval=max(1, iterations // 5))),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=warm_up),
            dict(
                type='PolyLR',
                power=0.9,
                eta_min=0.0 if small or name == 'mobilenetv2' else 1e-4,
                by_epoch=False,
                begin=warm_up,
                end=iterations,
            ),
        ],
    )
    if small and name == 'resnet50':
        changes['optim_wrapper'] = dict(
            optimizer=_adamw(1e-4),
            paramwise_cfg=dict(custom_keys={'decode_head': dict(lr_mult=10.0)}),
        )
    if gpu is None:
        changes['train_dataloader'].update(num_workers=2)
    why = f'{NETWORK_EPOCHS[name]} epochs'
    if iterations != wanted:
        why = f'at {"least" if iterations == least else "most"} so many on this backbone'
    optimizer = ', AdamW at a small learning rate' if small else ''
    return changes, f'network: {iterations:,} iterations of {batch} crops ({why}){optimizer}'


def _affinity(
    base: str,
    backbone: Backbone,
    num_images: int,
    gpu: float | None,
    start: dict[str, Any],
    rounds: int,
) -> tuple[AffinityRecipe, str]:
    thresholds, second = backbone.affinity_thresholds, backbone.second_thresholds
    networks = 'affinity network' if rounds == 1 else 'two affinity networks'
    if base:
        reason = f'{networks}: that of {base}'
        return AffinityRecipe(base, thresholds, {}, rounds, second), reason
    batch = 8
    iterations = max(AFFINITY_ITERATIONS, ceil(num_images * AFFINITY_EPOCHS / batch))
    changes: dict[str, Any] = dict(
        model=dict(backbone=dict(init_cfg=start)),
        train_dataloader=dict(batch_size=batch),
        train_cfg=dict(max_iters=iterations),
        default_hooks=dict(checkpoint=dict(interval=ceil(iterations / 3))),
        param_scheduler=[
            dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=0, end=iterations)
        ],
    )
    if gpu is None:
        changes['train_dataloader'].update(num_workers=2)
    reason = f'{networks}: {iterations:,} iterations of {batch} crops'
    return AffinityRecipe(backbone.affinity_base, thresholds, changes, rounds, second), reason


def _adamw(rate: float) -> dict[str, Any]:
    return dict(_delete_=True, type='AdamW', lr=rate, weight_decay=0.01)
