"""Seeds of images whose tags or photographs have changed since."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..registry import DATASETS
from ..store import ImageRecords, SeedManifest
from ..store.image_records import NO_RECORD

SHOWN = 10  # images named in one message


class StaleSeedsError(ValueError):
    """Seeds were made of other tags or photographs than there are.

    Args:
        problems (Mapping[str, str]): One line by image id.
        source (str): What names the images, for the message.
    """

    def __init__(self, problems: Mapping[str, str], source: str) -> None:
        self.problems = dict(problems)
        lines = [*self.problems.values()][:SHOWN] + ['...'] * (len(self.problems) > SHOWN)
        super().__init__(
            f'{source}: the seeds of {len(self.problems)} images are not of the tags and '
            'photographs of today:\n  '
            + '\n  '.join(lines)
            + '\nRun tools/make_seeds.py again with the config and the checkpoint of the '
            'classifier: it makes these alone. check_records=False of the data set trains with '
            'the seeds as they are.'
        )


@dataclass(frozen=True)
class SeedSource:
    """What the seeds of an image are to be made of.

    Attributes:
        path (str): The image's file.
        tags (tuple[str, ...]): Names of the classes in its tags.
    """

    path: str
    tags: tuple[str, ...]


def seed_sources(manifest: SeedManifest) -> dict[str, SeedSource] | None:
    """Read the tags and list the photographs of today where the makers of seeds found theirs.

    Args:
        manifest (SeedManifest): Of the seed root; the data set of its config says where.

    Returns:
        dict[str, SeedSource] | None: By image id, in the order of the data set; None if the
        manifest names no data set, or its files are not here.

    Raises:
        ValueError: If the files are here but wrong.
    """
    config = manifest.parameters.get('config')
    dataset = config.get('dataset') if isinstance(config, Mapping) else None
    if not isinstance(dataset, Mapping) or DATASETS.get(str(dataset.get('type'))) is None:
        return None
    options = {**copy.deepcopy(dict(dataset)), 'pipeline': [], 'lazy_init': False}
    try:
        built: Any = DATASETS.build(options)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not hasattr(built, 'all_classes'):
        return None
    sources = {}
    for index in range(len(built)):
        info = built.get_data_info(index)
        tags = tuple(manifest.classes[label + 1] for label in sorted(info['gt_label']))
        sources[info['image_id']] = SeedSource(info['img_path'], tags)
    return sources


def find_stale_seeds(
    root: str, manifest: SeedManifest, images: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """Find seeds that were made of other tags or of photographs of another size in bytes.

    Photographs are not read.

    Args:
        root (str): The seed root.
        manifest (SeedManifest): Its manifest.
        images (Sequence[tuple[str, str]]): Ids and files of the images that are to be used.

    Returns:
        dict[str, str]: One line by image id for each image whose seeds are stale. Empty for a root
        without records: one that was made by others, or by an earlier version.

    Raises:
        ValueError: If the tags of today cannot be read.
    """
    records = ImageRecords(root)
    if not records.folder.is_dir():
        return {}
    sources = seed_sources(manifest) or {}
    stale = {}
    for image_id, path in images:
        record = records.read(image_id)
        change = NO_RECORD if record is None else record.change_of_photograph(path, whole=False)
        if record is not None and image_id in sources:
            change = record.change_of_tags(sources[image_id].tags) or change
        if change is not None:
            stale[image_id] = describe_change(root, image_id, change)
    return stale


def describe_change(root: object, image_id: str, change: str) -> str:
    """Give the line on an image's seeds, see :meth:`ImageRecords.change`."""
    return f'{root}: the masks of {image_id} {change}'
