"""Tags photographs with a trained classifier, from its checkpoint alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope

from ..converters.folder_inputs import list_images
from ..datasets.tags_dataset import whole_image_steps
from ..generation.pseudo_mask_images import training_classes, training_dataset
from ..utils.image import problem_line
from ..utils.image_copy import check_shift_bits, read_shifted
from ..utils.progress import Progress
from .inferencer import build_network, list_inputs, read_network

# Chosen on the validation photographs of Animals-7, see the guide.
THRESHOLD = 0.3
_BATCH = 16


class Tagger:
    """Says which classes photographs show.

    It needs no training data: classes and config come from the checkpoint. Images are seen whole.

    Args:
        checkpoint (str | os.PathLike): A checkpoint of a classifier, mmengine's.
        config (str | os.PathLike | Config, optional): The classifier's config; by default the one
            in the checkpoint.
        device (str, optional): By default a GPU if there is one.
        trust_checkpoint (bool): Read a checkpoint that carries code, which runs it.
        shift_bits (int, optional): As in :class:`Inferencer`.

    Attributes:
        classes (list[str]): K-1 names, without the background.

    Raises:
        FileNotFoundError: If there is no such checkpoint or config.
        ValueError: If it is no checkpoint of a classifier, carries code or does not fit the config.

    Example (not run)::

        tagger = Tagger('work_dirs/classifier/epoch_6.pth')
        (names,) = tagger('photo.jpg')  # ['cat', 'person']
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike,
        config: str | os.PathLike | Config | None = None,
        device: str | None = None,
        trust_checkpoint: bool = False,
        shift_bits: int | None = None,
    ) -> None:
        check_shift_bits(shift_bits)
        self.shift_bits = shift_bits
        content, meta, config = read_network(checkpoint, config, trust_checkpoint)
        init_default_scope(config.get('default_scope', 'mmseg'))
        head = (config.get('model') or {}).get('head')
        if not head:
            raise ValueError(
                f'{checkpoint}: its model has no head of a classifier; expected a checkpoint of '
                'step 1, e.g. of configs/cls/resnet50_voc.py.'
            )
        classes = (meta.get('dataset_meta') or {}).get('classes')
        if not classes:
            try:
                classes = training_classes(config)[0][1:]  # the background has no score
            except (OSError, ValueError, KeyError) as error:
                raise ValueError(
                    f'{checkpoint}: neither the checkpoint nor the config names classes ({error}).'
                ) from None
        self.classes = list(classes)
        if head.num_classes != len(self.classes):
            raise ValueError(
                f'{checkpoint}: the classifier has {head.num_classes} scores, but '
                f'{len(self.classes)} classes are named: {", ".join(self.classes)}.'
            )
        self.pipeline = Compose(whole_image_steps(training_dataset(config)['pipeline']))
        self.model = build_network(config, content, str(checkpoint), device)

    def __call__(
        self,
        inputs: str | os.PathLike | np.ndarray | Sequence,
        threshold: float = THRESHOLD,
    ) -> list[list[str]]:
        """Tag images.

        Args:
            inputs (str | os.PathLike | np.ndarray | Sequence): As :class:`Inferencer` takes them.
            threshold (float): Score from which a class is a tag.

        Returns:
            list[list[str]]: The names of each image's classes; a list may be empty.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If an image cannot be read, or the threshold is out of range.
        """
        check_threshold(threshold)
        scores = (self.scores(batch) for batch in _batches(list_inputs(inputs)))
        return [
            [self.classes[label - 1] for label in tagged_labels(one, threshold)]
            for part in scores
            for one in part
        ]

    @torch.inference_mode()
    def scores(self, inputs: Sequence[str | np.ndarray]) -> np.ndarray:
        """Score images, all at once.

        Args:
            inputs (Sequence[str | np.ndarray]): Paths, or arrays uint8 (H, W, 3) RGB.

        Returns:
            np.ndarray: float32 (N, K-1), the probability of each class, 0 to 1.
        """
        images = [one if isinstance(one, np.ndarray) else self.read(one) for one in inputs]
        data = [self.pipeline(dict(img=np.ascontiguousarray(one[..., ::-1]))) for one in images]
        samples = self.model.test_step(pseudo_collate(data))
        return torch.stack([one.pred_score for one in samples]).float().cpu().numpy()

    def read(self, path: str) -> np.ndarray:
        """Read an image, uint8 (H, W, 3) RGB."""
        return read_shifted(path, self.shift_bits)


@dataclass
class TaggedFolder:
    """Tags of a folder of photographs.

    Attributes:
        tags (dict[str, tuple[int, ...]]): By image id the labels of its classes, 1 to K-1.
        problems (list[str]): One line for each image that could not be read.
    """

    tags: dict[str, tuple[int, ...]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def tag_folder(
    tagger: Tagger,
    photos: str | os.PathLike,
    threshold: float = THRESHOLD,
    image_ids: Sequence[str] | None = None,
) -> TaggedFolder:
    """Tag the photographs in a folder and below.

    Args:
        tagger (Tagger): The classifier.
        photos (str | os.PathLike): The folder.
        threshold (float): Score from which a class is a tag. A low one keeps classes that are
            there, a high one keeps out those that are not.
        image_ids (Sequence[str], optional): Only these, paths below the folder without suffix.

    Returns:
        TaggedFolder: What :func:`mmseg_wsss.datasets.tags.write_tags` writes with the classes
        ``['background', *tagger.classes]``.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no images, two of one id or lacks one of ``image_ids``, or the
            threshold is out of range.
    """
    check_threshold(threshold)
    paths = list_images(photos)
    if image_ids is not None:
        missing = [one for one in image_ids if one not in paths]
        if missing:
            raise ValueError(f'{photos}: no image of {len(missing)} ids, first {missing[0]}.')
        paths = {one: paths[one] for one in image_ids}
    found = TaggedFolder()
    progress = Progress(len(paths), 'images')
    for batch in _batches(list(paths.items())):
        images = {}
        for image_id, path in batch:
            try:
                images[image_id] = tagger.read(path)
            except (FileNotFoundError, ValueError) as error:
                found.problems.append(problem_line(path, error))
        if images:
            for image_id, scores in zip(images, tagger.scores(list(images.values())), strict=True):
                found.tags[image_id] = tagged_labels(scores, threshold)
        progress.step(len(batch))
    return found


def tagged_labels(scores: np.ndarray, threshold: float) -> tuple[int, ...]:
    """Give the labels, 1 to K-1, of the classes whose score (K-1,) is at least the threshold.

    >>> tagged_labels(np.array([0.2, 0.9, 0.3]), 0.3)
    (2, 3)
    """
    return tuple((np.flatnonzero(scores >= threshold) + 1).tolist())


def check_threshold(threshold: float) -> None:
    """Refuse a threshold that is no probability.

    Raises:
        ValueError: If it is below 0 or above 1.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f'threshold={threshold}; expected a score from 0 to 1.')


def _batches(items: list) -> Iterator[list]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
