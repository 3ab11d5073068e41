"""Writes the files beside this one by the libraries of the annotation tools.

Each part needs its library in an environment of its own (label-studio-sdk brings an OpenCV that
must not lie beside this package's): ``python make_files.py label-studio-sdk`` and so on. Those
checked in were written by label-studio-sdk 2.1.2, datumaro 1.13.12 and pycocotools 2.0.11.
"""

import json
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
HEIGHT, WIDTH = 6, 9
CAT = np.zeros((HEIGHT, WIDTH), bool)
CAT[1:4, 2:7] = True
DOG = np.zeros((HEIGHT, WIDTH), bool)  # over the cat, and in a corner
DOG[3:6, 5:9] = DOG[0, 0] = True


def write_label_studio() -> None:
    from label_studio_sdk.converter.brush import mask2rle

    def region(mask, name, number):
        value = dict(format='rle', rle=mask2rle(np.uint8(255 * mask)), brushlabels=[name])
        size = dict(original_width=WIDTH, original_height=HEIGHT, image_rotation=0)
        names = dict(id=number, type='brushlabels', from_name='label', to_name='image')
        return dict(**names, **size, value=value)

    result = [region(CAT, 'cat', 'r1'), region(DOG, 'dog', 'r2')]
    task = dict(
        id=7,
        data=dict(image='/data/upload/1/0a1b2c3d-a.jpg'),
        annotations=[dict(id=1, was_cancelled=False, result=result)],
        predictions=[],
    )
    (HERE / 'label_studio_sdk_tasks.json').write_text(json.dumps([task]))


def write_datumaro() -> None:
    from datumaro.components.annotation import (
        AnnotationType,
        LabelCategories,
        Mask,
        MaskCategories,
    )
    from datumaro.components.dataset import Dataset
    from datumaro.components.dataset_base import DatasetItem
    from datumaro.components.media import Image

    image = Image.from_numpy(np.zeros((HEIGHT, WIDTH, 3), np.uint8))

    def dataset(names, categories):
        masks = [
            Mask(mask, label=names.index(name), id=number, group=number, z_order=number)
            for number, (mask, name) in enumerate([(CAT, 'cat'), (DOG, 'dog')], start=1)
        ]
        item = DatasetItem('sub/a', subset='default', media=image, annotations=masks)
        return Dataset.from_iterable([item], categories=categories)

    names = ['background', 'cat', 'dog']
    colors = MaskCategories({0: (0, 0, 0), 1: (250, 50, 83), 2: (51, 221, 255)})
    categories = {
        AnnotationType.label: LabelCategories.from_iterable(names),
        AnnotationType.mask: colors,
    }
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'voc'
        # What CVAT calls "Segmentation mask 1.1".
        dataset(names, categories).export(
            str(out), 'voc_segmentation', save_media=False, label_map='source'
        )
        with zipfile.ZipFile(HERE / 'datumaro_voc_segmentation.zip', 'w') as archive:
            for file in sorted(out.rglob('*.*')):
                archive.write(file, file.relative_to(out).as_posix())
        out = Path(folder) / 'coco'
        dataset(names[1:], names[1:]).export(
            str(out), 'coco_instances', save_media=False, segmentation_mode='mask'
        )
        content = (out / 'annotations' / 'instances_default.json').read_bytes()
        (HERE / 'datumaro_coco_instances.json').write_bytes(content)


def write_pycocotools() -> None:
    from pycocotools import mask as coco_mask

    def annotation(number, category, mask):
        encoding = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
        encoding['counts'] = encoding['counts'].decode()
        box = coco_mask.toBbox(encoding).tolist()
        head = dict(id=number, image_id=1, category_id=category, iscrowd=1, area=int(mask.sum()))
        return dict(head, bbox=box, segmentation=encoding)

    content = dict(
        images=[dict(id=1, file_name='sub/a.jpg', height=HEIGHT, width=WIDTH)],
        annotations=[annotation(1, 3, CAT), annotation(2, 8, DOG)],
        categories=[dict(id=3, name='cat'), dict(id=8, name='dog')],
    )
    (HERE / 'pycocotools_run_lengths.json').write_text(json.dumps(content))


PARTS = {
    'label-studio-sdk': write_label_studio,
    'datumaro': write_datumaro,
    'pycocotools': write_pycocotools,
}

if __name__ == '__main__':
    PARTS[sys.argv[1]]()
