"""Pseudo masks of a trained segmentation network, as a new source of seeds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import barrier, is_main_process
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from ..checks.images import DataItem
from ..datasets.tags import tags_for
from ..store import Fingerprint, ImageRecord, MaskFolder
from ..utils.image import read_image, resize_image
from ..utils.progress import Progress
from .network_labels import MaskLabeler
from .out_of_memory import halve_batch, halve_until_it_fits, shape_of
from .pseudo_mask_images import PseudoMaskImages
from .sharing import check_images, share_work


class PseudoMaskMaker:
    """Makes and writes the masks that a trained network predicts.

    Only the background and the classes in an image's tags can win: the probabilities of the others
    are set to 0 and the rest made to sum to 1, before the CRF.

    Args:
        model (nn.Module): mmseg segmentor in evaluation mode, or ``MergedTTAModel`` around one. Its
            samples carry ``seg_logits`` (K, H, W) at the image's own size.
        classes (Sequence[str]): K class names, background first.
        palette (Sequence[Sequence[int]]): RGB colours of the masks.
        out (str): Folder of the masks, ``<out>/<image id>.png``.
        tags (Mapping[str, tuple[int, ...]], optional): Image id to label indices, 1 to K-1, see
            :func:`mmseg_wsss.datasets.tags.read_tags`. None: every class can win everywhere.
        crf (str, optional): Preset of :class:`mmseg_wsss.seeds.DenseCRF`: ``'irn'`` refines the
            labels, ``'psa'`` and ``'deeplab'`` the probabilities.
        crf_options (dict, optional): Further arguments of ``DenseCRF``.
        settings (Mapping): What the masks are made with (config, checkpoint ...); kept beside them
            and compared when a run is resumed.

    Raises:
        ValueError: If the preset is unknown.
    """

    def __init__(
        self,
        model: nn.Module,
        classes: Sequence[str],
        palette: Sequence[Sequence[int]],
        out: str | os.PathLike,
        tags: Mapping[str, tuple[int, ...]] | None = None,
        crf: str | None = None,
        crf_options: dict | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.classes = list(classes)
        self.palette = palette
        self.tags = tags
        self.labeler = MaskLabeler(len(self.classes), crf, crf_options)
        settings = {
            **(settings or {}),
            'classes': self.classes,
            'crf': crf,
            'crf_options': dict(crf_options or {}),
            'tags_filtered': tags is not None,
        }
        self.folder = MaskFolder(out, settings)

    def run(
        self, images: PseudoMaskImages, num_workers: int = 0, overwrite: bool = False
    ) -> dict[str, int]:
        """Make the masks of all images that have none yet: :meth:`prepare` and :meth:`make`.

        Args:
            images (PseudoMaskImages): The images.
            num_workers (int): Processes that read images.
            overwrite (bool): Replace masks made with other settings, instead of refusing.

        Returns:
            dict[str, int]: ``made`` and ``kept`` masks, of this process.

        Raises:
            ValueError: As :meth:`prepare`, or if the network has another number of classes.
        """
        todo, kept = self.prepare(images, overwrite)
        self.make(images, todo, num_workers)
        return dict(made=len(todo), kept=kept)

    def prepare(self, images: PseudoMaskImages, overwrite: bool = False) -> tuple[list[int], int]:
        """Check everything that can be checked beforehand and find what is to do.

        Several processes share the images by torch.distributed.

        Args:
            images (PseudoMaskImages): The images.
            overwrite (bool): Replace masks made with other settings, instead of refusing.

        Returns:
            tuple[list[int], int]: Indices of the images of this process that have no mask yet, and
            how many have one.

        Raises:
            ValueError: If an image has no tags entry or cannot be read, or the folder holds masks
                made otherwise.
        """
        allowed = self._allowed_labels(images.image_ids)
        if is_main_process():
            self.folder.open(overwrite)
        barrier()
        work = share_work(
            [[index] for index in range(len(images))],
            lambda index: self._has(images, images.image_ids[index], allowed),
        )
        todo = [index for (index,) in work.todo]
        names = [images.image_ids[index] for index in todo]
        check_images([DataItem(image_id, images.paths[image_id]) for image_id in names])
        return todo, work.done

    def _allowed_labels(self, image_ids: Sequence[str]) -> dict[str, tuple[int, ...]]:
        if self.tags is None:
            return dict.fromkeys(image_ids, tuple(range(len(self.classes))))
        found = {image_id: tags_for(self.tags, image_id) for image_id in image_ids}
        missing = [image_id for image_id, labels in found.items() if labels is None]
        if missing:
            raise ValueError(
                f'{len(missing)} of {len(found)} images have no tags entry, first '
                f'{", ".join(missing[:3])}.'
            )
        return {image_id: (0, *labels) for image_id, labels in found.items()}

    def _has(
        self, images: PseudoMaskImages, image_id: str, allowed: Mapping[str, tuple[int, ...]]
    ) -> bool:
        path = images.paths[image_id]
        labels = allowed[image_id]
        return self.folder.has(image_id, path, len(self.classes), labels, self._tags(labels))

    def _tags(self, labels: Sequence[int]) -> tuple[str, ...] | None:
        """Names of the classes in an image's tags, for its record."""
        if self.tags is None:
            return None
        return tuple(self.classes[label] for label in labels if label)

    @torch.inference_mode()
    def make(self, images: PseudoMaskImages, todo: Sequence[int], num_workers: int = 0) -> None:
        """Make and write the masks of some images.

        Args:
            images (PseudoMaskImages): The images.
            todo (Sequence[int]): Indices of those to do.
            num_workers (int): Processes that read images.

        Raises:
            ValueError: If the network has another number of classes.
        """
        if not todo:
            return
        allowed = self._allowed_labels([images.image_ids[index] for index in todo])
        loader = Runner.build_dataloader(
            dict(
                dataset=_Fingerprinted(images, todo),
                batch_size=1,
                num_workers=num_workers,
                sampler=torch.utils.data.SequentialSampler(range(len(todo))),
                collate_fn=dict(type='pseudo_collate'),
            )
        )
        model = self.model.module if is_model_wrapper(self.model) else self.model
        progress = Progress(len(todo), 'pseudo masks')
        for index, ((fingerprint,), batch) in zip(todo, loader, strict=True):
            image_id = images.image_ids[index]
            labels = allowed[image_id]
            mask, confidence = self._mask(model, batch, images.paths[image_id], labels)
            record = ImageRecord(self._tags(labels), fingerprint, confidence)
            self.folder.write(image_id, mask, self.palette, record)
            progress.step()

    def _mask(
        self, model: nn.Module, batch: dict, path: str, labels: Sequence[int]
    ) -> tuple[np.ndarray, float]:
        """Mask of one image and the mean probability of its labels.

        Where memory does not suffice, with half the sides and enlarged.
        """

        def label(batch: dict) -> tuple[np.ndarray, float]:
            (sample,) = model.test_step(batch)
            logits = sample.seg_logits.data
            image = None
            if self.labeler.needs_image:
                image = resize_image(read_image(path), tuple(logits.shape[-2:]), 'area')
            kept, probabilities = self.labeler.probabilities(logits, image, labels)
            mask = kept[probabilities.argmax(dim=0)].to(torch.uint8)
            return mask.cpu().numpy(), float(probabilities.amax(dim=0).mean())

        mask, confidence = halve_until_it_fits(label, batch, shape_of, halve_batch, path)
        size = shape_of(batch)
        mask = mask if mask.shape == size else resize_image(mask, size, 'nearest')
        return mask, confidence


class _Fingerprinted(Dataset):
    """Some of the images, each with the fingerprint of its file."""

    def __init__(self, images: PseudoMaskImages, indices: Sequence[int]) -> None:
        self.images, self.indices = images, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> tuple[Fingerprint, dict]:
        index = self.indices[index]
        # Before the pipeline reads it: a file replaced in between does not fit its record, and its
        # mask is made again.
        fingerprint = Fingerprint.of_file(self.images.paths[self.images.image_ids[index]])
        return fingerprint, self.images[index]
