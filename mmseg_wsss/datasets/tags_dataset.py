"""Images and their tags, for the classifier."""

from __future__ import annotations

import copy
import os.path as osp
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmpretrain.datasets import MultiLabelDataset

from ..registry import DATASETS
from ..store.saliency import SaliencyFolder
from ..utils.image import check_readable_once
from .splits import read_split
from .tags import read_tags, tags_for


@DATASETS.register_module()
class TagsDataset(MultiLabelDataset):
    """Images with image-level tags, a multi-label data set of mmpretrain.

    The class list is the segmentation's, background first, so that one list serves the whole
    chain; the background is no class of the classifier: ``gt_label`` holds foreground indices, 0
    for the first foreground class, and ``metainfo['classes']`` the K-1 foreground names.

    Args:
        tags_file (str): CSV, JSON or ``cls_labels.npy``, see
            :func:`mmseg_wsss.datasets.tags.read_tags`. Relative to ``data_root``.
        ann_file (str): The split: image ids, one a line. Relative to ``data_root``.
        metainfo (dict): ``classes``, background first, and ``palette``.
        data_root (str): Root of ``tags_file``, ``ann_file`` and ``data_prefix``.
        data_prefix (str | dict): ``img_path``, the folder of the images, and where a classifier
            learns from saliency maps too ``saliency_path``, that of 8-bit maps ``<image id>.png``
            (see ``tools/make_saliency.py``).
        img_suffix (str): Suffix of the image files.
        other_tags (Sequence[str]): Tags of the file that are no class of this data set and are
            dropped: how to work on some of the classes of a larger set. CSV lists and JSON only.
        **kwargs: Passed on to :class:`mmpretrain.datasets.MultiLabelDataset`.

    Raises:
        FileNotFoundError: If the folder of the saliency maps, or a map in it, is missing.
        ValueError: If the split is empty, an image of the split has no entry in the tags file, or
            a tag is not a class.
    """

    def __init__(
        self,
        tags_file: str,
        ann_file: str,
        metainfo: dict,
        data_root: str = '',
        data_prefix: str | dict = '',
        img_suffix: str = '.jpg',
        other_tags: Sequence[str] = (),
        **kwargs,
    ) -> None:
        self.tags_file = osp.join(data_root, tags_file)
        self.img_suffix = img_suffix
        self.other_tags = tuple(other_tags)
        self.all_classes = tuple(metainfo['classes'])
        super().__init__(
            ann_file=ann_file,
            metainfo=dict(metainfo, classes=self.all_classes[1:]),
            data_root=data_root,
            data_prefix=data_prefix,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """List the images of the split with their tags.

        Returns:
            list[dict]: For each image ``img_path``, ``image_id`` and ``gt_label``, the sorted
            foreground indices (0 to K-2) of its tags; ``saliency_path`` if there are maps.
        """
        image_ids = read_split(self.ann_file)
        tags = read_tags(self.tags_file, self.all_classes + self.other_tags)
        maps = self.data_prefix.get('saliency_path')
        maps = SaliencyFolder(maps) if maps else None
        data_list = []
        missing = []
        for image_id in image_ids:
            labels = tags_for(tags, image_id)
            if labels is None:
                missing.append(image_id)
                continue
            info = dict(
                img_path=osp.join(self.img_prefix, image_id + self.img_suffix),
                image_id=image_id,
                gt_label=[label - 1 for label in labels if label < len(self.all_classes)],
            )
            if maps is not None:
                info['saliency_path'] = str(maps.path(image_id))
            data_list.append(info)
        if missing:
            raise ValueError(
                f'{self.tags_file}: {len(missing)} of the {len(image_ids)} images of '
                f'{self.ann_file} have no tags entry, first {", ".join(missing[:3])}. An image '
                'without any class needs an entry too, with an empty tag list.'
            )
        if maps is not None:
            _check_maps(maps, data_list)
        return data_list

    def prepare_data(self, idx: int) -> Any:
        """Load one image and its tags by the pipeline.

        Raises:
            ImageError: If the image's loader would read it as other than it is, see
                :mod:`mmseg_wsss.utils.image_refusal`.
        """
        check_readable_once(self.get_data_info(idx)['img_path'])
        return super().prepare_data(idx)


def without_saliency(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the config of a data set, without saliency maps: for those who need the tags alone.

    >>> without_saliency(dict(data_prefix=dict(img_path='images', saliency_path='maps')))
    {'data_prefix': {'img_path': 'images'}}
    """
    config = copy.deepcopy(dict(dataset))
    prefix = config.get('data_prefix')
    if isinstance(prefix, Mapping):
        config['data_prefix'] = {key: prefix[key] for key in prefix if key != 'saliency_path'}
    return config


def crop_size(pipeline: Iterable[Mapping[str, Any]], default: int = 224) -> tuple[int, int]:
    """Find the height and width that a pipeline cuts its images to.

    Args:
        pipeline (Iterable[Mapping]): Configs of transforms, those in a wrapper's ``transforms``
            included.
        default (int): Side of the square where none cuts.

    >>> crop_size([dict(type='LoadImageFromFile'), dict(type='RandomResizedCrop', scale=192)])
    (192, 192)
    """
    for step in pipeline:
        if 'transforms' in step:
            size: Any = crop_size(step['transforms'], 0)
        else:
            size = 'Crop' in str(step.get('type')) and (step.get('scale') or step.get('crop_size'))
        if isinstance(size, int) and size:
            return size, size
        if isinstance(size, Sequence) and all(size):
            return size[0], size[1]
    return default, default


def whole_image_steps(pipeline: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give the steps that a classifier's pipeline has left when it sees whole images as squares.

    A crop, which pipelines of classifiers test on, may cut off what a tag is about.

    Args:
        pipeline (Iterable[Mapping]): Configs of transforms; what it cuts to is the size.

    >>> whole_image_steps([dict(type='mmpretrain.CenterCrop', crop_size=192)])[0]['scale']
    (192, 192)
    """
    return [
        dict(type='mmpretrain.Resize', scale=crop_size(pipeline)),
        dict(type='mmpretrain.PackInputs'),
    ]


def _check_maps(maps: SaliencyFolder, data_list: list[dict]) -> None:
    missing = [info['image_id'] for info in data_list if not osp.isfile(info['saliency_path'])]
    if missing:
        raise FileNotFoundError(
            f'{maps.root}: {len(missing)} of the {len(data_list)} images have no saliency map '
            f'<image id>.png, first {", ".join(missing[:3])}. tools/make_saliency.py makes those '
            'that are missing.'
        )
