"""Folders of masks, one per seed, that someone else made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..datasets.splits import read_split
from ..store import check_image_id


def check_seed_folders(folders: Sequence[Path], names: Sequence[str], root: Path) -> None:
    """Make sure that folders and names fit each other, and that no seed can be overwritten.

    Args:
        folders (Sequence[Path]): A folder of masks per seed.
        names (Sequence[str]): What the seeds shall be called.
        root (Path): The seed root to write.

    Raises:
        FileNotFoundError: If a folder is missing.
        ValueError: If there are more or fewer names than folders, a name comes twice, or a folder
            and the root are inside one another.
    """
    if len(names) != len(folders):
        raise ValueError(f'--names gives {len(names)} names for {len(folders)} --seeds')
    if len(set(names)) != len(names):
        raise ValueError(f'the seeds are named {", ".join(names)}: tell them apart with --names')
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(f'{folder}: there is no such directory of seeds')
        seeds, out = folder.resolve(), root.resolve()
        if seeds.is_relative_to(out) or out.is_relative_to(seeds):
            raise ValueError(
                f'{folder}: these seeds and --out {root} are inside one another; choose a new '
                'root elsewhere'
            )


def find_seed_images(folders: Sequence[Path], split: Path | None = None) -> list[str]:
    """List the images that have a mask in every folder.

    Args:
        folders (Sequence[Path]): A folder of masks per seed.
        split (Path, optional): Split list of the images; by default all that are found.

    Returns:
        list[str]: Image ids, sorted or as in the split.

    Raises:
        ValueError: If there is no image, an id is invalid, or a folder lacks the mask of one.
    """
    found = [
        {path.relative_to(folder).as_posix()[:-4] for path in folder.rglob('*.png')}
        for folder in folders
    ]
    image_ids = sorted(set().union(*found)) if split is None else read_split(split)
    if not image_ids:
        raise ValueError(f'{folders[0]}: there is no .png file in any directory of seeds')
    for image_id in image_ids:
        check_image_id(image_id, str(folders[0]))
    lines = []
    for folder, stems in zip(folders, found, strict=True):
        missing = [image_id for image_id in image_ids if image_id not in stems]
        if missing:
            lines.append(f'  {folder}: {len(missing)} missing, first {", ".join(missing[:3])}')
    if lines:
        raise ValueError(
            f'every one of the {len(image_ids)} images must be in every directory of seeds:\n'
            + '\n'.join(lines)
            + '\nAdd the masks or leave the images out with --split.'
        )
    return image_ids
