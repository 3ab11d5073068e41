"""Segmentation data sets whose labels are seeds, and COCO 2014 with its ground truth."""

from __future__ import annotations

import os.path as osp
from typing import Any

from mmengine import fileio
from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset, PascalVOCDataset

from ..registry import DATASETS
from ..store import (
    AGGREGATED_FOLDER,
    AGREEMENT_FOLDER,
    LOSING_VOTES_FOLDER,
    MANIFEST_NAME,
    ImageRecords,
    SeedManifest,
)
from ..utils.image import check_readable_once
from .class_names import COCO_METAINFO
from .seed_records import check_seeds_of_today
from .splits import read_split
from .tags import read_tags, tags_for

TAGS_OF_RECORDS = 'records'


@DATASETS.register_module()
class SeedDataset(BaseSegDataset):
    """Photographs with the masks of a seed root: the aggregate with its agreement, or one seed.

    The seed root is what ``tools/make_seeds.py`` and ``tools/aggregate_seeds.py`` write. Its
    manifest decides the label space: classes that differ from this data set's are refused, as is
    a split with an image whose masks are missing, or made of other tags or another photograph than
    it has today, before the first batch is read.

    Args:
        seed_root (str): The seed root, relative to the working directory (not to ``data_root``).
        ann_file (str): The split: image ids, one a line. Relative to ``data_root``.
        seed (str): ``'aggregated'`` or the name of one seed, e.g. ``'0.05-1.20'``. One seed has no
            agreement: all of its pixels are clean. Images that are corrected by hand have their
            corrected mask in any case.
        data_prefix (dict): ``img_path``, the folder of the images, relative to ``data_root``.
        img_suffix (str): Suffix of the image files.
        metainfo (dict, optional): ``classes``, background first, and ``palette``; taken from the
            seed root's manifest where neither this argument nor the class defines them.
        tags (str, optional): Gives each image the tags that a loss on them reads
            (``PNHybridLoss(tag_set_weight=...)``): ``'records'``, those that its seeds were made
            with, or a file that :func:`mmseg_wsss.datasets.tags.read_tags` reads, relative to
            ``data_root``. They are in the packed sample's ``metainfo['tags']``, labels 1 to K-1.
        check_records (bool): Whether to compare the tags that the seeds were made with, and the
            size of the photographs' files, with those of today. The tags are read where the maker
            of the seeds read them; if there are none, as on another machine, they are taken as
            they were. Roots without records are not compared.
        **kwargs: Passed on to :class:`mmseg.datasets.BaseSegDataset`.

    Raises:
        FileNotFoundError: If the seed root has no manifest, an image has no mask in it, or no
            losing votes though ``LoadSeedAnnotations(losing_votes=True)`` is in the pipeline.
        ValueError: If the split is empty, the classes differ from the manifest's, the seed is not
            in the manifest, ``reduce_zero_label`` is set (label 0 is the background here), or an
            image has no tags though they are asked for.
        StaleSeedsError: If seeds are of other tags or photographs.
    """

    def __init__(
        self,
        seed_root: str,
        ann_file: str,
        seed: str = AGGREGATED_FOLDER,
        data_prefix: dict | None = None,
        img_suffix: str = '.jpg',
        metainfo: dict | None = None,
        tags: str | None = None,
        check_records: bool = True,
        **kwargs,
    ) -> None:
        if kwargs.get('reduce_zero_label'):
            raise ValueError(
                f'{type(self).__name__}: reduce_zero_label=True would drop label 0, which is the '
                'background in every seed. Set it to False.'
            )
        self.seed_root = seed_root
        self.seed = seed
        self.tags = tags
        self.check_records = check_records
        self.manifest = SeedManifest.load(osp.join(seed_root, MANIFEST_NAME))
        metainfo = dict(metainfo or {})
        if 'classes' not in metainfo and 'classes' not in self.METAINFO:
            metainfo['classes'] = tuple(self.manifest.classes)
            metainfo['palette'] = [list(color) for color in self.manifest.palette]
        super().__init__(
            ann_file=ann_file,
            data_prefix=dict(img_path='') if data_prefix is None else data_prefix,
            img_suffix=img_suffix,
            metainfo=metainfo,
            **kwargs,
        )

    def full_init(self) -> None:
        """Check the manifest against this data set, load the list of images and check each.

        Raises:
            ValueError, FileNotFoundError, StaleSeedsError: As the constructor.
        """
        if self._fully_initialized:
            return
        self._check_manifest()
        if not self._fully_initialized and self.manifest.supervision is not None:
            print_log(f'{self.seed_root}: supervision {self.manifest.supervision}', 'current')
        super().full_init()
        if self.check_records:
            infos = [self.get_data_info(index) for index in range(len(self))]
            paths = {info['image_id']: info['img_path'] for info in infos}
            check_seeds_of_today(self.seed_root, self.manifest, paths, self.ann_file)

    def load_data_list(self) -> list[dict]:
        """List the images of the split with their masks.

        Returns:
            list[dict]: For each image ``img_path``, ``seg_map_path``, ``image_id``,
            ``num_classes`` and, for the aggregate, ``agreement_path`` and ``num_seeds``, with
            losing votes ``losing_votes_path``, where asked for ``tags``.
        """
        image_ids = read_split(self.ann_file)
        with_agreement = self.seed == AGGREGATED_FOLDER
        folders = [self.seed] + ([AGREEMENT_FOLDER] if with_agreement else [])
        masks = {folder: self._list_masks(folder) for folder in folders}
        missing = [
            osp.join(self.seed_root, folder, f'{image_id}.png')
            for image_id in image_ids
            for folder in folders
            if image_id not in masks[folder]
        ]
        if missing:
            raise FileNotFoundError(
                f'{len(missing)} masks for the {len(image_ids)} images of {self.ann_file} are '
                f'missing, first {", ".join(missing[:3])}. Make them (the same command resumes) '
                'or take the images out of the split.'
            )
        with_losing_votes = self._reads_losing_votes()
        if with_losing_votes:
            self._check_losing_votes(image_ids)
        tags = None if self.tags is None else self._find_tags(image_ids)
        # Of an image that is corrected, the aggregate is the corrected mask.
        corrected = set(self.manifest.corrected)
        data_list = []
        for image_id in image_ids:
            folder = AGGREGATED_FOLDER if image_id in corrected else self.seed
            info = dict(
                img_path=self.image_path(image_id),
                seg_map_path=osp.join(self.seed_root, folder, f'{image_id}.png'),
                image_id=image_id,
                num_classes=len(self.manifest.classes),
                label_map=None,
                reduce_zero_label=False,
                seg_fields=[],
            )
            if with_agreement:
                info['agreement_path'] = osp.join(
                    self.seed_root, AGREEMENT_FOLDER, f'{image_id}.png'
                )
                info['num_seeds'] = len(self.manifest.seeds)
            if with_losing_votes:
                info['losing_votes_path'] = osp.join(
                    self.seed_root, LOSING_VOTES_FOLDER, f'{image_id}.png'
                )
            if tags is not None:
                info['tags'] = tags[image_id]
            data_list.append(info)
        return data_list

    def prepare_data(self, idx: int) -> Any:
        """Load one image and its seed by the pipeline.

        Raises:
            ImageError: If the image's loader would read it as other than it is, see
                :mod:`mmseg_wsss.utils.image_refusal`.
        """
        info = self.get_data_info(idx)
        check_readable_once(info['img_path'])
        packed = super().prepare_data(idx)
        if 'tags' in info and packed is not None and 'data_samples' in packed:
            # Here, so that no pipeline has to name them in meta_keys.
            packed['data_samples'].set_metainfo(dict(tags=info['tags']))
        return packed

    def image_path(self, image_id: str) -> str:
        """Path of an image; data sets with other file names override this."""
        return osp.join(self.data_prefix['img_path'], image_id + self.img_suffix)

    def _find_tags(self, image_ids: list[str]) -> dict[str, tuple[int, ...]]:
        """Give the labels, 1 to K-1, in the tags of each image."""
        if self.tags == TAGS_OF_RECORDS:
            source, found = self.seed_root, self._tags_of_records(image_ids)
        else:
            source = osp.join(self.data_root or '', self.tags)
            entries = read_tags(source, self._metainfo['classes'])
            found = {image_id: tags_for(entries, image_id) for image_id in image_ids}
        missing = [image_id for image_id, labels in found.items() if labels is None]
        if missing:
            raise ValueError(
                f'{source}: {len(missing)} of the {len(image_ids)} images of {self.ann_file} have '
                f'no tags (first {", ".join(missing[:3])}), which {type(self).__name__}('
                f'tags={self.tags!r}) gives to the loss. '
                + (
                    'Their seeds have no record of them: name a tags file.'
                    if self.tags == TAGS_OF_RECORDS
                    else 'Add them to the file or take the images out of the split.'
                )
            )
        return found

    def _tags_of_records(self, image_ids: list[str]) -> dict[str, tuple[int, ...] | None]:
        labels = {name: label for label, name in enumerate(self.manifest.classes)}
        records, found = ImageRecords(self.seed_root), {}
        for image_id in image_ids:
            record = records.read(image_id)
            names = None if record is None else record.tags
            unknown = [name for name in names or () if not labels.get(name)]
            if unknown:
                raise ValueError(
                    f'{records.path(image_id)}: tag {unknown[0]!r} is no foreground class of the '
                    'seed root.'
                )
            found[image_id] = None if names is None else tuple(sorted(labels[n] for n in names))
        return found

    def _reads_losing_votes(self) -> bool:
        """Whether the pipeline asks for the labels that lost the vote."""
        return any(getattr(step, 'losing_votes', False) for step in self.pipeline.transforms)

    def _check_losing_votes(self, image_ids: list[str]) -> None:
        asked = 'LoadSeedAnnotations(losing_votes=True)'
        if self.seed != AGGREGATED_FOLDER:
            raise ValueError(
                f'{type(self).__name__}: seed={self.seed!r} is a single seed, in which no label '
                f'lost a vote, but {asked} is in the pipeline. Train on '
                f'{AGGREGATED_FOLDER!r} or set losing_votes=False.'
            )
        there = self._list_masks(LOSING_VOTES_FOLDER)
        missing = [image_id for image_id in image_ids if image_id not in there]
        if missing:
            by_folders = 'directories' in self.manifest.parameters
            maker = 'tools/aggregate_seeds.py' if by_folders else 'tools/make_seeds.py'
            raise FileNotFoundError(
                f'{osp.join(self.seed_root, LOSING_VOTES_FOLDER)}: {len(missing)} of the '
                f'{len(image_ids)} images of {self.ann_file} have no losing votes (first '
                f'{", ".join(missing[:3])}), which {asked} reads; roots of earlier versions have '
                f'none. Run the command that made the root once more ({maker}): it adds them, '
                'without the network where the seeds are kept. Or set losing_votes=False.'
            )

    def _list_masks(self, folder: str) -> set[str]:
        directory = osp.join(self.seed_root, folder)
        if not fileio.isdir(directory):
            return set()
        names = fileio.list_dir_or_file(directory, list_dir=False, suffix='.png', recursive=True)
        return {name[: -len('.png')] for name in names}

    def _check_manifest(self) -> None:
        path = osp.join(self.seed_root, MANIFEST_NAME)
        classes = list(self._metainfo['classes'])
        if classes != list(self.manifest.classes):
            differences = [
                f'{index}: {ours!r} here, {theirs!r} there'
                for index, (ours, theirs) in enumerate(
                    zip(classes, self.manifest.classes, strict=False)
                )
                if ours != theirs
            ]
            raise ValueError(
                f'{path}: the seeds were made for {len(self.manifest.classes)} classes, this data '
                f'set has {len(classes)}; first difference: '
                f'{differences[0] if differences else "the number"}. Use the class list that the '
                'seeds were made with.'
            )
        names = [seed['name'] for seed in self.manifest.seeds]
        if self.seed != AGGREGATED_FOLDER and self.seed not in names:
            raise ValueError(
                f'{path}: there is no seed {self.seed!r}; there are '
                f'{", ".join([AGGREGATED_FOLDER, *names])}.'
            )


@DATASETS.register_module()
class VOCSeedDataset(SeedDataset):
    """PASCAL VOC 2012 (21 classes, background included) with seeds as labels.

    Arguments as in :class:`SeedDataset`; classes and palette are mmseg's.
    """

    METAINFO = PascalVOCDataset.METAINFO


@DATASETS.register_module()
class COCOSeedDataset(SeedDataset):
    """MS COCO 2014 (80 classes and background) with seeds as labels.

    Arguments as in :class:`SeedDataset`.
    """

    METAINFO = COCO_METAINFO


@DATASETS.register_module()
class FolderSeedDataset(SeedDataset):
    """A plain folder of images with seeds as labels.

    Arguments as in :class:`SeedDataset`. Classes and palette come from ``metainfo`` or, where it
    names none, from the manifest of the seed root.
    """


@DATASETS.register_module()
class COCO14Dataset(BaseSegDataset):
    """MS COCO 2014 (80 classes and background) with ground truth, for validation and testing.

    The masks are what ``tools/dataset_converters/coco14.py`` writes.
    """

    METAINFO = COCO_METAINFO
