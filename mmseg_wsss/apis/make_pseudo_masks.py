"""Masks of the training images by a trained network: a seed for another round."""

from __future__ import annotations

import os

import torch
from mmengine.config import Config
from torch import nn

from ..datasets.tags import read_tags
from ..generation.pseudo_mask_images import (
    PseudoMaskImages,
    training_classes,
    training_dataset,
    training_images,
)
from ..generation.pseudo_masks import PseudoMaskMaker
from ..registry import MODELS
from ..store import root_supervision
from ..utils.checkpoint import load_weights
from ..utils.digest import json_sha256, weights_sha256


def make_pseudo_masks(
    config: Config,
    checkpoint: str | os.PathLike,
    out: str | os.PathLike,
    tags: str | os.PathLike | None = None,
    split: str | os.PathLike | None = None,
    tta: bool = False,
    crf: str | None = None,
    device: str | torch.device = 'cpu',
    num_workers: int = 2,
    overwrite: bool = False,
    trust_checkpoint: bool = False,
) -> tuple[int, int]:
    """Make the masks of the images that a config trains on, by its network.

    Args:
        config (Config): The network's config.
        checkpoint (str | os.PathLike): Its checkpoint.
        out (str | os.PathLike): Folder of the masks, ``<image id>.png``.
        tags (str | os.PathLike, optional): Tags file: only the classes in the tags of an image can
            be in its mask; without it every class can be anywhere.
        split (str | os.PathLike, optional): File that lists the images instead.
        tta (bool): Test-time augmentation, with the config's ``tta_pipeline``.
        crf (str, optional): Preset of the dense CRF.
        device (str | torch.device): Where the network and the CRF run.
        num_workers (int): Processes that read images.
        overwrite (bool): Whether to replace masks made with other settings.
        trust_checkpoint (bool): Whether to read a checkpoint that carries code.

    Returns:
        tuple[int, int]: Number of masks that this process made, and kept of an earlier run.

    Raises:
        ValueError, OSError: If the config, a file or an image is wrong, or the folder holds masks
            made with other settings; the message names it.
    """
    classes, palette = training_classes(config)
    labels = None if tags is None else read_tags(str(tags), classes)
    pipeline = _find_pipeline(config, tta)
    images = PseudoMaskImages(training_images(config, split), pipeline)
    supervision = root_supervision(training_dataset(config).get('seed_root'))
    model, digest = _build_model(config, str(checkpoint), tta, trust_checkpoint)
    maker = PseudoMaskMaker(
        model.to(device),
        classes,
        palette,
        out,
        tags=labels,
        crf=crf,
        settings=dict(
            checkpoint_sha256=digest,
            pipeline_sha256=json_sha256([step.to_dict() for step in pipeline]),
            tta=tta,
            **({} if supervision is None else dict(supervision=supervision)),
        ),
    )
    todo, kept = maker.prepare(images, overwrite)
    maker.make(images, todo, num_workers)
    return len(todo), kept


def _build_model(config: Config, checkpoint: str, tta: bool, trust: bool) -> tuple[nn.Module, str]:
    """Build the network, under test-time augmentation if asked, and hash its weights."""
    model_config = config.model.copy()
    model_config.pop('init_cfg', None)
    model = MODELS.build(model_config)
    load_weights(model, checkpoint, trust)
    digest = weights_sha256(model)
    if tta:
        tta_config = dict(type='MergedTTAModel')  # mmseg's own keeps no probabilities
        model = MODELS.build(dict(tta_config, module=model))
    return model.eval(), digest


def _find_pipeline(config: Config, tta: bool) -> list:
    """Give the pipeline that the images go through."""
    if tta:
        if config.get('tta_pipeline') is None:
            raise ValueError('--tta needs tta_pipeline in the config.')
        return config.tta_pipeline
    pipeline = config.get('test_pipeline')
    if pipeline is None:
        pipeline = (config.get('test_dataloader') or {}).get('dataset', {}).get('pipeline')
    if pipeline is None:
        raise ValueError('The config has neither test_pipeline nor a test_dataloader with one.')
    return pipeline
