"""Masks and overlays of a folder of new photographs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from ..converters.folder_inputs import list_images
from ..datasets.tags import read_tags_of
from ..store import Fingerprint, ImageRecord, MaskFolder
from ..utils.atomic import atomic_path, remove_stale_temporaries
from ..utils.digest import weights_sha256
from ..utils.image import problem_line
from ..utils.progress import Progress
from .inferencer import Inferencer


@dataclass
class Prediction:
    """What became of a folder of photographs.

    Attributes:
        made (int): Images segmented.
        kept (int): Images that were segmented before.
        problems (list[str]): One line for each image that could not be read.
    """

    made: int = 0
    kept: int = 0
    problems: list[str] = field(default_factory=list)


def predict_folder(
    inferencer: Inferencer,
    photos: str | os.PathLike,
    out: str | os.PathLike,
    tags: str | os.PathLike | None = None,
    overwrite: bool = False,
) -> Prediction:
    """Write ``masks/<image id>.png`` and ``overlays/<image id>.jpg`` for a folder of photographs.

    The image id is the path below the folder without suffix, so folders are kept. Run again, it
    makes what is missing: images that have both files, whole and made of the same photograph and
    tags, are kept. An image that cannot be read stops nothing and is listed.

    Args:
        inferencer (Inferencer): The network.
        photos (str | os.PathLike): The folder of photographs.
        out (str | os.PathLike): The folder of the results.
        tags (str | os.PathLike, optional): Tags file, see
            :func:`mmseg_wsss.datasets.tags.read_tags`: only the tagged classes can be in an
            image's mask. Images without an entry are refused.
        overwrite (bool): Replace masks that another network or other settings made.

    Returns:
        Prediction: What was made and what could not be read.

    Raises:
        FileNotFoundError: If there is no such folder or tags file.
        ValueError: If the folder has no images or two of one id, an image has no tags entry, or
            ``out`` holds masks made otherwise.
    """
    paths = list_images(photos)
    allowed = _allowed(inferencer, paths, tags)
    masks, overlays = Path(out) / 'masks', Path(out) / 'overlays'
    settings = dict(
        classes=inferencer.classes,
        crf=inferencer.labeler.preset,
        pipeline_sha256=inferencer.pipeline_sha256,
        tags_filtered=tags is not None,
        weights_sha256=weights_sha256(inferencer.model),
    )
    if inferencer.shift_bits is not None:
        settings['shift_bits'] = inferencer.shift_bits
    folder = MaskFolder(masks, settings)
    folder.open(overwrite)
    remove_stale_temporaries(overlays)
    result = Prediction()
    progress = Progress(len(paths), 'images')
    for image_id, path in paths.items():
        overlay = overlays / f'{image_id}.jpg'
        labels = allowed[image_id]
        names = [inferencer.classes[label] for label in labels]
        tagged = None if tags is None else tuple(names[1:])  # without the background
        try:
            if overlay.is_file() and folder.has(image_id, path, 256, labels, tagged):
                result.kept += 1
            else:
                folder.records.remove(image_id)
                record = ImageRecord(tagged, Fingerprint.of_file(path))
                (segmentation,) = inferencer(path, tags=names)
                overlay.parent.mkdir(parents=True, exist_ok=True)
                with atomic_path(overlay) as temporary:
                    Image.fromarray(segmentation.overlay()).save(temporary, 'JPEG', quality=90)
                # Last: an image with a record is done.
                record = replace(record, confidence=segmentation.confidence)
                folder.write(image_id, segmentation.mask, inferencer.palette, record)
                result.made += 1
        except (FileNotFoundError, ValueError) as error:
            result.problems.append(problem_line(path, error))
        progress.step()
    return result


def _allowed(
    inferencer: Inferencer, paths: dict[str, str], tags: str | os.PathLike | None
) -> dict[str, tuple[int, ...]]:
    """The labels that each image can have."""
    if tags is None:
        return dict.fromkeys(paths, tuple(range(len(inferencer.classes))))
    found = read_tags_of(tags, inferencer.classes, paths)
    return {image_id: (0, *labels) for image_id, labels in found.items()}
