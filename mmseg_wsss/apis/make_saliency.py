"""Saliency maps of a folder of images, by a salient-object network."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from ..converters.folder_inputs import list_images
from ..generation.saliency_net import SaliencyNet
from ..store.image_records import Fingerprint, ImageRecord, ImageRecords
from ..store.saliency import SETTINGS_NAME, SaliencyFolder, write_saliency
from ..utils.atomic import remove_stale_temporaries, write_atomic
from ..utils.image import read_image
from ..utils.progress import Progress


@dataclass
class SaliencySummary:
    """What became of a folder of images.

    Attributes:
        made (int): Maps made.
        kept (int): Maps that were there.
        problems (list[str]): One line for each image that could not be read.
    """

    made: int = 0
    kept: int = 0
    problems: list[str] = field(default_factory=list)


def make_saliency(
    images: str | os.PathLike, net: SaliencyNet, out: str | os.PathLike, overwrite: bool = False
) -> SaliencySummary:
    """Write ``<out>/<image id>.png`` for every image of a folder.

    The image id is the path below the folder without suffix. Run again, it makes what is missing
    and what belongs to a photograph that was replaced. An image that cannot be read stops nothing
    and is listed.

    Args:
        images (str | os.PathLike): The folder of images.
        net (SaliencyNet): The network.
        out (str | os.PathLike): The folder of the maps.
        overwrite (bool): Whether to replace maps that another network or other settings made,
            instead of refusing.

    Returns:
        SaliencySummary: What was made and what could not be read.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If the folder has no images or two of one id, ``out`` holds other maps, or the
            network does not work.
    """
    paths = list_images(images)
    root = Path(out)
    records = ImageRecords(root)
    _open(root, net, overwrite)
    folder = SaliencyFolder(root)
    summary = SaliencySummary()
    progress = Progress(len(paths), 'saliency maps')
    for image_id, path in paths.items():
        try:
            if _is_done(folder, records, image_id, path):
                summary.kept += 1
            else:
                content = Fingerprint.of_file(path)
                image = read_image(path)
                # Maps of a run that was killed have no record.
                records.remove(image_id)
                write_saliency(folder.path(image_id), net(image))
                records.write(image_id, ImageRecord(None, content))
                summary.made += 1
        except OSError as error:
            summary.problems.append(f'{path}: {error}')
        except ValueError as error:
            if path not in str(error):
                raise  # of the network, not of the image
            summary.problems.append(str(error))
        progress.step()
    return summary


def _open(root: Path, net: SaliencyNet, overwrite: bool) -> None:
    settings = dict(
        network_sha256=net.sha256, size=net.size, mean=net.mean.tolist(), std=net.std.tolist()
    )
    text = json.dumps(settings, indent=1, sort_keys=True) + '\n'
    path = root / SETTINGS_NAME
    existing = path.read_text(encoding='utf-8') if path.is_file() else None
    maps = list(root.rglob('*.png'))
    if existing != text and maps:
        if not overwrite:
            what = 'another network or other settings' if existing else 'unknown means'
            raise ValueError(
                f'{root}: holds {len(maps)} PNG files made by {what}. Choose another folder, or '
                '--overwrite them.'
            )
        for one in maps:
            one.unlink()
    root.mkdir(parents=True, exist_ok=True)
    remove_stale_temporaries(root)
    write_atomic(path, text.encode())


def _is_done(folder: SaliencyFolder, records: ImageRecords, image_id: str, path: str) -> bool:
    if records.change(image_id, path, None) is not None:
        return False
    try:
        folder.read(image_id)
    except (FileNotFoundError, ValueError):
        return False
    return True
