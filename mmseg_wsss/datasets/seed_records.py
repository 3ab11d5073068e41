"""Seeds of images whose tags or photographs have changed since."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..registry import DATASETS
from ..store import AGGREGATED_FOLDER, MANIFEST_NAME, ImageRecords, SeedManifest
from ..store.image_records import NO_RECORD
from ..store.mask_folder import SETTINGS_NAME
from .tags_dataset import without_saliency

SHOWN = 10  # images named in one message


class StaleSeedsError(ValueError):
    """Seeds were made of other tags or photographs than there are.

    Args:
        message (str): What is wrong and what to do.
        problems (Mapping[str, str], optional): One line by image id.
    """

    def __init__(self, message: str, problems: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.problems = dict(problems or {})


@dataclass(frozen=True)
class CurrentImage:
    """What the seeds of an image are to be made of.

    Attributes:
        path (str): The image's file.
        tags (tuple[str, ...], optional): Names of the classes in its tags; None: not known.
    """

    path: str
    tags: tuple[str, ...] | None


def seed_sources(manifest: SeedManifest) -> dict[str, CurrentImage] | None:
    """Read the tags and list the photographs of today where the makers of seeds found theirs.

    Args:
        manifest (SeedManifest): Of the seed root; the data set of its config says where.

    Returns:
        dict[str, CurrentImage] | None: By image id, in the order of the data set; None if the
        manifest names no data set, or its files are not here.

    Raises:
        StaleSeedsError: If the files are here but wrong.
    """
    config = manifest.parameters.get('config')
    dataset = config.get('dataset') if isinstance(config, Mapping) else None
    if not isinstance(dataset, Mapping) or DATASETS.get(str(dataset.get('type'))) is None:
        return None
    plain = dict(pipeline=[], lazy_init=False, serialize_data=False)
    options = {**without_saliency(dataset), **plain}
    try:
        built: Any = DATASETS.build(options)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise StaleSeedsError(
            f'Seeds cannot be compared with the tags of today, which are wrong: {error}'
        ) from None
    if not hasattr(built, 'all_classes'):
        return None
    sources = {}
    for index in range(len(built)):
        info = built.get_data_info(index)
        tags = tuple(manifest.classes[label + 1] for label in sorted(info['gt_label']))
        sources[info['image_id']] = CurrentImage(info['img_path'], tags)
    return sources


def check_seeds_of_today(
    root: str, manifest: SeedManifest, paths: Mapping[str, str], source: str
) -> None:
    """Refuse seeds that were made of other tags or photographs, see :func:`find_stale_seeds`.

    Where :func:`mmseg_wsss.apis.aggregate_folders` voted on seeds, theirs are looked at, and
    whether the vote is older. Masks without records, made by others or by an earlier version, are
    taken as they are.

    Args:
        root (str): The seed root.
        manifest (SeedManifest): Its manifest, which says where the tags are.
        paths (Mapping[str, str]): By id the files of the images that are to be used.
        source (str): What names the images, for the message.

    Raises:
        StaleSeedsError: If there are any, its ``problems`` names all; or if the tags of today are
            wrong.
    """
    stale = find_older_votes(root, manifest, list(paths))
    for made, its_manifest in [*_roots_voted_on(manifest), (root, manifest)]:
        if not ImageRecords(made).folder.is_dir():
            continue
        tagged = (its_manifest and seed_sources(its_manifest)) or {}
        images = {
            image_id: CurrentImage(path, tagged[image_id].tags if image_id in tagged else None)
            for image_id, path in paths.items()
        }
        stale.update(find_stale_seeds(made, images))
    if stale:
        lines = [*stale.values()][:SHOWN] + ['...'] * (len(stale) > SHOWN)
        raise StaleSeedsError(
            f'{source}: the seeds of {len(stale)} images are not of the tags and photographs of '
            'today:\n  ' + '\n  '.join(lines) + '\nRun tools/make_seeds.py again with the config '
            'and the checkpoint of the classifier, and after it tools/aggregate_seeds.py where it '
            'voted on them: they make these alone. check_records=False of the data set trains '
            'with the seeds as they are.',
            stale,
        )


def _roots_voted_on(manifest: SeedManifest) -> Iterator[tuple[str, SeedManifest | None]]:
    """Give the seed roots and the folders of pseudo masks that a root was voted from."""
    done = set()
    for folder in map(Path, manifest.parameters.get('directories') or ()):
        if (folder / SETTINGS_NAME).is_file():
            yield str(folder), None
        elif (folder.parent / MANIFEST_NAME).is_file() and folder.parent not in done:
            done.add(folder.parent)
            yield str(folder.parent), SeedManifest.load(folder.parent / MANIFEST_NAME)


def find_older_votes(
    root: str | os.PathLike, manifest: SeedManifest, image_ids: Sequence[str]
) -> dict[str, str]:
    """Find images whose aggregate is older than a mask that it was voted from.

    Args:
        root (str | os.PathLike): The seed root.
        manifest (SeedManifest): Its manifest, which names the folders of the masks.
        image_ids (Sequence[str]): Ids of the images to look at.

    Returns:
        dict[str, str]: One line by image id; masks that are not here are not compared.
    """
    folders = [Path(folder) for folder in manifest.parameters.get('directories') or ()]
    older = {}
    for image_id in image_ids if folders else ():
        vote = _time(Path(root) / AGGREGATED_FOLDER / f'{image_id}.png')
        for folder in folders:
            mask = folder / f'{image_id}.png'
            if vote is not None and (_time(mask) or vote) > vote:
                change = f'are older than {mask}, which they were voted from'
                older[image_id] = describe_change(root, image_id, change)
                break
    return older


def _time(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def find_stale_seeds(root: str, images: Mapping[str, CurrentImage]) -> dict[str, str]:
    """Find seeds that were made of other tags or of photographs of another size in bytes.

    Photographs are not read.

    Args:
        root (str): The seed root.
        images (Mapping[str, CurrentImage]): What there is today, by image id.

    Returns:
        dict[str, str]: One line by image id for each image whose seeds are stale, or have no
        record.
    """
    records = ImageRecords(root)
    stale = {}
    for image_id, image in images.items():
        record = records.read(image_id)
        change = NO_RECORD
        if record is not None:
            change = None if image.tags is None else record.change_of_tags(image.tags)
            change = change or record.change_of_photograph(image.path, whole=False)
        if change is not None:
            stale[image_id] = describe_change(root, image_id, change)
    return stale


def describe_change(root: object, image_id: str, change: str) -> str:
    """Give the line on an image's seeds, see :meth:`ImageRecords.change`."""
    return f'{root}: the masks of {image_id} {change}'
