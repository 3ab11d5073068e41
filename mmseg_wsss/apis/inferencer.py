"""Segments new photographs with a trained network, from its checkpoint alone."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from torch import nn

from ..converters.folder_inputs import SUFFIXES
from ..generation.network_labels import MaskLabeler
from ..generation.out_of_memory import (
    halve_batch,
    halve_until_it_fits,
    is_out_of_memory,
    shape_of,
)
from ..generation.pseudo_mask_images import training_classes, without_annotations
from ..registry import MODELS
from ..reporting.pictures import blend, color_mask
from ..utils.checkpoint import find_state_dict, load_state_dict, read_checkpoint
from ..utils.config_text import parse_config_text
from ..utils.digest import json_sha256
from ..utils.image import resize_image
from ..utils.image_copy import check_shift_bits, read_shifted
from ..utils.palette import label_palette


@dataclass(frozen=True)
class Segmentation:
    """What a network says about one image.

    Attributes:
        image (np.ndarray): uint8 (H, W, 3), RGB.
        mask (np.ndarray): uint8 (H, W), labels 0 to K-1.
        probabilities (np.ndarray): float32 (K, H, W), sums to 1 over the classes; 0 for classes
            that the tags rule out.
        palette (list[list[int]]): K RGB colours.
        path (str, optional): The file of the image.
    """

    image: np.ndarray
    mask: np.ndarray
    probabilities: np.ndarray
    palette: list[list[int]]
    path: str | None = None

    @property
    def confidence(self) -> float:
        """Mean probability of the labels in the mask, 0 to 1."""
        return float(self.probabilities.max(axis=0).mean())

    def overlay(self, opacity: float = 0.6) -> np.ndarray:
        """Paint the mask over the image, uint8 (H, W, 3) RGB."""
        return blend(self.image, color_mask(self.mask, self.palette), opacity)


class Inferencer:
    """Segments images, in the way of mmseg's ``MMSegInferencer``.

    It needs no training data: classes and colours come from the checkpoint, and so does the config
    unless one is given. What the checkpoint carries is read without running it.

    Args:
        checkpoint (str | os.PathLike): A checkpoint that a training of mmseg wrote.
        config (str | os.PathLike | Config, optional): The network's config; by default the one in
            the checkpoint.
        device (str, optional): By default a GPU if there is one.
        crf (str, optional): Preset of the dense CRF on the predictions, see
            :class:`mmseg_wsss.seeds.DenseCRF`.
        trust_checkpoint (bool): Read a checkpoint that carries code, which runs it.
        shift_bits (int, optional): Read images as ``folder.py prepare --copy-images`` does: those
            of more than 8 bits are shifted right by that many bits, the number of the training
            images (in ``dataset.json`` of their data set); a fourth band is left out.

    Attributes:
        classes (list[str]): K names, background first.
        palette (list[list[int]]): K RGB colours.
        pipeline_sha256 (str): Names the steps that images go through.

    Raises:
        FileNotFoundError: If there is no such checkpoint or config.
        ValueError: If the checkpoint carries code or does not fit the config, or neither names
            what is needed.

    Example (not run)::

        inferencer = Inferencer('work_dirs/net/iter_2000.pth')
        (result,) = inferencer('photo.jpg', tags=['cat'])
        result.mask, result.probabilities, result.overlay()
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike,
        config: str | os.PathLike | Config | None = None,
        device: str | None = None,
        crf: str | None = None,
        trust_checkpoint: bool = False,
        shift_bits: int | None = None,
    ) -> None:
        check_shift_bits(shift_bits)
        self.shift_bits = shift_bits
        content, meta, config = read_network(checkpoint, config, trust_checkpoint)
        init_default_scope(config.get('default_scope', 'mmseg'))
        self.classes, self.palette = _classes(meta, config, str(checkpoint))
        self.labeler = MaskLabeler(len(self.classes), crf)
        steps = _pipeline(config)
        self.pipeline = Compose(steps)
        self.pipeline_sha256 = json_sha256(Config(dict(steps=steps)).to_dict())
        self.model = build_network(config, content, str(checkpoint), device)

    def __call__(
        self,
        inputs: str | os.PathLike | np.ndarray | Sequence,
        tags: Sequence[str] | Sequence[Sequence[str] | None] | None = None,
        batch_size: int = 1,
    ) -> list[Segmentation]:
        """Segment images and keep all results in memory; :meth:`iterate` gives them one by one.

        Args:
            inputs (str | os.PathLike | np.ndarray | Sequence): An image's path, a folder (all
                images in it and below but hidden ones), an array uint8 (H, W, 3) RGB, or a sequence
                of paths and arrays.
            tags (Sequence[str] | Sequence[Sequence[str] | None], optional): Names of the classes
                that can be in the images besides background: one list for all, or one per image,
                None where every class can be.
            batch_size (int): Images that go through the network together, as far as neighbours
                have one size.

        Returns:
            list[Segmentation]: One per image, in order; those of a folder by path.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If an image cannot be read, a tag is no class, or a folder has no images.
        """
        return list(self.iterate(inputs, tags, batch_size))

    @torch.inference_mode()
    def iterate(
        self,
        inputs: str | os.PathLike | np.ndarray | Sequence,
        tags: Sequence[str] | Sequence[Sequence[str] | None] | None = None,
        batch_size: int = 1,
    ) -> Iterator[Segmentation]:
        """Segment images one after the other; arguments and errors as in :meth:`__call__`."""
        if batch_size < 1:
            raise ValueError(f'batch_size={batch_size}; expected at least 1.')
        sources = list_inputs(inputs)
        allowed = self._allowed(tags, len(sources))
        pending: list[tuple] = []
        for source, labels in zip(sources, allowed, strict=True):
            image, path = self._load(source)
            data = self.pipeline(
                dict(
                    img=np.ascontiguousarray(image[..., ::-1]),
                    img_path=path,
                    img_shape=image.shape[:2],
                    ori_shape=image.shape[:2],
                    seg_fields=[],
                )
            )
            shape = data['inputs'].shape
            if pending and (len(pending) == batch_size or pending[0][0]['inputs'].shape != shape):
                yield from self._segment(pending)
                pending = []
            pending.append((data, image, path, labels))
        if pending:
            yield from self._segment(pending)

    def _allowed(self, tags: Any, count: int) -> list[list[int]]:
        everything = list(range(len(self.classes)))
        if tags is None:
            return [everything] * count
        if isinstance(tags, str):
            raise ValueError(f'tags={tags!r}; expected a list of class names.')
        if all(isinstance(name, str) for name in tags):
            tags = [tags] * count
        if len(tags) != count:
            raise ValueError(f'There are tags of {len(tags)} images, but {count} images.')
        unknown = {name for names in tags for name in names or () if name not in self.classes}
        if unknown:
            raise ValueError(
                f'The tags {", ".join(sorted(unknown))} are no classes of the network, which are '
                f'{", ".join(self.classes)}.'
            )
        return [
            everything
            if names is None
            else sorted({0, *(self.classes.index(name) for name in names)})
            for names in tags
        ]

    def _load(self, source: str | np.ndarray) -> tuple[np.ndarray, str | None]:
        if isinstance(source, str):
            return read_shifted(source, self.shift_bits), source
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3 or not source.size:
            raise ValueError(
                f'An image is {source.shape} {source.dtype}; expected (H, W, 3) uint8, RGB.'
            )
        return source, None

    def _segment(self, items: list[tuple]) -> Iterator[Segmentation]:
        try:
            logits = self._logits(pseudo_collate([data for data, *_ in items]))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            logits = None
        # Outside of the handler: the exception held the frames that hold the memory.
        for index, (data, image, path, labels) in enumerate(items):
            if logits is None:
                # Each image by itself, at half the sides where even that is too much.
                single = halve_until_it_fits(
                    lambda batch: self._logits(batch)[0],
                    pseudo_collate([data]),
                    shape_of,
                    halve_batch,
                    path or 'An image',
                )
            else:
                single = logits[index]
            shape = image.shape[:2]
            # Where memory did not suffice, the CRF too works on the smaller image.
            pixels = resize_image(image, tuple(single.shape[-2:]), 'area')
            kept, values = self.labeler.probabilities(single, pixels, labels)
            probabilities = single.new_zeros((len(self.classes), *shape), dtype=torch.float32)
            if values.shape[-2:] != shape:
                values = nn.functional.interpolate(values[None], shape, mode='bilinear')[0]
            probabilities[kept] = values
            mask = kept[values.argmax(dim=0)].to(torch.uint8)
            yield Segmentation(
                image, mask.cpu().numpy(), probabilities.cpu().numpy(), self.palette, path
            )

    def _logits(self, batch: dict) -> list[torch.Tensor]:
        return [sample.seg_logits.data for sample in self.model.test_step(batch)]


