"""Masks and overlays of a folder of new photographs."""

from __future__ import annotations

import os
import os.path as osp
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ..checks.report import CheckReport
from ..converters.folder_inputs import find_images
from ..datasets.tags import read_tags, tags_for
from ..store import MaskFolder, write_mask
from ..utils.atomic import atomic_path, remove_stale_temporaries
from ..utils.digest import weights_sha256
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
    makes what is missing: images that have both files, not older than the photograph and whole,
    are kept. An image that cannot be read stops nothing and is listed.

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
    report = CheckReport('images')
    paths = find_images(os.fspath(photos), report)
    if report.problems:
        raise ValueError(' '.join(report.problems))
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
        try:
            if _is_done(folder, overlay, image_id, path, allowed[image_id]):
                result.kept += 1
            else:
                names = [inferencer.classes[label] for label in allowed[image_id]]
                (segmentation,) = inferencer(path, tags=names)
                overlay.parent.mkdir(parents=True, exist_ok=True)
                with atomic_path(overlay) as temporary:
                    Image.fromarray(segmentation.overlay()).save(temporary, 'JPEG', quality=90)
                # Last: an image with a mask is done.
                write_mask(folder.path(image_id), segmentation.mask, inferencer.palette)
                result.made += 1
        except (FileNotFoundError, ValueError) as error:
            result.problems.append(str(error) if path in str(error) else f'{path}: {error}')
        progress.step()
    return result


def _allowed(
    inferencer: Inferencer, paths: dict[str, str], tags: str | os.PathLike | None
) -> dict[str, tuple[int, ...]]:
    """The labels that each image can have."""
    if tags is None:
        return dict.fromkeys(paths, tuple(range(len(inferencer.classes))))
    entries = read_tags(tags, inferencer.classes)
    found = {image_id: tags_for(entries, image_id) for image_id in paths}
    missing = [image_id for image_id, labels in found.items() if labels is None]
    if missing:
        raise ValueError(
            f'{tags}: {len(missing)} of {len(paths)} images have no entry, first '
            f'{", ".join(missing[:3])}.'
        )
    return {image_id: (0, *labels) for image_id, labels in found.items()}


def _is_done(
    folder: MaskFolder, overlay: Path, image_id: str, path: str, labels: tuple[int, ...]
) -> bool:
    mask = folder.path(image_id)
    if not (overlay.is_file() and mask.is_file()) or osp.getmtime(path) > osp.getmtime(mask):
        return False
    return folder.has(image_id, path, 256, labels)
