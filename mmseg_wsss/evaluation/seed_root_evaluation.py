"""The evaluation of a whole seed root, image by image, by several processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.tags import tags_for
from ..seeds import IGNORE_INDEX
from ..store import AGGREGATED_FOLDER, SeedManifest, SeedStore, read_mask
from ..utils.parallel import run_parallel
from ..utils.progress import Progress
from .data import evaluation_data
from .image_statistics import ImageStatistics
from .scores import GroundTruthFolder
from .seed_evaluation import Counts, EvaluationSetting, SeedEvaluation, count_image

# With more wrong files than this something is wrong with all of them, e.g. the class list.
MAX_FAILURES = 20


@dataclass
class SeedRootEvaluation:
    """What was evaluated, and the result.

    Attributes:
        evaluation (SeedEvaluation): The counts.
        manifest (SeedManifest): Of the seed root.
        head (dict[str, Any]): What was evaluated and how, as JSON values.
        missing (list[str]): Paths that were missing, sorted, where that was allowed.
    """

    evaluation: SeedEvaluation
    manifest: SeedManifest
    head: dict[str, Any]
    missing: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Give all scores under stable keys, see :func:`~mmseg_wsss.evaluation.evaluation_data`."""
        return evaluation_data(self)


@dataclass(frozen=True)
class _Result:
    image_id: str
    counts: Counts | None = None
    statistics: ImageStatistics | None = None
    missing: str | None = None
    failure: str | None = None


def evaluate_seed_root(
    root: Path,
    image_ids: Sequence[str] | None = None,
    truth: GroundTruthFolder | None = None,
    tags: Mapping[str, tuple[int, ...]] | None = None,
    subsets: bool = False,
    trimap_width: int = 5,
    allow_missing: bool = False,
    jobs: int = 1,
    split_name: str | None = None,
) -> SeedRootEvaluation:
    """Evaluate a seed root. The result does not depend on the number of processes.

    Args:
        root (Path): As ``tools/make_seeds.py`` or ``tools/aggregate_seeds.py`` wrote it.
        image_ids (Sequence[str], optional): Images to evaluate; all of the manifest where None.
        truth (GroundTruthFolder, optional): The ground truth.
        tags (Mapping, optional): Labels of the tags by image id; every image needs an entry.
        subsets (bool): Whether to score the aggregate of every subset of at most eight seeds;
            needs the truth and the seeds.
        trimap_width (int): Width of the trimap's band in pixels, at least 1.
        allow_missing (bool): Leave an image out if one of its masks is missing.
        jobs (int): Number of processes.
        split_name (str, optional): What ``image_ids`` are, for the head.

    Returns:
        SeedRootEvaluation: The result.

    Raises:
        FileNotFoundError: If there is no manifest, no folder of ground truth or, unless allowed, a
            mask is missing; the message names the files.
        ValueError: If a mask is damaged, of another size or has a label out of range, an image is
            not in the manifest or has no tags, or no image is left.
    """
    store = SeedStore(root)
    manifest = SeedManifest.load(store.manifest_path)
    ids = list(manifest.images) if image_ids is None else list(image_ids)
    setting = _setting(root, manifest, truth, subsets, trimap_width)
    _check(store, manifest, ids, truth, tags)
    work = partial(
        _evaluate_image, store=store, setting=setting, truth=truth, tags=tags, skip=allow_missing
    )
    evaluation, missing, failures = SeedEvaluation(setting), [], []
    progress = Progress(len(ids), 'images to evaluate')
    corrected = set(manifest.corrected)
    for result in run_parallel(work, ids, jobs):
        progress.step()
        if result.failure is not None:
            failures.append(result)
            if len(failures) > MAX_FAILURES:
                break
        elif result.missing is not None:
            missing.append(result.missing)
        else:
            statistics = replace(result.statistics, corrected=result.image_id in corrected)
            evaluation.add(result.counts, statistics)
    if failures:
        lines = [one.failure for one in sorted(failures, key=lambda one: one.image_id)]
        more = ' or more, stopped there' if len(failures) > MAX_FAILURES else ''
        raise ValueError(f'{len(lines)} images{more}:\n' + '\n'.join(lines))
    if not evaluation.images:
        raise ValueError(f'{root}: of {len(ids)} images none has all of its masks')
    head = _head(Path(root), evaluation, manifest, truth, split_name)
    return SeedRootEvaluation(evaluation, manifest, head, sorted(missing))


