"""The images that a trained network makes pseudo masks of."""

from __future__ import annotations

import copy
import os.path as osp
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.dataset import Compose
from torch.utils.data import Dataset

from ..datasets.splits import read_split
from ..registry import DATASETS
from ..store import MANIFEST_NAME, SeedManifest
from ..utils.palette import label_palette


class PseudoMaskImages(Dataset):
    """Images by id, through a test pipeline that needs no truth.

    Args:
        paths (Mapping[str, str]): Image id to the path of the image.
        pipeline (Sequence[dict]): Test pipeline or TTA pipeline; steps that load the truth are left
            out.
    """

    def __init__(self, paths: Mapping[str, str], pipeline: Sequence[dict]) -> None:
        self.paths = dict(paths)
        self.image_ids = list(self.paths)
        self.pipeline = Compose(without_annotations(pipeline))

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> dict:
        path = self.paths[self.image_ids[index]]
        return self.pipeline(
            dict(img_path=path, seg_fields=[], reduce_zero_label=False, label_map=None)
        )


def without_annotations(pipeline: Sequence) -> list:
    """Leave out the steps of a pipeline that load the truth, within ``TestTimeAug`` too.

    >>> without_annotations([dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')])
    [{'type': 'LoadImageFromFile'}]
    """
    kept = []
    for step in pipeline:
        if isinstance(step, (list, tuple)):
            step = without_annotations(step)
            if not step:  # an empty list of alternatives would leave no view at all
                continue
        elif step['type'].rpartition('.')[2] in ('LoadAnnotations', 'LoadSeedAnnotations'):
            continue
        elif 'transforms' in step:
            step = {**step, 'transforms': without_annotations(step['transforms'])}
        kept.append(copy.deepcopy(step))
    return kept


def training_images(config: Config, split: str | None = None) -> dict[str, str]:
    """List the images that a segmentation config trains on.

    Args:
        config (Config): Its ``train_dataloader.dataset`` names the split and the folder.
        split (str, optional): Another split list of images in the same folder.

    Returns:
        dict[str, str]: Image id to path.

    Raises:
        FileNotFoundError: If the split list or an image is missing.
        ValueError: If the config has no such data set.
    """
    dataset = training_dataset(config)
    root = dataset.get('data_root') or ''
    folder = osp.join(root, (dataset.get('data_prefix') or {}).get('img_path') or '')
    if split is None and not dataset.get('ann_file'):
        raise ValueError('train_dataloader.dataset of the config has no ann_file; give a split.')
    image_ids = read_split(split or osp.join(root, dataset['ann_file']))
    suffix = dataset.get('img_suffix', '.jpg')
    paths = {image_id: osp.join(folder, image_id + suffix) for image_id in image_ids}
    missing = [path for path in paths.values() if not osp.isfile(path)]
    if missing:
        raise FileNotFoundError(
            f'{len(missing)} of {len(paths)} images are missing, first {", ".join(missing[:3])}.'
        )
    return paths


def training_classes(config: Config) -> tuple[list[str], list[list[int]]]:
    """Give the classes and the palette that a segmentation config trains with.

    Args:
        config (Config): Its data set names them, by ``metainfo`` or its type, or its seed root.

    Returns:
        tuple[list[str], list[list[int]]]: Class names, background first, and RGB colours.

    Raises:
        ValueError: If none of them does.
    """
    dataset = training_dataset(config)
    kind = DATASETS.get(dataset['type'])
    info: dict[str, Any] = {**getattr(kind, 'METAINFO', {}), **(dataset.get('metainfo') or {})}
    if 'classes' not in info and 'seed_root' in dataset:
        manifest = SeedManifest.load(osp.join(dataset['seed_root'], MANIFEST_NAME))
        info = dict(classes=manifest.classes, palette=manifest.palette)
    if 'classes' not in info:
        raise ValueError(f'The data set {dataset["type"]!r} of the config names no classes.')
    classes = list(info['classes'])
    palette = info.get('palette') or label_palette(len(classes))
    return classes, [list(color) for color in palette]


def training_dataset(config: Config) -> Mapping[str, Any]:
    """Find the one data set that a config trains with, inside its wrappers.

    Raises:
        ValueError: If there is none, or there are several.
    """
    dataset = (config.get('train_dataloader') or {}).get('dataset')
    while isinstance(dataset, Mapping) and isinstance(dataset.get('dataset'), Mapping):
        dataset = dataset['dataset']  # RepeatDataset and the like
    if not isinstance(dataset, Mapping) or 'datasets' in dataset:
        raise ValueError('The config needs one data set in train_dataloader.')
    return dataset
