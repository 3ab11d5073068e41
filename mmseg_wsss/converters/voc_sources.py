"""The parts of the official VOC and SBD downloads: XML annotations and masks."""

from __future__ import annotations

import os
import os.path as osp
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import numpy as np

from ..store.masks import read_mask


def read_xml(path: str | os.PathLike) -> ElementTree.Element:
    """Read the outermost element of an XML file.

    Args:
        path (str | os.PathLike): The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no XML.
    """
    try:
        return ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, UnicodeError) as error:
        raise ValueError(f'{path}: not readable as XML ({error}).') from None


def read_xml_tags(
    path: str, classes: tuple[str, ...], count_difficult: bool = True
) -> tuple[int, ...]:
    """Read the classes of the objects in a VOC XML annotation.

    Objects marked ``difficult`` count by default: the field's ``cls_labels.npy`` is made from all
    object names. Names of body parts (``head``, ``hand``, ``foot``) are no objects.

    Args:
        path (str): Path of the XML file.
        classes (tuple[str, ...]): Class names, background first.
        count_difficult (bool): Whether objects marked ``difficult`` count.

    Returns:
        tuple[int, ...]: Sorted label indices, 1 to K-1.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no XML or names an object that is no class.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path}: no such annotation.')
    labels = set()
    for item in read_xml(path).findall('object'):
        name = (item.findtext('name') or '').strip()
        if name not in classes[1:]:
            raise ValueError(f'{path}: object {name!r} is none of the {len(classes) - 1} classes.')
        if count_difficult or (item.findtext('difficult') or '0').strip() != '1':
            labels.add(classes.index(name))
    return tuple(sorted(labels))


AUG_FOLDER = 'SegmentationClassAug'


@dataclass(frozen=True)
class MaskFolder:
    """A folder of SBD masks, one file for each image.

    Attributes:
        path (str): The folder.
        suffix (str): ``'.png'`` (SegmentationClassAug) or ``'.mat'`` (the benchmark's cls).
    """

    path: str
    suffix: str

    @classmethod
    def find(cls, path: str) -> MaskFolder:
        """Find the masks in a download.

        Args:
            path (str): SegmentationClassAug with its PNG files, the benchmark's ``cls`` with its
                mat files, or a folder that holds one of them (``benchmark_RELEASE``, for one).

        Returns:
            MaskFolder: The folder found.

        Raises:
            FileNotFoundError: If there is no mask.
        """
        candidates = ['', AUG_FOLDER, 'cls', 'dataset/cls', 'benchmark_RELEASE/dataset/cls']
        for candidate in candidates:
            folder = osp.normpath(osp.join(path, candidate))
            if not osp.isdir(folder):
                continue
            for suffix in ('.png', '.mat'):
                if any(name.endswith(suffix) and name[0] != '.' for name in os.listdir(folder)):
                    return cls(folder, suffix)
        raise FileNotFoundError(
            f'{path}: no SBD masks; expected PNG files (SegmentationClassAug) or mat files (cls of '
            'the SBD benchmark) there or in one of '
            f'{", ".join(candidate for candidate in candidates if candidate)}.'
        )

    def image_ids(self) -> list[str]:
        """Give the sorted ids of the images that have a mask here, hidden files left out."""
        names = (osp.splitext(name) for name in os.listdir(self.path) if name[0] != '.')
        return sorted(stem for stem, suffix in names if suffix == self.suffix)

    def mask_path(self, image_id: str) -> str:
        """Give the path of one mask."""
        return osp.join(self.path, image_id + self.suffix)


def read_sbd_mask(path: str, shape: tuple[int, int] | None, num_classes: int) -> np.ndarray:
    """Read a mask of SBD, as PNG or as the benchmark's mat file.

    Args:
        path (str): Path of the mask.
        shape (tuple[int, int], optional): Height and width of the image.
        num_classes (int): K, background included.

    Returns:
        np.ndarray: uint8 (H, W), 0 to K-1 and 255.

    Raises:
        FileNotFoundError: If there is no such file.
        ModuleNotFoundError: If the file is a mat file and scipy is not installed.
        ValueError: If the file is no mask of that size with labels below K (or 255).
    """
    if not path.endswith('.mat'):
        return read_mask(path, shape=shape, num_classes=num_classes)
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path}: no such mask.')
    mask = _read_mat(path)
    if shape is not None and mask.shape != tuple(shape):
        raise ValueError(f'{path}: the mask is {mask.shape}, its image {tuple(shape)}.')
    wrong = mask[(mask >= num_classes) & (mask != 255)]
    if wrong.size:
        raise ValueError(f'{path}: label {int(wrong.max())} is not below {num_classes} (nor 255).')
    return mask


def _read_mat(path: str) -> np.ndarray:
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'{path}: reading mat files needs scipy (pip install scipy), or give the same masks '
            'as PNG (SegmentationClassAug).'
        ) from error
    try:
        mask = loadmat(path, variable_names=['GTcls'])['GTcls'][0, 0]['Segmentation']
    except KeyError:
        raise ValueError(f'{path}: no GTcls, not a class mask of SBD.') from None
    except Exception as error:  # scipy raises many kinds for a broken file
        raise ValueError(f'{path}: not readable as a mask of SBD ({error}).') from None
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(
            f'{path}: the mask is {mask.dtype} {mask.shape}, expected uint8 (height, width).'
        )
    return mask