def _setting(
    root: Path, manifest: SeedManifest, truth: GroundTruthFolder | None, subsets: bool, width: int
) -> EvaluationSetting:
    names = manifest.seed_names
    # Either all seeds are kept in the root or, to save space or made elsewhere, none.
    kept = any((root / name).is_dir() for name in names)
    if subsets and (truth is None or not kept):
        lacking = 'there is no ground truth' if truth is None else 'the root keeps no seeds'
        raise ValueError(f'{root}: subsets of the seeds cannot be scored, {lacking}')
    if width < 1:
        raise ValueError(f'trimap width {width}, expected at least 1')
    order = manifest.seed_positions
    return EvaluationSetting(
        classes=tuple(manifest.classes),
        num_seeds=len(names),
        seed_names=tuple(names) if kept else (),
        tie=manifest.tie,
        seed_order=tuple(order) if order else None,
        subsets=subsets,
        trimap_width=width,
    )


def _check(
    store: SeedStore,
    manifest: SeedManifest,
    ids: Sequence[str],
    truth: GroundTruthFolder | None,
    tags: Mapping[str, tuple[int, ...]] | None,
) -> None:
    """Check what can be checked before the first image."""
    if manifest.ignore_index != IGNORE_INDEX:
        raise ValueError(
            f'{store.manifest_path}: ignore_index is {manifest.ignore_index}, only '
            f'{IGNORE_INDEX} can be evaluated'
        )
    known = set(manifest.images)
    strangers = [image_id for image_id in ids if image_id not in known]
    if strangers:
        raise ValueError(
            f'{store.manifest_path}: {len(strangers)} of the {len(ids)} images of the split are '
            f'not in this root, first {", ".join(strangers[:3])}'
        )
    if truth is not None:
        if not truth.folder.is_dir():
            raise FileNotFoundError(f'{truth.folder}: there is no such folder of ground truth')
        if truth.classes and not set(truth.classes) & set(manifest.classes[1:]):
            raise ValueError(
                f'{truth.folder}: its classes {", ".join(truth.classes[:3])}, ... share none with '
                f'the seeds, {", ".join(manifest.classes[:3])}, ...'
            )
    if tags is not None:
        bare = [image_id for image_id in ids if tags_for(tags, image_id) is None]
        if bare:
            raise ValueError(f'{len(bare)} images have no tags, first {", ".join(bare[:3])}')


def _evaluate_image(
    image_id: str,
    store: SeedStore,
    setting: EvaluationSetting,
    truth: GroundTruthFolder | None,
    tags: Mapping[str, tuple[int, ...]] | None,
    skip: bool,
) -> _Result:
    num_classes = len(setting.classes)
    try:
        label = read_mask(store.mask_path(AGGREGATED_FOLDER, image_id), None, num_classes)
        agreement = store.read_agreement(image_id, setting.num_seeds, label.shape)
        masks = label[None]
        if setting.seed_names:
            seeds = store.read_seeds(image_id, setting.seed_names, label.shape, num_classes)
            masks = np.concatenate([seeds, masks])
        true = truth and truth.read(image_id, label.shape, setting.classes)
    except FileNotFoundError as error:
        if skip:
            return _Result(image_id, missing=str(error))
        return _Result(image_id, failure=f'{error} (allow missing masks to leave the image out)')
    except ValueError as error:
        return _Result(image_id, failure=str(error))
    tagged = None if tags is None else tags_for(tags, image_id)
    return _Result(image_id, *count_image(image_id, masks, agreement, true, tagged, setting))


def _head(
    root: Path,
    evaluation: SeedEvaluation,
    manifest: SeedManifest,
    truth: GroundTruthFolder | None,
    split_name: str | None,
) -> dict[str, Any]:
    setting = evaluation.setting
    ground_truth = None
    if truth is not None:
        ground_truth = dict(
            folder=str(truth.folder),
            matched_by_name=truth.classes is not None,
            pixels=int(evaluation.counts['calibration'].sum()),
        )
    return dict(
        seed_root=str(root),
        split=split_name,
        seeds=list(manifest.seed_names),
        seeds_kept=bool(setting.seed_names),
        tie=setting.tie,
        classes=list(manifest.classes),
        palette=[list(color) for color in manifest.palette],
        ignore_index=manifest.ignore_index,
        ground_truth=ground_truth,
        supervision=manifest.parameters.get('supervision'),
        background_fit=manifest.parameters.get('background_fit'),
        corrected=sum(image.corrected for image in evaluation.images),
    )