def list_inputs(inputs: Any) -> list[str | np.ndarray]:
    """List the images that an argument means, as in :meth:`Inferencer.__call__`."""
    if isinstance(inputs, np.ndarray) and inputs.ndim != 4:
        return [inputs]
    if not isinstance(inputs, (str, os.PathLike)):
        return [source for item in inputs for source in list_inputs(item)]
    folder = os.fspath(inputs)
    if not osp.isdir(folder):
        return [folder]
    found = []
    for directory, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != '.']
        found += [
            osp.join(directory, name)
            for name in names
            if name[0] != '.' and osp.splitext(name)[1].lower() in SUFFIXES
        ]
    if not found:
        raise ValueError(f'{folder}: no images ({", ".join(SUFFIXES)}) in it.')
    return sorted(found)


def _classes(meta: dict, config: Config, source: str) -> tuple[list[str], list[list[int]]]:
    info = meta.get('dataset_meta') or {}
    if not info.get('classes'):
        try:
            return training_classes(config)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(
                f'{source}: neither the checkpoint nor the config names the classes ({error}).'
            ) from None
    classes = list(info['classes'])
    palette = info.get('palette') or label_palette(len(classes))
    return classes, [list(color) for color in palette]


def _pipeline(config: Config) -> list:
    """The test pipeline without the steps that load files: the image is read before."""
    pipeline = config.get('test_pipeline')
    if pipeline is None:
        pipeline = (config.get('test_dataloader') or {}).get('dataset', {}).get('pipeline')
    if pipeline is None:
        raise ValueError('The config has neither test_pipeline nor a test_dataloader with one.')
    return [
        step
        for step in without_annotations(pipeline)
        if step['type'].rpartition('.')[2] != 'LoadImageFromFile'
    ]


