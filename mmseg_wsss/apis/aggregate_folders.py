"""Aggregation of folders of masks, one per seed, whoever made them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..datasets.splits import read_split
from ..seeds import aggregate_seeds, find_losing_votes
from ..store import (
    MASK_FOLDERS,
    SeedManifest,
    SeedStore,
    check_image_id,
    folder_supervision,
    joint_supervision,
    read_mask,
)
from ..utils.palette import label_palette
from ..utils.parallel import run_parallel
from ..utils.progress import Progress

# With more wrong files than this something is wrong with all of them, e.g. the class list.
MAX_FAILURES = 20


@dataclass(frozen=True)
class Aggregation:
    """What an aggregation did.

    Attributes:
        images (int): Number of images.
        kept (int): Of these, how many a run before had made of the same seeds.
        votes (np.ndarray): int64 (S + 1,), pixels by agreement.
        dropped (int): Images of a run before that are no longer there, whose masks were dropped.
    """

    images: int
    kept: int
    votes: np.ndarray
    dropped: int = 0

    def summary(self) -> str:
        """Describe how far the seeds agree, as a table of thresholds and noisy pixels."""
        total = max(int(self.votes.sum()), 1)
        lines = [f'{"threshold":>10} {"noisy pixels":>13}']
        for threshold in range(max(2, len(self.votes) - 6), len(self.votes)):
            noisy = int(self.votes[1:threshold].sum())
            lines.append(f'{threshold:>10} {100 * noisy / total:>11.2f} %')
        lines.append(f'no seed votes at {100 * int(self.votes[0]) / total:.2f} % of the pixels')
        return '\n'.join(lines)


def aggregate_folders(
    folders: Sequence[str | Path],
    out: str | Path,
    classes: Sequence[str],
    names: Sequence[str] | None = None,
    tie: str = 'lowest',
    seed_order: Sequence[str] | None = None,
    split: str | Path | None = None,
    jobs: int = 1,
    overwrite: bool = False,
) -> Aggregation:
    """Vote the masks of several folders into a seed root. A stopped run is resumed by the same
    call; images that were added are made, masks of images that were removed are dropped. Aggregates
    that a person corrected stay as they are.

    Args:
        folders (Sequence[str | Path]): One per seed, each with one PNG of the same name and size
            per image (8-bit palette or grey, label 0 is background, 255 does not vote).
        out (str | Path): The seed root: ``aggregated``, ``agreement``, ``losing_votes``,
            ``manifest.json``, which says what the seeds were made from (I or I+S) where they do.
            Losing votes are added to a root of an earlier version.
        classes (Sequence[str]): Class names, background first.
        names (Sequence[str], optional): Names of the seeds; those of the folders without it.
        tie, seed_order: See :func:`mmseg_wsss.seeds.aggregate_seeds`; the order by names.
        split (str | Path, optional): File that lists the images; all without it.
        jobs (int): Number of processes; the result does not depend on it.
        overwrite (bool): Whether to delete the masks of a root that was made otherwise, or to drop
            those of more than half of its images.

    Returns:
        Aggregation: What was made.

    Raises:
        FileNotFoundError: If a folder is missing.
        ValueError: If folders, names, images or masks do not fit each other, or the root was made
            otherwise; the message names the files.
    """
    folders, out = [Path(folder) for folder in folders], Path(out)
    names = list(names or [folder.resolve().name for folder in folders])
    check_seed_folders(folders, names, out)
    supervision = joint_supervision(map(folder_supervision, folders))
    image_ids = find_seed_images(folders, None if split is None else Path(split))
    manifest = SeedManifest(
        classes=list(classes),
        palette=label_palette(len(classes)),
        seeds=[dict(name=name, dropout=None, scale=None) for name in names],
        images=image_ids,
        tie=tie,
        seed_order=None if seed_order is None else list(seed_order),
        # Where the seeds came from: masks of the same names elsewhere are other seeds.
        parameters=dict(directories=[str(folder.resolve()) for folder in folders])
        | ({} if supervision is None else dict(supervision=supervision)),
    )
    store = SeedStore(out)
    dropped = store.open(manifest, overwrite)
    work = partial(
        _aggregate_image,
        store=store,
        directories=folders,
        num_classes=len(classes),
        palette=manifest.palette,
        tie=tie,
        seed_order=manifest.seed_positions,
    )
    votes = np.zeros(len(names) + 1, np.int64)
    failures: list[_Result] = []
    kept = 0
    progress = Progress(len(image_ids), 'images to aggregate')
    for result in run_parallel(work, image_ids, jobs):
        progress.step()
        if result.failure is None:
            votes += result.votes
            kept += result.kept
        else:
            failures.append(result)
            if len(failures) > MAX_FAILURES:
                break
    if failures:
        lines = [one.failure for one in sorted(failures, key=lambda one: one.image_id)]
        stopped = ' Stopped there.' if len(failures) > MAX_FAILURES else ''
        raise ValueError(
            '\n'.join(lines) + f'\n{len(failures)} images could not be aggregated.{stopped} '
            'Correct their seeds and run the same command again.'
        )
    return Aggregation(len(image_ids), kept, votes, len(dropped))


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
    """List the images that have a mask in every folder; hidden files and folders do not count.

    Args:
        folders (Sequence[Path]): A folder of masks per seed.
        split (Path, optional): Split list of the images; by default all that are found.

    Returns:
        list[str]: Image ids, sorted or as in the split.

    Raises:
        ValueError: If there is no image, an id is invalid, or a folder lacks the mask of one.
    """
    found = [
        {
            path.relative_to(folder).as_posix()[:-4]
            for path in folder.rglob('*.png')
            if not any(part[0] == '.' for part in path.relative_to(folder).parts)
        }
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


@dataclass(frozen=True)
class _Result:
    """What became of one image: votes counts its pixels by agreement, 0 to S."""

    image_id: str
    votes: np.ndarray | None = None
    kept: bool = False
    failure: str | None = None


def _aggregate_image(
    image_id: str,
    store: SeedStore,
    directories: Sequence[Path],
    num_classes: int,
    palette: list[list[int]],
    tie: str,
    seed_order: list[int] | None,
) -> _Result:
    """Aggregate one image, or keep what a run before has made of the same seeds."""
    num_seeds = len(directories)
    sources = [directory / f'{image_id}.png' for directory in directories]
    try:
        whole = _is_up_to_date(store, image_id, sources) and store.is_complete(
            image_id, [], num_seeds, num_classes, losing_votes=True
        )
        corrected = store.corrections.has(image_id)
        if whole and (not corrected or store.corrections.is_applied(image_id)):
            agreement = store.read_agreement(image_id, num_seeds)
            return _Result(image_id, _count(agreement, num_seeds), kept=True)
        first = read_mask(sources[0], num_classes=num_classes)
        others = [read_mask(source, first.shape, num_classes) for source in sources[1:]]
        seeds = np.stack([first, *others])
        rule = dict(tie=tie, seed_order=seed_order)
        label, agreement = aggregate_seeds(seeds, num_classes, **rule)
        losing_votes = find_losing_votes(seeds, num_classes, **rule)
        store.write(image_id, {}, label, agreement, palette, losing_votes=losing_votes)
        if corrected:
            agreement = store.read_agreement(image_id, num_seeds)
    except (ValueError, FileNotFoundError) as error:
        return _Result(image_id, failure=str(error))
    return _Result(image_id, _count(agreement, num_seeds))


def _is_up_to_date(store: SeedStore, image_id: str, sources: Sequence[Path]) -> bool:
    """Tell whether the aggregate is there and no seed was changed after it."""
    try:
        made = min(store.mask_path(folder, image_id).stat().st_mtime_ns for folder in MASK_FOLDERS)
    except FileNotFoundError:
        return False
    # A copy may keep the time of its original, but the file system knows when it came.
    changed = [max(found.st_mtime_ns, found.st_ctime_ns) for found in map(os.stat, sources)]
    return max(changed) <= made


def _count(agreement: np.ndarray, num_seeds: int) -> np.ndarray:
    """Count pixels by agreement, 0 to S."""
    return np.bincount(agreement.reshape(-1), minlength=num_seeds + 1)
