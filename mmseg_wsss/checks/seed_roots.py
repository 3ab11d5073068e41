"""The check of a seed root: its masks against each other, its manifest, tags and photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ..datasets.seed_records import CurrentImage, describe_change, find_older_votes, seed_sources
from ..seeds import IGNORE_INDEX, aggregate_seeds, find_losing_votes
from ..store import (
    AGGREGATED_FOLDER,
    CORRECTED_FOLDER,
    LOSING_VOTES_FOLDER,
    MASK_FOLDERS,
    SeedManifest,
    SeedStore,
    read_mask,
)
from ..utils.parallel import run_parallel
from ..utils.progress import Progress


def verify_seed_root(root: str | Path, jobs: int = 1) -> tuple[list[str], str]:
    """List what is wrong with a seed root.

    Where masks have records of what they were made of, these are compared with the tags and
    photographs of today, at the place where the masks' maker found them.

    Args:
        root (str | Path): The seed root.
        jobs (int): Number of processes.

    Returns:
        tuple[list[str], str]: Problems, each naming its file, empty if all is well; and what was
        checked, in words.

    Raises:
        FileNotFoundError, ValueError: If there is no manifest or it is damaged.
    """
    root = Path(root)
    store = SeedStore(root)
    manifest = SeedManifest.load(store.manifest_path)
    kept = [name for name in manifest.seed_names if (root / name).is_dir()]
    # Either all seeds are kept in the root or, to save space or made elsewhere, none.
    names = manifest.seed_names if kept else []
    sources, compared = _find_sources(store, manifest)
    work = partial(_verify_image, store=store, manifest=manifest, seed_names=names, sources=sources)
    problems: list[str] = []
    progress = Progress(len(manifest.images), 'images to verify')
    for found in run_parallel(work, manifest.images, jobs):
        progress.step()
        problems += found
    problems += find_older_votes(root, manifest, manifest.images).values()
    problems.sort()
    problems += _list_strangers(store, manifest, names)
    if sources is not None:
        listed = set(manifest.images)
        problems += [
            f'{root}: there are no masks of {image_id}, an image of the data set'
            for image_id in sources
            if image_id not in listed
        ]
    seeds = f'{len(names)} seeds each' if names else 'the seeds are not kept here'
    checked = f'{len(manifest.images)} images, {seeds}, {len(manifest.classes)} classes'
    if manifest.corrected:
        checked += f', {len(manifest.corrected)} images corrected by hand'
    if not (root / LOSING_VOTES_FOLDER).is_dir():
        checked += ', no losing votes (made by an earlier version; its command again adds them)'
    return problems, f'{checked}; {compared}'


def _find_sources(
    store: SeedStore, manifest: SeedManifest
) -> tuple[dict[str, CurrentImage] | None, str]:
    """Find the tags and photographs of today; say whether they are compared."""
    if not store.records.folder.is_dir():
        return None, 'no records of tags and photographs'
    sources = seed_sources(manifest)
    if sources is None:
        return None, 'tags and photographs are not here, so not compared'
    return sources, 'tags and photographs compared'


def _verify_image(
    image_id: str,
    store: SeedStore,
    manifest: SeedManifest,
    seed_names: Sequence[str],
    sources: Mapping[str, CurrentImage] | None,
) -> list[str]:
    """List what is wrong with the masks of one image."""
    problems = _verify_masks(image_id, store, manifest, seed_names)
    if sources is None:
        return problems
    change = 'are of an image that the data set no longer has'
    if image_id in sources:
        source = sources[image_id]
        change = store.records.change(image_id, source.path, source.tags)
    if change is not None:
        problems.append(describe_change(store.root, image_id, change))
    return problems


def _verify_masks(
    image_id: str, store: SeedStore, manifest: SeedManifest, seed_names: Sequence[str]
) -> list[str]:
    num_classes = len(manifest.classes)
    path = store.mask_path(AGGREGATED_FOLDER, image_id)
    try:
        label = read_mask(path, num_classes=num_classes, ignore_index=manifest.ignore_index)
        agreement = store.read_agreement(image_id, len(manifest.seeds), label.shape)
        if ((agreement == 0) != (label == manifest.ignore_index)).any():
            return [f'{path}: has a label where no seed votes, or none where one does']
        corrected = image_id in manifest.corrected
        if corrected and not store.corrections.is_applied(image_id):
            return [
                f'{path}: is not the corrected mask of {store.corrections.path(image_id)}; import '
                'it again (tools/import_annotations.py)'
            ]
        losing_votes = None
        if (store.root / LOSING_VOTES_FOLDER).is_dir():
            losing_votes = store.read_losing_votes(image_id, num_classes, label.shape)
            if not _may_have_lost(losing_votes, label, agreement, len(manifest.seeds)):
                lost = store.mask_path(LOSING_VOTES_FOLDER, image_id)
                return [f'{lost}: does not fit the aggregate and its agreement']
        if not seed_names:
            return []
        paths = [store.mask_path(name, image_id) for name in seed_names]
        seeds = np.stack(
            [read_mask(one, label.shape, num_classes, manifest.ignore_index) for one in paths]
        )
        if corrected:
            return []
        rule = (num_classes, manifest.ignore_index, manifest.tie, manifest.seed_positions)
        expected_label, expected_agreement = aggregate_seeds(seeds, *rule)
    except (ValueError, FileNotFoundError) as error:
        return [str(error)]
    if not (
        np.array_equal(label, expected_label) and np.array_equal(agreement, expected_agreement)
    ):
        return [f'{path}: is not the vote of the seeds beside it']
    if losing_votes is not None:
        expected = find_losing_votes(seeds, *rule)
        # Of an image without any, the file holds one empty mask.
        if not (
            np.array_equal(losing_votes[: len(expected)], expected)
            and (losing_votes[len(expected) :] == IGNORE_INDEX).all()
        ):
            lost = store.mask_path(LOSING_VOTES_FOLDER, image_id)
            return [f'{lost}: are not the labels that lost the vote of the seeds beside it']
    return []


def _may_have_lost(
    losing_votes: np.ndarray, label: np.ndarray, agreement: np.ndarray, num_seeds: int
) -> bool:
    """Whether labels could have lost to others, by what is known without the seeds.

    Args:
        losing_votes (np.ndarray): uint8 (L, H, W), most votes first, 255 where there is none.
        label (np.ndarray): uint8 (H, W), the aggregate.
        agreement (np.ndarray): uint8 (H, W), votes for it.
        num_seeds (int): S.

    Returns:
        bool: Whether no pixel has more losing labels than seeds beside those of its label, one that
        is its own label, or a gap.
    """
    lost = losing_votes != IGNORE_INDEX
    room = np.where(agreement > 0, num_seeds - agreement.astype(int), 0)
    return bool(
        (lost.sum(axis=0) <= room).all()
        and not (lost & (losing_votes == label)).any()
        and not (lost[1:] & ~lost[:-1]).any()
    )


def _list_strangers(
    store: SeedStore, manifest: SeedManifest, seed_names: Sequence[str]
) -> list[str]:
    """List masks and records of images that the manifest does not know."""
    known = set(manifest.images)
    strangers = [
        f'{store.records.path(image_id)}: the manifest has no such image'
        for image_id in sorted(store.records.image_ids())
        if image_id not in known
    ]
    corrected = set(manifest.corrected)
    strangers += [
        f'{store.corrections.path(image_id)}: the manifest does not list the image as corrected; '
        'import it again (tools/import_annotations.py) or remove the file'
        for image_id in sorted(store.corrections.image_ids())
        if image_id in known and image_id not in corrected
    ]
    for folder in (*seed_names, *MASK_FOLDERS, CORRECTED_FOLDER):
        for path in sorted((store.root / folder).rglob('*.png')):
            if path.relative_to(store.root / folder).as_posix()[:-4] not in known:
                strangers.append(f'{path}: the manifest has no such image')
    return strangers