def read_network(
    checkpoint: str | os.PathLike, config: str | os.PathLike | Config | None, trust: bool = False
) -> tuple[Any, dict, Config]:
    """Read a checkpoint with the config that it was trained by.

    Args:
        checkpoint (str | os.PathLike): The file.
        config (str | os.PathLike | Config, optional): Instead of the config in it.
        trust (bool): Whether the file may run code of its own.

    Returns:
        tuple: What the file holds, its ``meta`` (empty if it has none), and the config.

    Raises:
        FileNotFoundError: If there is no such checkpoint or config.
        ValueError: If it is no checkpoint, carries code, or holds no config and none is given.
    """
    content = read_checkpoint(checkpoint, trust)
    meta = content.get('meta') if isinstance(content, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    if config is None:
        if not isinstance(meta.get('cfg'), str):
            raise ValueError(f'{checkpoint}: there is no config in it; give the config file.')
        config = parse_config_text(meta['cfg'], str(checkpoint))
    elif not isinstance(config, Config):
        config = Config.fromfile(config)
    return content, meta, config


def build_network(
    config: Config, content: Any, source: str, device: str | None = None
) -> nn.Module:
    """Build a config's model with the weights that a checkpoint holds, for inference.

    Args:
        config (Config): Its ``model`` is built; the initial weights it names are not read.
        content (Any): What the checkpoint holds.
        source (str): Names the checkpoint in messages.
        device (str, optional): By default a GPU if there is one.

    Returns:
        nn.Module: The model in evaluation mode.

    Raises:
        ValueError: If there are no weights or no model, or they do not fit.
    """
    state = find_state_dict(content, source)
    if 'model' not in config:
        raise ValueError(f'{source}: the config has no model.')
    settings = config.model.copy()
    settings.pop('init_cfg', None)
    model = revert_sync_batchnorm(MODELS.build(settings))
    load_state_dict(model, state, source)
    if device is None:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    return model.eval().to(device)
